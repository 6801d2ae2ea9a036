//! A volume that nobody takes away for now.

use std::os::fd::OwnedFd;
use std::path::Path;

use barque_sys::{file, path};

use super::record::FILE;
use super::{Volume, Volumes, check_name, no_such};
use crate::{ErrorKind, Result};

/// A volume that nobody removes or renames as long as this lives.
#[derive(Debug)]
pub struct Held {
    /// The volume.
    pub volume: Volume,
    pub(super) lock: OwnedFd,
    /// Whether it was made just now.
    pub(super) made: bool,
}

impl Held {
    /// Whether it was made just now, and not found.
    pub fn is_new(&self) -> bool {
        self.made
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // By closing alone a forked process's copy of the descriptor would keep it.
        drop(file::unlock(&self.lock));
    }
}

/// How a volume is locked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Lock {
    /// With others who want it to stay.
    Shared,
    /// By one who wants it away.
    Alone,
}

impl Volumes {
    /// Finds a volume.
    pub fn find(&self, name: &str) -> Result<Volume> {
        check_name(name).map_err(|_| no_such(name))?;
        Volume::read(&self.directory().join(name), name).map_err(|error| match error.kind() {
            ErrorKind::NotFound => no_such(name),
            _ => error,
        })
    }

    /// Finds a volume and keeps it from being removed.
    pub fn hold(&self, name: &str) -> Result<Held> {
        let lock = self.lock(name, Lock::Shared)?;
        Ok(Held { volume: self.find(name)?, lock, made: false })
    }

    /// Locks a volume's directory, which need not have a record that can be read.
    pub(super) fn lock(&self, name: &str, how: Lock) -> Result<OwnedFd> {
        check_name(name).map_err(|_| no_such(name))?;
        let directory = self.directory().join(name);
        loop {
            let fd = open(&directory, name)?;
            match how {
                Lock::Shared => file::lock_shared(&fd)?,
                Lock::Alone => file::lock(&fd)?,
            }
            // Whoever had it locked may have removed it, or renamed it.
            if is_still_there(&fd, &directory)? {
                return Ok(fd);
            }
        }
    }

    /// Locks a volume's directory for oneself, if nobody else has it locked.
    pub(super) fn try_lock(&self, name: &str) -> Result<Option<OwnedFd>> {
        let directory = self.directory().join(name);
        let fd = open(&directory, name)?;
        Ok((file::try_lock(&fd)? && is_still_there(&fd, &directory)?).then_some(fd))
    }
}

fn open(directory: &Path, name: &str) -> Result<OwnedFd> {
    let opened = file::open(directory, file::READ_DIRECTORY);
    opened.map_err(|error| if error.kind() == ErrorKind::NotFound { no_such(name) } else { error.into() })
}

fn is_still_there(fd: &OwnedFd, directory: &Path) -> Result<bool> {
    let own = path::stat(fd)?;
    let now = match file::open(directory, file::DIRECTORY) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        now => path::stat(now?)?,
    };
    Ok((own.st_dev, own.st_ino) == (now.st_dev, now.st_ino))
}

/// Whether a directory is a volume's.
pub(super) fn is_volume(directory: &Path) -> bool {
    directory.join(FILE).symlink_metadata().is_ok()
}
