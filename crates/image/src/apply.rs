//! An entry becomes a file, through handles of the root it goes to.

use std::ffi::OsStr;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use barque_sys::Call as _;
use barque_sys::path::Root;
use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Timespec, Timestamps, Uid, XattrFlags};
use rustix::io::Errno;

use crate::entry::{Facts, Kind};
use crate::unpack::Rights;
use crate::{Error, Result};

/// Makes what an entry describes. Directories get their mode and time by [`finish_directory`], once nothing is put
/// into them any more.
pub(crate) fn make(root: &Root, facts: &Facts, content: &mut impl Read, rights: Rights) -> Result<()> {
    let Some(name) = facts.path.file_name() else {
        // The root itself, or a path that ends in `..`: it is there, and inside.
        return Ok(());
    };
    let parent = root.make_directory(facts.path.parent().unwrap_or(Path::new("")))?;
    if !matches!(facts.kind, Kind::Hardlink(_)) || root.handle_nofollow(&facts.path).is_ok() {
        make_room(&parent, name, facts.kind == Kind::Directory)?;
    }
    match &facts.kind {
        Kind::Directory => directory(&parent, name),
        Kind::File => file(&parent, name, facts, content, rights),
        Kind::Symlink(target) => {
            rustix::fs::symlinkat(target, &parent, name)
                .call(|| format!("symlinkat({target:?}, {name:?})"))?;
            owner_and_time(&parent, name, facts, rights)
        }
        Kind::Hardlink(target) => hardlink(root, &parent, name, target),
        Kind::Fifo => node(&parent, name, facts, rights, FileType::Fifo, (0, 0)),
        Kind::Character { major, minor } => {
            node(&parent, name, facts, rights, FileType::CharacterDevice, (*major, *minor))
        }
        Kind::Block { major, minor } => {
            node(&parent, name, facts, rights, FileType::BlockDevice, (*major, *minor))
        }
    }
}

/// A later entry replaces an earlier one; only a directory stays where a directory comes.
fn make_room(parent: &OwnedFd, name: &OsStr, for_directory: bool) -> Result<()> {
    match rustix::fs::unlinkat(parent, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(Errno::ISDIR) if for_directory => Ok(()),
        Err(Errno::ISDIR) => Ok(rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR)
            .call(|| format!("unlinkat({name:?}, AT_REMOVEDIR)"))?),
        Err(errno) => Ok(Err(errno).call(|| format!("unlinkat({name:?})"))?),
    }
}

fn directory(parent: &OwnedFd, name: &OsStr) -> Result<()> {
    match rustix::fs::mkdirat(parent, name, Mode::RWXU) {
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(errno) => Ok(Err(errno).call(|| format!("mkdirat({name:?})"))?),
    }
}

/// The last words about a directory: a mode without write permission would have kept its own entries out.
pub(crate) fn finish_directory(root: &Root, facts: &Facts, rights: Rights) -> Result<()> {
    let handle = match root.open(&facts.path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW) {
        // A later entry has put something else in its place.
        Err(error) if matches!(error.errno(), Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(()),
        result => result?,
    };
    finish(&handle, facts, rights)
}

fn file(
    parent: &OwnedFd,
    name: &OsStr,
    facts: &Facts,
    content: &mut impl Read,
    rights: Rights,
) -> Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = rustix::fs::openat(parent, name, flags, Mode::RUSR | Mode::WUSR)
        .call(|| format!("openat({name:?}, {flags:?})"))?;
    let mut file = std::fs::File::from(fd);
    std::io::copy(content, &mut file).map_err(|error| {
        let kind = match error.kind() {
            std::io::ErrorKind::StorageFull => barque_sys::ErrorKind::Unavailable,
            _ => barque_sys::ErrorKind::InvalidArgument,
        };
        Error::new(kind, format!("its content: {error}"))
    })?;
    finish(&file, facts, rights)
}

