//! What lies in a container's writable layer only because something was to be mounted on it.

use std::fmt;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use barque_sys::Call as _;
use rustix::fs::{FileType, Mode, OFlags, Stat};

use super::stack::Stack;
use super::{metadata, path};
use crate::Result;

/// The paths on which something was mounted. Empty files and directories there, and directories that only lead to them, are
/// nobody's changes.
#[derive(Default)]
pub struct MountPoints {
    paths: Vec<Vec<u8>>,
    /// Owners of the layer as those of the layers below have them.
    owners: Option<Box<Reading>>,
}

type Reading = dyn Fn(u32, u32) -> (u32, u32);

impl fmt::Debug for MountPoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MountPoints").field("paths", &self.paths.len()).finish_non_exhaustive()
    }
}

impl MountPoints {
    /// Some paths from the root: `/etc/hosts`.
    pub fn new(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        use std::os::unix::ffi::OsStrExt as _;
        let clean = |path: PathBuf| path::clean(path.as_os_str().as_bytes());
        Self { paths: paths.into_iter().map(clean).filter(|path| !path.is_empty()).collect(), owners: None }
    }

    /// In a layer whose owners are others than those of the layers below: how to read them.
    #[must_use]
    pub fn with_owners(self, owners: impl Fn(u32, u32) -> (u32, u32) + 'static) -> Self {
        Self { owners: Some(Box::new(owners)), ..self }
    }

    /// Whether a name in a layer's directory, whose path from the root is `here`, is there for mounts alone.
    pub(super) fn cover(
        &self,
        directory: &OwnedFd,
        name: &[u8],
        here: &[u8],
        stat: &Stat,
        lowers: &Stack,
    ) -> Result<bool> {
        let is_one = self.paths.iter().any(|path| path == here);
        let leads = self.paths.iter().any(|path| path != here && path::is_within(path, here));
        if !is_one && !leads {
            return Ok(false);
        }
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Ok(is_one && stat.st_size == 0),
            FileType::Directory => {
                let below = lowers.stat(&super::pending::path_buf(here))?;
                let mut stat = *stat;
                if let Some(owners) = &self.owners {
                    (stat.st_uid, stat.st_gid) = owners(stat.st_uid, stat.st_gid);
                }
                let changed = below.is_some_and(|below| !metadata::same_node(&below, &stat));
                Ok(!changed && self.cover_all(&enter(directory, name)?, here, lowers)?)
            }
            _ => Ok(false),
        }
    }

    fn cover_all(&self, directory: &OwnedFd, here: &[u8], lowers: &Stack) -> Result<bool> {
        for name in metadata::names(directory)? {
            let stat = metadata::stat(directory, &name)?;
            if !self.cover(directory, &name, &path::join(here, &name), &stat, lowers)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn enter(directory: &OwnedFd, name: &[u8]) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(directory, name, flags, Mode::empty())
        .call(|| format!("openat({}, {flags:?})", path::shown(name)))?)
}
