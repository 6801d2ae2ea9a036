//! One file, made by its name in an open directory. No link is followed, nothing is opened that could wait.

use std::ffi::OsStr;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use barque_sys::Call as _;
use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Stat, Timespec, Timestamps, Uid, XattrFlags};
use rustix::io::Errno;

use crate::{Error, ErrorKind, Result};

/// Mode, owner, time and extended attributes that a file is to have.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    pub(super) mode: u32,
    pub(super) owner: (u32, u32),
    pub(super) modified: Timespec,
    pub(super) attributes: Attributes,
}

/// Names and values.
pub(super) type Attributes = Vec<(Vec<u8>, Vec<u8>)>;

/// What has neither content nor entries.
#[derive(Debug, Clone, Copy)]
pub(super) enum Node<'a> {
    Symlink(&'a Path),
    Device(FileType, u64),
}

/// Makes a file to be written to. One that is there is replaced; what is mounted is written over.
pub(super) fn file(parent: &OwnedFd, name: &OsStr) -> Result<OwnedFd> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let open = |flags| rustix::fs::openat(parent, name, flags, Mode::from_raw_mode(0o600));
    match clear(parent, name)? {
        Cleared::Gone => Ok(open(flags).call(|| format!("openat({name:?}, {flags:?})"))?),
        Cleared::Mounted => {
            let flags =
                OFlags::WRONLY | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            let file = open(flags).call(|| format!("openat({name:?}, {flags:?})"))?;
            let stat = barque_sys::path::stat(&file)?;
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::RegularFile => Ok(file),
                _ => Err(Error::invalid(format!("{name:?} is mounted, and no regular file"))),
            }
        }
    }
}

/// Makes a directory; says whether it was not there before. With the mode that lets its owner in until [`finish`].
pub(super) fn directory(parent: &OwnedFd, name: &OsStr) -> Result<bool> {
    match rustix::fs::mkdirat(parent, name, Mode::from_raw_mode(0o700)) {
        Ok(()) => Ok(true),
        Err(Errno::EXIST) if stat(parent, name)?.is_some_and(|stat| !is_directory(&stat)) => {
            Err(Error::invalid(format!("cannot overwrite non-directory {name:?} with directory {name:?}")))
        }
        Err(Errno::EXIST) => Ok(false),
        Err(errno) => Ok(Err(errno).call(|| format!("mkdirat({name:?})"))?),
    }
}

/// Makes a link, a device, a pipe, with its facts.
pub(super) fn node(parent: &OwnedFd, name: &OsStr, node: Node<'_>, facts: &Facts) -> Result<()> {
    if clear(parent, name)? == Cleared::Mounted {
        return Err(mounted(name));
    }
    match node {
        Node::Symlink(target) => {
            rustix::fs::symlinkat(target, parent, name)
                .call(|| format!("symlinkat({target:?}, {name:?})"))?;
        }
        Node::Device(kind, device) => {
            let mode = Mode::from_raw_mode(facts.mode);
            rustix::fs::mknodat(parent, name, kind, mode, device)
                .call(|| format!("mknodat({name:?}, {kind:?})"))?;
        }
    }
    let (uid, gid) = (Uid::from_raw(facts.owner.0), Gid::from_raw(facts.owner.1));
    rustix::fs::chownat(parent, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)
        .call(|| format!("fchownat({name:?}, {:?})", facts.owner))?;
    let times = Timestamps { last_access: facts.modified, last_modification: facts.modified };
    Ok(rustix::fs::utimensat(parent, name, &times, AtFlags::SYMLINK_NOFOLLOW)
        .call(|| format!("utimensat({name:?})"))?)
}

/// Makes another name of a file that was made before; what has the name is replaced.
pub(super) fn link(old: &OwnedFd, old_name: &OsStr, parent: &OwnedFd, name: &OsStr) -> Result<()> {
    let id = |stat: Option<Stat>| stat.map(|stat| (stat.st_dev, stat.st_ino));
    if id(stat(old, old_name)?) == id(stat(parent, name)?) {
        return Ok(());
    }
    if clear(parent, name)? == Cleared::Mounted {
        return Err(mounted(name));
    }
    Ok(rustix::fs::linkat(old, old_name, parent, name, AtFlags::empty())
        .call(|| format!("linkat({old_name:?}, {name:?})"))?)
}