/// Owner, attributes, mode and time, in this order: a change of owner takes set-id bits and capabilities away, and
/// everything else changes the time.
fn finish(fd: impl AsFd, facts: &Facts, rights: Rights) -> Result<()> {
    if rights == Rights::All {
        rustix::fs::fchown(&fd, Some(Uid::from_raw(facts.uid)), Some(Gid::from_raw(facts.gid)))
            .call(|| format!("fchown({}, {})", facts.uid, facts.gid))?;
    }
    for (name, value) in &facts.attributes {
        attribute(&fd, name, value, rights)?;
    }
    rustix::fs::fchmod(&fd, Mode::from_raw_mode(facts.mode)).call(|| format!("fchmod({:#o})", facts.mode))?;
    rustix::fs::futimens(&fd, &times(facts)).call(|| "futimens")?;
    Ok(())
}

/// Sets an extended attribute. Those of overlayfs are its private notes: an archive could redirect directories by them.
fn attribute(fd: impl AsFd, name: &[u8], value: &[u8], rights: Rights) -> Result<()> {
    if name.starts_with(b"trusted.overlay.") || name.starts_with(b"user.overlay.") {
        return Ok(());
    }
    match rustix::fs::fsetxattr(fd, name, value, XattrFlags::empty()) {
        // The file system has none of this kind, or an unprivileged user may not set it: the file is as good without.
        Err(Errno::OPNOTSUPP) => Ok(()),
        Err(Errno::PERM) if rights == Rights::Own => Ok(()),
        result => Ok(result.call(|| format!("fsetxattr({:?})", String::from_utf8_lossy(name)))?),
    }
}

/// The link's target is looked up inside the root too, and never through a last symbolic link.
fn hardlink(root: &Root, parent: &OwnedFd, name: &OsStr, target: &Path) -> Result<()> {
    let missing = || {
        Error::new(
            barque_sys::ErrorKind::InvalidArgument,
            format!("a hard link to {target:?}, which is not there"),
        )
    };
    let target_name = target.file_name().ok_or_else(missing)?;
    let directory = root
        .open(target.parent().unwrap_or(Path::new("")), OFlags::PATH | OFlags::DIRECTORY)
        .map_err(|_| missing())?;
    match rustix::fs::linkat(&directory, target_name, parent, name, AtFlags::empty()) {
        Err(Errno::NOENT) => Err(missing()),
        result => Ok(result.call(|| format!("linkat({target:?}, {name:?})"))?),
    }
}

fn node(
    parent: &OwnedFd,
    name: &OsStr,
    facts: &Facts,
    rights: Rights,
    kind: FileType,
    (major, minor): (u32, u32),
) -> Result<()> {
    if rights == Rights::Own && kind != FileType::Fifo {
        // An unprivileged user may make no devices; containers get theirs in a fresh /dev.
        return Ok(());
    }
    let mode = Mode::from_raw_mode(facts.mode);
    rustix::fs::mknodat(parent, name, kind, mode, rustix::fs::makedev(major, minor))
        .call(|| format!("mknodat({name:?}, {kind:?}, {major}:{minor})"))?;
    owner_and_time(parent, name, facts, rights)?;
    // The umask, and the change of owner, may have taken bits away. Nothing else has a hand on this directory.
    Ok(rustix::fs::chmodat(parent, name, mode, AtFlags::empty()).call(|| format!("fchmodat({name:?})"))?)
}

fn owner_and_time(parent: &OwnedFd, name: &OsStr, facts: &Facts, rights: Rights) -> Result<()> {
    if rights == Rights::All {
        let (uid, gid) = (Uid::from_raw(facts.uid), Gid::from_raw(facts.gid));
        rustix::fs::chownat(parent, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)
            .call(|| format!("fchownat({name:?}, {}, {})", facts.uid, facts.gid))?;
    }
    rustix::fs::utimensat(parent, name, &times(facts), AtFlags::SYMLINK_NOFOLLOW)
        .call(|| format!("utimensat({name:?})"))?;
    Ok(())
}

fn times(facts: &Facts) -> Timestamps {
    let time = Timespec { tv_sec: facts.modified.0, tv_nsec: facts.modified.1.into() };
    Timestamps { last_access: time, last_modification: time }
}
