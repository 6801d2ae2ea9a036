//! A file that only one can have: made whole under its name, or not at all.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use barque_sys::Call as _;
use barque_sys::file;
use rustix::fs::OFlags;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Result;

/// Begins the name of a file that has not got its own yet, or that only locks.
const HIDDEN: char = '.';

/// A directory of such files.
#[derive(Debug, Clone)]
pub(crate) struct Reservations {
    directory: PathBuf,
}

/// A file's text that is waiting for a name to be free.
#[derive(Debug)]
pub(crate) struct Draft<'a> {
    reservations: &'a Reservations,
    path: PathBuf,
}

impl Reservations {
    pub(crate) fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// The names that somebody has.
    pub(crate) fn names(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(&self.directory) else { return Vec::new() };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        names.filter(|name| !name.starts_with(HIDDEN)).collect()
    }

    /// What is written under a name.
    pub(crate) fn read<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        serde_json::from_str(&file::read(&self.directory.join(name)).ok()?).ok()
    }

    /// Writes a text that can then take a name. `unique` is the writer's own.
    pub(crate) fn draft(&self, unique: &str, value: &impl Serialize) -> Result<Draft<'_>> {
        let path = self.directory.join(format!("{HIDDEN}{unique}"));
        let text = serde_json::to_vec(value).unwrap_or_default();
        let written = match fs::write(&path, &text) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                file::make_directories(&self.directory, 0o711)?;
                fs::write(&path, &text)
            }
            written => written,
        };
        written.call(|| format!("write({path:?})"))?;
        Ok(Draft { reservations: self, path })
    }

    /// Removes the names that `gone` says so of. Only one process at a time removes: so nothing vanishes that another
    /// has taken between a look and the removal.
    pub(crate) fn remove_if<T: DeserializeOwned>(
        &self,
        names: &[String],
        mut gone: impl FnMut(&T) -> bool,
    ) -> Result<Vec<T>> {
        let Some(lock) = self.lock()? else { return Ok(Vec::new()) };
        let mut removed = Vec::new();
        for name in names {
            if let Some(value) = self.read::<T>(name).filter(|value| gone(value)) {
                drop(fs::remove_file(self.directory.join(name)));
                removed.push(value);
            }
        }
        file::unlock(&lock)?;
        Ok(removed)
    }

    fn lock(&self) -> Result<Option<OwnedFd>> {
        match lock_directory(&self.directory) {
            Ok(directory) => Ok(Some(directory)),
            Err(error) if error.kind() == crate::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The directory.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }
}

/// Waits until nobody else has a directory locked; closing the descriptor lets go of it.
pub(crate) fn lock_directory(path: &Path) -> Result<OwnedFd> {
    let directory = file::open(path, OFlags::RDONLY | OFlags::DIRECTORY)?;
    file::lock(&directory)?;
    Ok(directory)
}

impl Draft<'_> {
    /// Takes a name; whether it was free.
    pub(crate) fn take(&self, name: &str) -> Result<bool> {
        let path = self.reservations.directory().join(name);
        // link(2) fails when the name is there, as O_EXCL does, and the text is whole from the first moment.
        match fs::hard_link(&self.path, &path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Ok(Err(error).call(|| format!("link({:?}, {path:?})", self.path))?),
        }
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.path));
    }
}