/// Gives an open file or directory what it is to have: the owner first, as a change of it takes bits of the mode away.
pub(super) fn finish(fd: impl AsFd, facts: &Facts) -> Result<()> {
    let fd = fd.as_fd();
    let (uid, gid) = (Uid::from_raw(facts.owner.0), Gid::from_raw(facts.owner.1));
    let now = barque_sys::path::stat(fd)?;
    if (now.st_uid, now.st_gid) != facts.owner {
        rustix::fs::fchown(fd, Some(uid), Some(gid)).map_err(|errno| match errno {
            Errno::INVAL => {
                Error::invalid(format!("its owner {:?} is none of the user namespace's", facts.owner))
            }
            errno => barque_sys::Error::new(format!("fchown({:?})", facts.owner), errno).into(),
        })?;
    }
    for (name, value) in &facts.attributes {
        match rustix::fs::fsetxattr(fd, name.as_slice(), value, XattrFlags::empty()) {
            // The file system has none of the kind, or the caller may not: the file is as good without.
            Err(Errno::OPNOTSUPP | Errno::PERM) => {}
            set => set.call(|| format!("fsetxattr({:?})", String::from_utf8_lossy(name)))?,
        }
    }
    rustix::fs::fchmod(fd, Mode::from_raw_mode(facts.mode)).call(|| format!("fchmod({:#o})", facts.mode))?;
    let times = Timestamps { last_access: facts.modified, last_modification: facts.modified };
    Ok(rustix::fs::futimens(fd, &times).call(|| "futimens")?)
}

/// The extended attributes of an open file, of those that are wanted.
pub(super) fn attributes(fd: impl AsFd, wanted: fn(&[u8]) -> bool) -> Result<Attributes> {
    let fd = fd.as_fd();
    let mut names = Vec::with_capacity(LONGEST);
    match rustix::fs::flistxattr(fd, rustix::buffer::spare_capacity(&mut names)) {
        Ok(0) | Err(Errno::OPNOTSUPP) => return Ok(Vec::new()),
        listed => listed.call(|| "flistxattr")?,
    };
    let mut found = Vec::new();
    for name in names.split(|byte| *byte == 0).filter(|name| !name.is_empty() && wanted(name)) {
        let mut value = Vec::with_capacity(LONGEST);
        match rustix::fs::fgetxattr(fd, name, rustix::buffer::spare_capacity(&mut value)) {
            // Gone meanwhile, or not for this user.
            Err(Errno::NODATA | Errno::PERM | Errno::OPNOTSUPP) => continue,
            got => got.call(|| format!("fgetxattr({:?})", String::from_utf8_lossy(name)))?,
        };
        found.push((name.to_vec(), value));
    }
    Ok(found)
}

/// More than any file system keeps for one file.
const LONGEST: usize = 64 << 10;

/// Whether an extended attribute means something elsewhere: the user's, access lists, file capabilities. Not labels, which are a machine's own, nor what file systems note for themselves.
pub(super) fn travels(name: &[u8]) -> bool {
    name == b"security.capability"
        || name.starts_with(b"system.posix_acl_")
        || name.starts_with(b"user.") && !name.starts_with(b"user.overlay.")
}

/// What has a name in a directory, if anything.
pub(super) fn stat(parent: &OwnedFd, name: &OsStr) -> Result<Option<Stat>> {
    match rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => Ok(None),
        stat => Ok(Some(stat.call(|| format!("fstatat({name:?})"))?)),
    }
}

fn is_directory(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::Directory
}

fn mounted(name: &OsStr) -> Error {
    Error::new(ErrorKind::Conflict, format!("cannot overwrite {name:?}: something is mounted on it"))
}

fn over_directory(name: &OsStr) -> Error {
    Error::invalid(format!("cannot overwrite directory {name:?} with non-directory {name:?}"))
}

/// What has become of a name that something else is to have.
#[derive(PartialEq, Eq)]
enum Cleared {
    Gone,
    Mounted,
}

/// Removes what is no directory. What something is mounted on could be removed from here, and the container's mount would
/// go with it: only a mount of our own namespace keeps its place (`EBUSY`).
fn clear(parent: &OwnedFd, name: &OsStr) -> Result<Cleared> {
    if is_mounted(parent, name) {
        return Ok(Cleared::Mounted);
    }
    match rustix::fs::unlinkat(parent, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(Cleared::Gone),
        Err(Errno::BUSY) => Ok(Cleared::Mounted),
        Err(Errno::ISDIR) => Err(over_directory(name)),
        Err(errno) => Ok(Err(errno).call(|| format!("unlinkat({name:?})"))?),
    }
}

/// Whether a name is where something is mounted (`STATX_ATTR_MOUNT_ROOT`, Linux 5.8).
fn is_mounted(parent: &OwnedFd, name: &OsStr) -> bool {
    use rustix::fs::{StatxAttributes, StatxFlags};
    let found = rustix::fs::statx(parent, name, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::TYPE);
    found.is_ok_and(|found| found.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
}
