//! Making volumes.

use std::collections::BTreeMap;
use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use barque_sys::{Call as _, file};
use rustix::fs::Mode;

use super::held::{Lock, is_volume};
use super::record::{DATA, Record};
use super::{ANONYMOUS, Held, Options, Volume, Volumes, check_name, made_up_name};
use crate::{Error, ErrorKind, Result, events};

/// A volume that somebody wants.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Its name; one is made up where none is given, and the volume is an anonymous one.
    pub name: Option<String>,
    /// What users say of it.
    pub labels: BTreeMap<String, String>,
    /// What is mounted in its place: `type`, `device`, `o`.
    pub options: BTreeMap<String, String>,
    /// Who its directory belongs to, where that is not its maker.
    pub owner: Option<(u32, u32)>,
}

impl Volumes {
    /// The volume of a name: made where there is none yet. One that is there must have the options that are wanted, if any
    /// are.
    pub fn create(&self, wanted: &Wanted) -> Result<Held> {
        Options::read(&wanted.options)?;
        let name = match &wanted.name {
            Some(name) => name.clone(),
            None => made_up_name()?,
        };
        check_name(&name)?;
        loop {
            match self.hold(&name) {
                Ok(held) => return agreed(held, wanted),
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                Err(_) => {}
            }
            let mut labels = wanted.labels.clone();
            if wanted.name.is_none() {
                labels.insert(ANONYMOUS.to_owned(), String::new());
            }
            let new = self.prepare(labels, wanted.options.clone(), wanted.owner)?;
            if let Some(held) = new.publish(&name)? {
                events::of(&self.places, "volume", "create", &name, &[("driver", "local")]);
                return Ok(held);
            }
            self.adopt(&name, wanted)?;
        }
    }

    /// A directory that has no record becomes a volume: one whose record was lost, or that a script of `explain` has made.
    fn adopt(&self, name: &str, wanted: &Wanted) -> Result<()> {
        let place = self.directory().join(name);
        if !place.exists() || is_volume(&place) {
            return Ok(());
        }
        if !place.join(DATA).symlink_metadata().is_ok_and(|metadata| metadata.is_dir()) {
            return Err(Error::new(ErrorKind::Conflict, format!("{place:?} is in the way: it is no volume"))
                .hint("move it away"));
        }
        let lock = self.lock(name, Lock::Alone)?;
        let written = match is_volume(&place) {
            true => Ok(()),
            false => Record::new(wanted.labels.clone(), wanted.options.clone()).write(&lock),
        };
        file::unlock(&lock)?;
        written
    }

    /// Makes a volume that has no name yet: nobody sees it before it has one.
    pub(super) fn prepare(
        &self,
        labels: BTreeMap<String, String>,
        options: BTreeMap<String, String>,
        owner: Option<(u32, u32)>,
    ) -> Result<New> {
        let all = self.directory();
        let directory = all.join(format!(".new-{}", made_up_name()?));
        let made = match fs::create_dir(&directory) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                file::make_directories(&all, 0o711)?;
                fs::create_dir(&directory)
            }
            made => made,
        };
        made.call(|| format!("mkdir({directory:?})"))?;
        let lock = file::open(&directory, file::READ_DIRECTORY)?;
        file::lock_shared(&lock)?;
        let new = New { all, directory, lock: Some(lock) };
        let data = new.data();
        // The umask of whoever calls has no say in this.
        mode(&new.directory, 0o711)?;
        file::make_directory(&data, 0o755, owner)?;
        mode(&data, 0o755)?;
        if let Some(lock) = &new.lock {
            Record::new(labels, options).write(lock)?;
        }
        Ok(new)
    }
}

fn mode(path: &Path, bits: u32) -> Result<()> {
    Ok(rustix::fs::chmod(path, Mode::from_raw_mode(bits)).call(|| format!("chmod({path:?}, {bits:#o})"))?)
}

/// A volume that was found must be what is wanted.
fn agreed(held: Held, wanted: &Wanted) -> Result<Held> {
    if wanted.options.is_empty() || wanted.options == held.volume.options {
        return Ok(held);
    }
    let name = &held.volume.name;
    Err(Error::new(ErrorKind::Conflict, format!("a volume named {name} exists with other options"))
        .hint(format!("see `barque volume inspect {name}`; use another name, or remove it first")))
}

/// A volume without a name, removed unless it gets one.
#[derive(Debug)]
pub(super) struct New {
    all: PathBuf,
    directory: PathBuf,
    lock: Option<OwnedFd>,
}

impl New {
    pub(super) fn data(&self) -> PathBuf {
        self.directory.join(DATA)
    }

    /// Gives it its name; none when there is a volume of that name.
    pub(super) fn publish(mut self, name: &str) -> Result<Option<Held>> {
        let place = self.all.join(name);
        // A volume's directory is never empty, so that nothing is ever replaced.
        match fs::rename(&self.directory, &place) {
            Err(error)
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::DirectoryNotEmpty | std::io::ErrorKind::AlreadyExists
                ) =>
            {
                return Ok(None);
            }
            renamed => renamed.call(|| format!("rename({:?}, {place:?})", self.directory))?,
        }
        let volume = Volume::read(&place, name)?;
        Ok(self.lock.take().map(|lock| Held { volume, lock, made: true }))
    }
}

impl Drop for New {
    fn drop(&mut self) {
        if let Some(lock) = self.lock.take() {
            // What cannot be removed is found by `volume prune`.
            drop(barque_image::layer::remove_tree(&self.directory));
            drop(file::unlock(&lock));
        }
    }
}
