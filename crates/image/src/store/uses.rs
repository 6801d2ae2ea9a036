//! What containers use: files in `images/uses`, so that images are not taken away under them.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::names::open_lock;
use super::{Image, Store};
use crate::spec::Descriptor;
use crate::{Error, Result};

/// What stands in the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    version: u32,
    manifest: Descriptor,
    /// Whether it stays until it is taken back. The others end with the processes that hold them.
    kept: bool,
}

/// An image in use by this process and those it forks. Ends with the last of them, however they end.
#[derive(Debug)]
pub struct Use {
    path: PathBuf,
    lock: File,
}

impl Use {
    /// Ends it, also where forked processes still have a copy of the descriptor.
    pub fn release(self) -> Result<()> {
        remove(&self.path)?;
        Ok(barque_sys::file::unlock(&self.lock)?)
    }
}

/// Somebody who uses an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Who: a container's id.
    pub key: String,
    /// What.
    pub manifest: Descriptor,
    /// Whether a process holds it now.
    pub running: bool,
}

impl Store {
    /// Says that an image is used, as long as this process or one that it forks lives. To be called under a
    /// [`super::Lease`] that was taken before the image was looked up.
    pub fn hold(&self, key: &str, image: &Image) -> Result<Use> {
        let path = self.write_use(key, image, false)?;
        let lock = open_lock(&path)?;
        barque_sys::file::lock(&lock)?;
        Ok(Use { path, lock })
    }

    /// Says that an image is used until [`Store::release`]. To be called under a [`super::Lease`] that was taken before the
    /// image was looked up.
    pub fn keep(&self, key: &str, image: &Image) -> Result<()> {
        self.write_use(key, image, true).map(drop)
    }

    /// Takes back what [`Store::keep`] has said; it may be gone already.
    pub fn release(&self, key: &str) -> Result<()> {
        remove(&self.use_path(key)?)
    }

    /// Who uses what now.
    pub fn users(&self) -> Result<Vec<User>> {
        Ok(self.uses()?.into_iter().filter_map(|(user, stale)| (!stale).then_some(user)).collect())
    }

    /// Forgets uses whose processes have all ended. Only under the collector's lock: a use is on disk for a moment before
    /// it is locked.
    pub(super) fn forget_stale_uses(&self) -> Result<()> {
        for (user, stale) in self.uses()? {
            if stale {
                self.release(&user.key)?;
            }
        }
        Ok(())
    }

    /// All uses, and of each whether nobody is behind it any more.
    fn uses(&self) -> Result<Vec<(User, bool)>> {
        let directory = self.layout.root().join("uses");
        let entries = match fs::read_dir(&directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(|error| Error::from_io(error, format!("open({directory:?})")))?,
        };
        let mut users = Vec::new();
        for entry in entries.flatten() {
            let key = entry.file_name().to_string_lossy().into_owned();
            if !key.starts_with('.') {
                users.extend(user(&entry.path(), key)?);
            }
        }
        Ok(users)
    }

    fn use_path(&self, key: &str) -> Result<PathBuf> {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
        if key.is_empty() || key.starts_with('.') || !key.bytes().all(legal) {
            return Err(Error::invalid(format!("{key:?} cannot be the key of a use")));
        }
        Ok(self.layout.root().join("uses").join(key))
    }

    fn write_use(&self, key: &str, image: &Image, kept: bool) -> Result<PathBuf> {
        let path = self.use_path(key)?;
        let directory = self.layout.root().join("uses");
        barque_sys::file::make_directories(&directory, 0o711)?;
        let record = Record { version: 1, manifest: image.descriptor.clone(), kept };
        let text = serde_json::to_vec(&record)
            .map_err(|error| Error::invalid(format!("use of image {}: {error}", image.id())))?;
        let directory = barque_sys::file::open(&directory, barque_sys::file::READ_DIRECTORY)?;
        barque_sys::file::replace(&directory, key, &text)?;
        Ok(path)
    }
}

/// Reads one file; none where it has just been taken back. Says whether nobody is behind it any more.
fn user(path: &Path, key: String) -> Result<Option<(User, bool)>> {
    let failed = |error: io::Error| Error::from_io(error, format!("open({path:?})"));
    let mut file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file.map_err(failed)?,
    };
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(failed)?;
    let record: Record = serde_json::from_slice(&bytes)
        .map_err(|error| Error::invalid(format!("{}: {error}", path.display())))?;
    let running = barque_sys::file::is_locked(&file)?;
    let stale = !running && !record.kept;
    Ok(Some((User { key, manifest: record.manifest, running }, stale)))
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::from_io(error, format!("unlink({path:?})")))
        }
        _ => Ok(()),
    }
}
