//! Volumes go away, or get another name.

use std::fs;
use std::os::fd::OwnedFd;

use barque_image::layer::remove_tree;
use barque_sys::{Call as _, file};

use super::held::Lock;
use super::{Held, Users, Volume, Volumes, check_name, made_up_name};
use crate::{Definition, Error, ErrorKind, Result, events};

/// What [`Volumes::prune`] has removed.
#[derive(Debug, Default)]
pub struct Pruned {
    /// The names of the volumes.
    pub names: Vec<String>,
    /// Bytes on disk that they had.
    pub reclaimed: u64,
}

impl Volumes {
    /// Removes a volume that no container uses, also one whose record is damaged.
    pub fn remove(&self, name: &str) -> Result<()> {
        let lock = self.lock(name, Lock::Alone)?;
        // Asked under the lock: who is about to use it holds it until it is said so.
        self.refuse_used(name, "remove")?;
        self.trash(name, lock)
    }

    pub(super) fn refuse_used(&self, name: &str, verb: &str) -> Result<()> {
        let users = self.users()?;
        let ids = users.of(name);
        if ids.is_empty() {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Conflict,
            format!("{verb} {name}: volume is in use - [{}]", ids.join(", ")),
        )
        .hint("remove the containers first: barque rm"))
    }

    /// Takes it away from everybody's sight, then from the disk.
    fn trash(&self, name: &str, lock: OwnedFd) -> Result<()> {
        let (from, to) =
            (self.directory().join(name), self.directory().join(format!(".trash-{}", made_up_name()?)));
        fs::rename(&from, &to).call(|| format!("rename({from:?}, {to:?})"))?;
        events::of(&self.places, "volume", "destroy", name, &[("driver", "local")]);
        let removed = remove_tree(&to);
        file::unlock(&lock)?;
        removed.map_err(|error| Error::new(error.kind(), error.to_string()))
    }

    /// Takes back a volume that was made for a container which is not to be, unless others use it by now.
    pub fn take_back(&self, held: Held) -> Result<()> {
        let name = held.volume.name.clone();
        drop(held);
        self.remove_unused(&name)
    }

    /// Removes a volume, unless somebody uses it, or is about to.
    fn remove_unused(&self, name: &str) -> Result<()> {
        let lock = match self.try_lock(name) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            lock => lock?,
        };
        match lock {
            Some(lock) if self.users()?.of(name).is_empty() => self.trash(name, lock),
            _ => Ok(()),
        }
    }

    /// Removes the volumes without a name that a container had, which is there no more; those that others use stay.
    pub fn remove_anonymous(&self, definition: &Definition) -> Result<()> {
        let own = definition.mounts.iter().filter(|mount| mount.anonymous);
        let mut result = Ok(());
        for name in own.filter_map(|mount| mount.name.as_deref()) {
            // Each of them, also when one could not be removed.
            result = result.and(self.remove_unused(name));
        }
        result
    }

    /// Removes the volumes that nobody uses and that `fits` lets through; says what it would do where `dry_run` is set.
    pub fn prune(&self, fits: impl Fn(&Volume) -> bool, dry_run: bool) -> Result<Pruned> {
        let mut pruned = Pruned::default();
        let mut users = self.users()?;
        refuse_unknown_use(&users)?;
        for volume in self.list()?.volumes {
            if !fits(&volume) || !users.of(&volume.name).is_empty() {
                continue;
            }
            let lock = match self.try_lock(&volume.name) {
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                lock => lock?,
            };
            let Some(lock) = lock else { continue };
            // Asked again: it was in nobody's hands when it was locked, but may have been meanwhile.
            users.refresh(&self.places)?;
            if !users.of(&volume.name).is_empty() {
                file::unlock(&lock)?;
                continue;
            }
            let size = volume.size()?;
            if dry_run {
                file::unlock(&lock)?;
            } else {
                self.trash(&volume.name, lock)?;
            }
            pruned.reclaimed += size;
            pruned.names.push(volume.name);
        }
        if !dry_run {
            self.sweep()?;
        }
        Ok(pruned)
    }

    /// Removes what commands have left that were killed.
    fn sweep(&self) -> Result<()> {
        for name in self.entries()?.into_iter().filter(|name| name.starts_with('.')) {
            let path = self.directory().join(&name);
            let Ok(lock) = file::open(&path, file::READ_DIRECTORY) else { continue };
            if file::try_lock(&lock)? {
                remove_tree(&path).map_err(|error| Error::new(error.kind(), error.to_string()))?;
                file::unlock(&lock)?;
            }
        }
        Ok(())
    }

    /// Gives a volume that no container uses another name.
    pub fn rename(&self, old: &str, new: &str) -> Result<()> {
        check_name(new)?;
        let lock = self.lock(old, Lock::Alone)?;
        self.refuse_used(old, "rename")?;
        let (from, to) = (self.directory().join(old), self.directory().join(new));
        let renamed = fs::rename(&from, &to);
        file::unlock(&lock)?;
        match renamed {
            Err(error)
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::DirectoryNotEmpty | std::io::ErrorKind::AlreadyExists
                ) =>
            {
                Err(exists(new))
            }
            renamed => Ok(renamed.call(|| format!("rename({from:?}, {to:?})"))?),
        }
    }
}

/// A damaged record may name any volume: what is taken away by rule and not by name must not be somebody's.
fn refuse_unknown_use(users: &Users) -> Result<()> {
    match users.damaged.first() {
        None => Ok(()),
        Some(error) => {
            Err(Error::new(ErrorKind::Conflict, format!("it is not known which volumes are used: {error}"))
                .hint("remove that container first: barque rm --force"))
        }
    }
}

pub(super) fn exists(name: &str) -> Error {
    Error::new(ErrorKind::AlreadyExists, format!("volume with name {name} already exists"))
        .hint("use another name, or remove it first: barque volume rm")
}
