//! Snapshots: layers put together, to look at or to write on.
//!
//! The *key* names what somebody works with: a container, an image being looked at. Committed layers are directories in
//! overlayfs' form ([`crate::layer`]); a snapshot refers to them and never changes them.
//!
//! ```text
//! prepare(key, layers) ──► write ──► commit(key, target): what was written is a layer
//! view(key, layers)    ──► read        └─ remove(key): all of it is gone
//! ```
//!
//! Every [`Snapshotter`] runs the same suite of tests (`contract`).

mod copying;
mod mount;
mod overlay;

pub use copying::Copying;
pub use mount::Mount;
pub use overlay::Overlay;

use std::path::{Path, PathBuf};

use crate::Result;
use crate::layer::{Change, Stack};

/// Puts layers together.
///
/// Keys are names of one component. Layers are given from the uppermost down, as mounts have them. What is prepared is
/// there after a crash too; nothing but these files says that it is.
pub trait Snapshotter: Sync {
    /// How users call it: `overlay2`, `vfs`.
    fn name(&self) -> &'static str;

    /// A place to write on, above some layers. The root directory is as the layers have it. A key that is there is an
    /// error.
    fn prepare(&self, key: &str, layers: &[PathBuf]) -> Result<Mount>;

    /// The layers, read-only. A key that is there is an error.
    fn view(&self, key: &str, layers: &[PathBuf]) -> Result<Mount>;

    /// How to mount what was prepared or is viewed.
    fn mount(&self, key: &str) -> Result<Mount>;

    /// What has been changed in what was prepared.
    fn changes(&self, key: &str) -> Result<Vec<Change>>;

    /// Makes what was written a layer's directory, at a path of the same file system, by one rename. The key is gone then.
    /// Nothing may be mounted any more.
    fn commit(&self, key: &str, target: &Path) -> Result<()>;

    /// Removes a snapshot with what was written; one that is not there is fine.
    fn remove(&self, key: &str) -> Result<()>;

    /// All keys, sorted.
    fn keys(&self) -> Result<Vec<String>>;
}

/// What is kept of a snapshot, beside its directories.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct Record {
    version: u32,
    layers: Vec<PathBuf>,
    writable: bool,
}

const VERSION: u32 = 1;
const RECORD: &str = "snapshot.json";

impl Record {
    fn new(layers: &[PathBuf], writable: bool) -> Self {
        Self { version: VERSION, layers: layers.to_vec(), writable }
    }

    fn write(&self, directory: &Path) -> Result<()> {
        let text = serde_json::to_vec(self).map_err(|error| crate::Error::invalid(error.to_string()))?;
        let directory = barque_sys::file::open(directory, barque_sys::file::READ_DIRECTORY)?;
        Ok(barque_sys::file::replace(&directory, RECORD, &text)?)
    }

    fn read(directory: &Path, key: &str) -> Result<Self> {
        let text = barque_sys::file::read(&directory.join(RECORD)).map_err(|error| {
            let error = crate::Error::from(error);
            if error.kind() == crate::ErrorKind::NotFound {
                crate::Error::new(crate::ErrorKind::NotFound, format!("no snapshot {key:?}"))
            } else {
                error
            }
        })?;
        let record: Self = serde_json::from_str(&text).map_err(|error| {
            crate::Error::new(crate::ErrorKind::Internal, format!("the record of snapshot {key:?}: {error}"))
        })?;
        if record.version > VERSION {
            return Err(crate::Error::unsupported(format!("snapshot {key:?} was made by a newer Barque")));
        }
        Ok(record)
    }
}

/// The directories of snapshots by their keys. One that is being made has another name until it is whole.
#[derive(Debug, Clone)]
struct Keys {
    root: PathBuf,
}

impl Keys {
    fn path(&self, key: &str) -> Result<PathBuf> {
        if key.is_empty() || key.starts_with('.') || key.contains('/') {
            return Err(crate::Error::invalid(format!("{key:?} is no name of a snapshot")));
        }
        Ok(self.root.join(key))
    }

    /// Makes a snapshot's directory, whole or not at all.
    fn make(&self, key: &str, record: &Record, fill: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
        let path = self.path(key)?;
        barque_sys::file::make_directories(&self.root, 0o711)?;
        if path.exists() {
            return Err(taken(key));
        }
        let new = self.root.join(format!(".new-{key}"));
        crate::layer::remove_tree(&new)?;
        barque_sys::file::make_directory(&new, 0o711, None)?;
        let made = fill(&new).and_then(|()| record.write(&new)).and_then(|()| {
            let flags = rustix::fs::RenameFlags::NOREPLACE;
            let cwd = rustix::fs::CWD;
            match rustix::fs::renameat_with(cwd, &new, cwd, &path, flags) {
                Err(rustix::io::Errno::EXIST) => Err(taken(key)),
                result => Ok(barque_sys::Call::call(result, || format!("rename({new:?}, {path:?})"))?),
            }
        });
        if made.is_err() {
            crate::layer::remove_tree(&new)?;
        }
        made
    }

    /// Removes a snapshot's directory: first its name, then what is in it.
    fn remove(&self, key: &str) -> Result<()> {
        let path = self.path(key)?;
        let old = self.root.join(format!(".old-{key}"));
        crate::layer::remove_tree(&old)?;
        match std::fs::rename(&path, &old) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(crate::Error::from_io(error, format!("rename({path:?}, {old:?})"))),
            Ok(()) => crate::layer::remove_tree(&old),
        }
    }

    fn all(&self) -> Result<Vec<String>> {
        let entries = match std::fs::read_dir(&self.root) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            result => {
                result.map_err(|error| crate::Error::from_io(error, format!("open({:?})", self.root)))?
            }
        };
        let mut keys: Vec<String> = entries
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| !name.starts_with('.'))
            .collect();
        keys.sort_unstable();
        Ok(keys)
    }
}

fn taken(key: &str) -> crate::Error {
    crate::Error::new(crate::ErrorKind::AlreadyExists, format!("snapshot {key:?} exists already"))
}

/// Gives a new root directory the mode, owner and attributes that the layers' has.
fn root_like(layers: &[PathBuf], directory: &Path) -> Result<()> {
    match layers.first() {
        Some(top) => crate::layer::copy_root(top, directory),
        None => Ok(()),
    }
}

/// The layers of a record, to be looked at.
fn stack(record: &Record, form: crate::layer::Form) -> Result<Stack> {
    Stack::open(&record.layers, form)
}

#[cfg(test)]
mod contract;
