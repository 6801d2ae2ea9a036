//! What is nobody's any more: renamed away at once, removed when there is time.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::Store;
use crate::layer::remove_tree;
use crate::{Error, Result};

/// A directory of things to be removed.
#[derive(Debug)]
pub(super) struct Trash {
    directory: PathBuf,
}

impl Trash {
    pub(super) fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// Takes a file or a directory in; it may be gone already.
    pub(super) fn take(&self, path: &Path) -> Result<()> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        loop {
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let target = self.directory.join(format!("{}-{number}", std::process::id()));
            // A process of the same id may have left something: rename would replace a file, and fail on a directory.
            if fs::symlink_metadata(&target).is_ok() {
                continue;
            }
            match fs::rename(path, &target) {
                Ok(()) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::NotFound && !path.exists() => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {}
                Err(error) => {
                    return Err(Error::from_io(error, format!("rename({path:?}, {target:?})")));
                }
            }
        }
    }

    /// Removes everything, unless somebody else is at it.
    pub(super) fn empty(&self) -> Result<()> {
        let lock = match File::open(&self.directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            lock => lock.map_err(|error| Error::from_io(error, format!("open({:?})", self.directory)))?,
        };
        if !barque_sys::file::try_lock(&lock)? {
            return Ok(());
        }
        let removed = self.remove_all();
        barque_sys::file::unlock(&lock)?;
        removed
    }

    fn remove_all(&self) -> Result<()> {
        let entries = fs::read_dir(&self.directory)
            .map_err(|error| Error::from_io(error, format!("open({:?})", self.directory)))?;
        for entry in entries.flatten() {
            remove_tree(&entry.path())?;
        }
        Ok(())
    }
}

impl Store {
    /// Where blobs go that are nobody's any more.
    pub(super) fn blob_trash(&self) -> Trash {
        Trash::new(self.layout.root().join("trash"))
    }

    /// Removes what commands before have only renamed away. May take seconds, holds up nobody; what it leaves when it is
    /// killed, the next removes.
    pub fn empty_trash(&self) -> Result<()> {
        self.blob_trash().empty()?;
        self.layers.trash().empty()
    }
}
