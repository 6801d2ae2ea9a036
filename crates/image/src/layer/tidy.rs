//! What overlayfs has written becomes a layer's directory: what a layer cannot hold goes.

use std::os::fd::OwnedFd;
use std::path::Path;

use barque_sys::Call as _;
use rustix::fs::{FileType, Mode, OFlags};

use super::stack::{Stack, is_whiteout};
use super::{MountPoints, metadata, path, remove};
use crate::{Error, Result};

/// What a layer's directory holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Kept {
    /// Names.
    pub(crate) entries: u64,
    /// Bytes of files.
    pub(crate) content: u64,
}

/// Removes sockets, and what is there for mounts alone; says what is left.
pub(crate) fn tidy(upper: &Path, lowers: &Stack, mount_points: &MountPoints) -> Result<Kept> {
    let root = barque_sys::file::open(upper, barque_sys::file::READ_DIRECTORY)?;
    let mut kept = Kept::default();
    directory(&root, b"", lowers, mount_points, &mut kept)?;
    Ok(kept)
}

fn directory(
    here: &OwnedFd,
    path: &[u8],
    lowers: &Stack,
    mount_points: &MountPoints,
    kept: &mut Kept,
) -> Result<()> {
    for name in metadata::names(here)? {
        let stat = metadata::stat(here, &name)?;
        let below = path::join(path, &name);
        let kind = FileType::from_raw_mode(stat.st_mode);
        if kind == FileType::Socket || mount_points.cover(here, &name, &below, &stat, lowers)? {
            let name = std::ffi::CString::new(name).map_err(|_| Error::invalid("a name with a null byte"))?;
            remove::remove_at(here, &name)?;
            continue;
        }
        kept.entries += 1;
        if kind == FileType::RegularFile && !is_whiteout(&stat) {
            kept.content += u64::try_from(stat.st_size).unwrap_or(0);
        }
        if kind == FileType::Directory {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let inside = rustix::fs::openat(here, name.as_slice(), flags, Mode::empty())
                .call(|| format!("openat({}, {flags:?})", path::shown(&below)))?;
            directory(&inside, &below, lowers, mount_points, kept)?;
        }
    }
    Ok(())
}
