//! Copies of directory trees, by descriptor.

use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use crate::{Call as _, Result};

/// Copies what one directory holds into another: files, directories, links and nodes with their owners, modes and
/// times. Neither side is ever reached by a path, and links are copied, not followed. Handles (`O_PATH`) will do.
pub fn tree(from: impl AsFd, to: impl AsFd) -> Result<()> {
    opened(open(from, c".")?, open(to, c".")?)
}

fn open(at: impl AsFd, name: &CStr) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(at, name, flags, Mode::empty()).call(|| format!("openat({name:?}, {flags:?})"))
}

fn opened(from: impl AsFd, to: impl AsFd) -> Result<()> {
    let (from, to) = (from.as_fd(), to.as_fd());
    attributes(&stat(from, c"")?, to)?;
    let entries = Dir::read_from(from).call(|| format!("getdents({})", from.as_raw_fd()))?;
    for entry in entries {
        let entry = entry.call(|| format!("getdents({})", from.as_raw_fd()))?;
        let name = entry.file_name();
        if name == c"." || name == c".." {
            continue;
        }
        one(from, to, name)?;
    }
    Ok(())
}

fn one(from: impl AsFd, to: impl AsFd, name: &CStr) -> Result<()> {
    let (from, to) = (from.as_fd(), to.as_fd());
    let stat = stat(from, name)?;
    let mode = Mode::from_raw_mode(stat.st_mode & 0o7777);
    let kind = FileType::from_raw_mode(stat.st_mode);
    match kind {
        FileType::Directory => {
            rustix::fs::mkdirat(to, name, mode).or_else(there).call(|| format!("mkdirat({name:?})"))?;
            return opened(open(from, name)?, open(to, name)?);
        }
        FileType::RegularFile => file(from, to, name, &stat)?,
        FileType::Symlink => {
            let target =
                rustix::fs::readlinkat(from, name, Vec::new()).call(|| format!("readlinkat({name:?})"))?;
            rustix::fs::symlinkat(&target, to, name).call(|| format!("symlinkat({name:?})"))?;
        }
        _ => rustix::fs::mknodat(to, name, kind, mode, stat.st_rdev).call(|| format!("mknodat({name:?})"))?,
    }
    let owner = (rustix::fs::Uid::from_raw(stat.st_uid), rustix::fs::Gid::from_raw(stat.st_gid));
    rustix::fs::chownat(to, name, Some(owner.0), Some(owner.1), AtFlags::SYMLINK_NOFOLLOW)
        .call(|| format!("fchownat({name:?})"))
}

fn file(from: impl AsFd, to: impl AsFd, name: &CStr, stat: &Stat) -> Result<()> {
    let flags = OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let source = rustix::fs::openat(from, name, flags | OFlags::RDONLY, Mode::empty())
        .call(|| format!("openat({name:?}, O_RDONLY)"))?;
    let create = flags | OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
    let target = rustix::fs::openat(to, name, create, Mode::from_raw_mode(0o600))
        .call(|| format!("openat({name:?}, O_CREAT)"))?;
    let (mut reader, mut writer) = (std::fs::File::from(source), std::fs::File::from(target));
    std::io::copy(&mut reader, &mut writer).call(|| format!("copy({name:?})"))?;
    attributes(stat, &writer)
}

fn stat(directory: impl AsFd, name: &CStr) -> Result<Stat> {
    let flags =
        AtFlags::SYMLINK_NOFOLLOW | if name.is_empty() { AtFlags::EMPTY_PATH } else { AtFlags::empty() };
    rustix::fs::statat(directory, name, flags).call(|| format!("fstatat({name:?})"))
}

/// Gives an open file the owner and mode of another; the owner first, because a change of it may clear mode bits.
fn attributes(stat: &Stat, to: impl AsFd) -> Result<()> {
    let owner = (rustix::fs::Uid::from_raw(stat.st_uid), rustix::fs::Gid::from_raw(stat.st_gid));
    rustix::fs::fchown(&to, Some(owner.0), Some(owner.1)).call(|| "fchown(copy)")?;
    rustix::fs::fchmod(&to, Mode::from_raw_mode(stat.st_mode & 0o7777)).call(|| "fchmod(copy)")
}

fn there(errno: Errno) -> std::result::Result<(), Errno> {
    if errno == Errno::EXIST { Ok(()) } else { Err(errno) }
}
