//! Mode, owner, time and extended attributes of a file that is there.

use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};
use std::path::PathBuf;

use barque_sys::Call as _;
use rustix::fs::{AtFlags, FileType, Gid, Mode, Stat, Timespec, Timestamps, Uid, XattrFlags};
use rustix::io::Errno;

use super::form::is_private_attribute;
use super::{Rights, path};
use crate::Result;

/// Extended attributes with their values, sorted.
pub(super) type Attributes = Vec<(Vec<u8>, Vec<u8>)>;

/// More than any file system keeps for one file.
const LONGEST: usize = 64 << 10;

/// The path that stands for a name in an open directory: attributes of what cannot be opened (links, devices) are only
/// found by paths, and this one follows nothing but the directory's own descriptor.
fn by_name(directory: &OwnedFd, name: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt as _;
    let base = PathBuf::from(format!("/proc/self/fd/{}", directory.as_raw_fd()));
    base.join(std::ffi::OsStr::from_bytes(if name.is_empty() { b"." } else { name }))
}

/// All extended attributes of a name in a directory but overlayfs' own.
pub(super) fn attributes(directory: &OwnedFd, name: &[u8]) -> Result<Attributes> {
    let file = by_name(directory, name);
    let mut names = Vec::with_capacity(512);
    match rustix::fs::llistxattr(&file, rustix::buffer::spare_capacity(&mut names)) {
        Ok(0) | Err(Errno::OPNOTSUPP) => return Ok(Vec::new()),
        Ok(_) => {}
        Err(Errno::RANGE) => {
            names.reserve(LONGEST);
            rustix::fs::llistxattr(&file, rustix::buffer::spare_capacity(&mut names))
                .call(|| format!("llistxattr({file:?})"))?;
        }
        Err(errno) => Err(errno).call(|| format!("llistxattr({file:?})"))?,
    }
    let mut found = Vec::new();
    for name in names.split(|byte| *byte == 0).filter(|name| !name.is_empty() && !is_private_attribute(name))
    {
        let mut value = Vec::with_capacity(LONGEST);
        match rustix::fs::lgetxattr(&file, name, rustix::buffer::spare_capacity(&mut value)) {
            // Gone meanwhile, or not for this user.
            Err(Errno::NODATA | Errno::PERM | Errno::OPNOTSUPP) => continue,
            result => result.call(|| format!("lgetxattr({file:?}, {})", path::shown(name)))?,
        };
        found.push((name.to_vec(), value));
    }
    found.sort_unstable();
    Ok(found)
}

/// What the kernel knows of a name in a directory; the empty name is the directory itself.
pub(super) fn stat(directory: &OwnedFd, name: &[u8]) -> Result<Stat> {
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::EMPTY_PATH;
    Ok(rustix::fs::statat(directory, name, flags).call(|| format!("fstatat({})", path::shown(name)))?)
}

/// Makes a name in a directory have the owner, attributes, mode and times of another file, and no other attributes.
pub(super) fn apply(
    directory: &OwnedFd,
    name: &[u8],
    like: &Stat,
    wanted: &Attributes,
    rights: Rights,
) -> Result<()> {
    let file = by_name(directory, name);
    let is_wanted = |name: &[u8]| wanted.iter().any(|(wanted, _)| wanted == name);
    for (extra, _) in attributes(directory, name)?.iter().filter(|(name, _)| !is_wanted(name)) {
        match rustix::fs::lremovexattr(&file, extra.as_slice()) {
            Err(Errno::NODATA | Errno::OPNOTSUPP) => {}
            Err(Errno::PERM) if rights != Rights::All => {}
            result => result.call(|| format!("lremovexattr({file:?}, {})", path::shown(extra)))?,
        }
    }
    if rights != Rights::Own {
        let owner = (Some(Uid::from_raw(like.st_uid)), Some(Gid::from_raw(like.st_gid)));
        rustix::fs::chownat(rustix::fs::CWD, &file, owner.0, owner.1, AtFlags::SYMLINK_NOFOLLOW)
            .call(|| format!("lchown({file:?}, {}, {})", like.st_uid, like.st_gid))?;
    }
    set_attributes(directory, name, wanted, rights)?;
    if FileType::from_raw_mode(like.st_mode) != FileType::Symlink {
        let mode = Mode::from_raw_mode(like.st_mode & 0o7777);
        rustix::fs::chmodat(rustix::fs::CWD, &file, mode, AtFlags::empty())
            .call(|| format!("chmod({file:?}, {mode:?})"))?;
    }
    Ok(rustix::fs::utimensat(rustix::fs::CWD, &file, &times(like), AtFlags::SYMLINK_NOFOLLOW)
        .call(|| format!("utimensat({file:?})"))?)
}

/// Sets extended attributes of a name in a directory, but those that the file system or the caller may not have.
pub(super) fn set_attributes(
    directory: &OwnedFd,
    name: &[u8],
    attributes: &Attributes,
    rights: Rights,
) -> Result<()> {
    let file = by_name(directory, name);
    for (name, value) in attributes.iter().filter(|(name, _)| !is_private_attribute(name)) {
        match rustix::fs::lsetxattr(&file, name.as_slice(), value, XattrFlags::empty()) {
            Err(Errno::OPNOTSUPP) => {}
            Err(Errno::PERM) if rights != Rights::All => {}
            result => result.call(|| format!("lsetxattr({file:?}, {})", path::shown(name)))?,
        }
    }
    Ok(())
}

/// Makes a directory's owner, attributes and mode those of another.
pub(crate) fn copy_root(from: &std::path::Path, to: &std::path::Path) -> Result<()> {
    let open = |path| barque_sys::file::open(path, barque_sys::file::READ_DIRECTORY);
    let (from, to) = (open(from)?, open(to)?);
    let rights = if barque_sys::process::effective_ids().0 == 0 { Rights::All } else { Rights::Own };
    apply(&to, b"", &stat(&from, b"")?, &attributes(&from, b"")?, rights)
}

fn times(like: &Stat) -> Timestamps {
    let time = modified(like);
    Timestamps { last_access: time, last_modification: time }
}

/// When a file was modified.
pub(super) fn modified(stat: &Stat) -> Timespec {
    Timespec { tv_sec: stat.st_mtime, tv_nsec: i64::try_from(stat.st_mtime_nsec).unwrap_or(0) }
}

/// Whether two files have the same mode, owner and, where they are devices, number.
pub(super) fn same_node(a: &Stat, b: &Stat) -> bool {
    let device = |stat: &Stat| match FileType::from_raw_mode(stat.st_mode) {
        FileType::CharacterDevice | FileType::BlockDevice => stat.st_rdev,
        _ => 0,
    };
    (a.st_mode, a.st_uid, a.st_gid, device(a)) == (b.st_mode, b.st_uid, b.st_gid, device(b))
}

/// The names in a directory, sorted.
pub(super) fn names(directory: impl AsFd) -> Result<Vec<Vec<u8>>> {
    let mut names = Vec::new();
    for entry in rustix::fs::Dir::read_from(directory).call(|| "openat(\".\")")? {
        let entry = entry.call(|| "getdents")?;
        let name = entry.file_name().to_bytes();
        if !matches!(name, b"." | b"..") {
            names.push(name.to_vec());
        }
    }
    names.sort_unstable();
    Ok(names)
}
