//! Copies of directory trees, by descriptor.

use std::collections::HashMap;
use std::ffi::{CStr, OsStr};
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, CWD, Dir, FileType, Mode, OFlags, SeekFrom, Stat, Timespec, Timestamps, XattrFlags,
};
use rustix::io::Errno;

use crate::path::Root;
use crate::{Call as _, Result};

/// Copies what one directory holds into another: files, directories, links and nodes with their owners, modes, times,
/// extended attributes and holes; names of one file stay names of one file. Blocks are shared where the file system can
/// (`FICLONE`). Neither side is ever reached by a path, and links are copied, not followed. Files that are there already
/// are replaced. Handles (`O_PATH`) will do.
pub fn tree(from: impl AsFd, to: impl AsFd) -> Result<()> {
    let (from, to) = (open(from, c".")?, open(to, c".")?);
    let mut copy = Copy {
        target: Root::new(open(&to, c".")?),
        links: HashMap::new(),
        here: PathBuf::from("/"),
        shares: true,
        buffer: Vec::new(),
    };
    copy.directory(&from, &to)
}

/// Gives a file, or a directory and all it holds, to a user; what is theirs already is left alone. Links are not followed.
pub fn change_owner(file: impl AsFd, uid: u32, gid: u32) -> Result<()> {
    if !crate::path::is_directory(&file)? {
        return own(file, c"", uid, gid);
    }
    let directory = open(file, c".")?;
    own(&directory, c"", uid, gid)?;
    for name in names(&directory)? {
        if FileType::from_raw_mode(stat(&directory, &name)?.st_mode) == FileType::Directory {
            change_owner(&open(&directory, &name)?, uid, gid)?;
        } else {
            own(&directory, &name, uid, gid)?;
        }
    }
    Ok(())
}

fn own(directory: impl AsFd, name: &CStr, uid: u32, gid: u32) -> Result<()> {
    let found = stat(&directory, name)?;
    if (found.st_uid, found.st_gid) == (uid, gid) {
        return Ok(());
    }
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::EMPTY_PATH;
    let (user, group) = (rustix::fs::Uid::from_raw(uid), rustix::fs::Gid::from_raw(gid));
    rustix::fs::chownat(directory, name, Some(user), Some(group), flags)
        .call(|| format!("fchownat({name:?}, {uid}, {gid})"))
}

/// Whether a directory has nothing in it.
pub fn is_empty(directory: impl AsFd) -> Result<bool> {
    Ok(names(&open(directory, c".")?)?.is_empty())
}

fn open(at: impl AsFd, name: &CStr) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(at, name, flags, Mode::empty()).call(|| format!("openat({name:?}, {flags:?})"))
}

/// What a directory holds. As a list: what is copied, or changed, while it is read could come twice.
fn names(directory: &OwnedFd) -> Result<Vec<std::ffi::CString>> {
    let failed = || format!("getdents({})", directory.as_raw_fd());
    let mut names = Vec::new();
    for entry in Dir::read_from(directory).call(failed)? {
        let entry = entry.call(failed)?;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            names.push(entry.file_name().to_owned());
        }
    }
    Ok(names)
}

/// One copy of a tree.
struct Copy {
    target: Root,
    /// Where in the target a file with several names was made, by device and inode.
    links: HashMap<(u64, u64), PathBuf>,
    here: PathBuf,
    /// Whether the file systems may share blocks: not tried again after they said no.
    shares: bool,
    buffer: Vec<u8>,
}

/// Bytes read at once.
const READ: usize = 256 << 10;

impl Copy {
    fn directory(&mut self, from: &OwnedFd, to: &OwnedFd) -> Result<()> {
        let stat = stat(from, c"")?;
        for name in names(from)? {
            self.here.push(OsStr::from_bytes(name.to_bytes()));
            self.one(from, to, &name)?;
            self.here.pop();
        }
        // After what is in it, which changes the time, and may need more than the mode allows.
        attributes(&stat, from, to)
    }

    fn one(&mut self, from: &OwnedFd, to: &OwnedFd, name: &CStr) -> Result<()> {
        let stat = stat(from, name)?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        if kind == FileType::Directory {
            match rustix::fs::mkdirat(to, name, Mode::RWXU) {
                Err(Errno::EXIST) => {}
                made => made.call(|| format!("mkdirat({name:?})"))?,
            }
            return self.directory(&open(from, name)?, &open(to, name)?);
        }
        if stat.st_nlink > 1 {
            let id = (stat.st_dev, stat.st_ino);
            if let Some(first) = self.links.get(&id) {
                return link(&self.target, first, to, name);
            }
            self.links.insert(id, self.here.clone());
        }
        match kind {
            FileType::RegularFile => return self.file(from, to, name, &stat),
            FileType::Symlink => {
                let target = rustix::fs::readlinkat(from, name, Vec::new())
                    .call(|| format!("readlinkat({name:?})"))?;
                replacing(to, name, || rustix::fs::symlinkat(&target, to, name))
                    .call(|| format!("symlinkat({name:?})"))?;
            }
            _ => {
                let mode = Mode::from_raw_mode(stat.st_mode & 0o7777);
                replacing(to, name, || rustix::fs::mknodat(to, name, kind, mode, stat.st_rdev))
                    .call(|| format!("mknodat({name:?})"))?;
            }
        }
        own(to, name, stat.st_uid, stat.st_gid)?;
        rustix::fs::utimensat(to, name, &times(&stat), AtFlags::SYMLINK_NOFOLLOW)
            .call(|| format!("utimensat({name:?})"))
    }

    fn file(&mut self, from: &OwnedFd, to: &OwnedFd, name: &CStr, stat: &Stat) -> Result<()> {
        let flags = OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let source = rustix::fs::openat(from, name, flags | OFlags::RDONLY | OFlags::NONBLOCK, Mode::empty())
            .call(|| format!("openat({name:?}, O_RDONLY)"))?;
        let create = flags | OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
        let target = replacing(to, name, || rustix::fs::openat(to, name, create, Mode::from_raw_mode(0o600)))
            .call(|| format!("openat({name:?}, O_CREAT)"))?;
        if stat.st_size > 0 {
            self.shares = self.shares && rustix::fs::ioctl_ficlone(&target, &source).is_ok();
            if !self.shares {
                self.content(&source, &target, stat).call(|| format!("copy({name:?})"))?;
            }
        }
        attributes(stat, &source, &target)
    }

    /// The parts of a file that are no holes.
    fn content(&mut self, from: &OwnedFd, to: &OwnedFd, stat: &Stat) -> std::result::Result<(), Errno> {
        let size = u64::try_from(stat.st_size).unwrap_or(0);
        let sparse = u64::try_from(stat.st_blocks).unwrap_or(u64::MAX).saturating_mul(512) < size;
        let mut at = 0;
        while at < size {
            let (start, end) = if sparse { data(from, at, size)? } else { (at, size) };
            self.range(from, to, start, end)?;
            at = end;
        }
        // Also where the end is a hole.
        rustix::fs::ftruncate(to, size)
    }

    fn range(
        &mut self,
        from: &OwnedFd,
        to: &OwnedFd,
        mut at: u64,
        end: u64,
    ) -> std::result::Result<(), Errno> {
        self.buffer.resize(READ, 0);
        while at < end {
            let want = usize::try_from(end - at).unwrap_or(READ).min(READ);
            let part = &mut self.buffer[..want];
            let count = rustix::io::retry_on_intr(|| rustix::io::pread(from, &mut *part, at))?;
            if count == 0 {
                // It became shorter meanwhile.
                return Ok(());
            }
            let mut rest = &part[..count];
            while !rest.is_empty() {
                let written = rustix::io::retry_on_intr(|| rustix::io::pwrite(to, rest, at))?;
                rest = &rest[written..];
                at += written as u64;
            }
        }
        Ok(())
    }
}

/// Where the next bytes of a file begin and end that are no hole.
fn data(file: &OwnedFd, at: u64, size: u64) -> std::result::Result<(u64, u64), Errno> {
    match rustix::fs::seek(file, SeekFrom::Data(at)) {
        // Nothing but a hole follows.
        Err(Errno::NXIO) => Ok((size, size)),
        // The file system knows no holes.
        Err(Errno::INVAL | Errno::OPNOTSUPP) => Ok((at, size)),
        start => {
            let start = start?;
            Ok((start, rustix::fs::seek(file, SeekFrom::Hole(start)).unwrap_or(size).min(size)))
        }
    }
}

/// Gives a file one more name. Who can write into the target meanwhile must not make it a name of another file: the first
/// name is walked inside of the target.
fn link(target: &Root, first: &Path, to: &OwnedFd, name: &CStr) -> Result<()> {
    let file = target.handle_nofollow(first)?;
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    replacing(to, name, || rustix::fs::linkat(CWD, path.as_str(), to, name, AtFlags::SYMLINK_FOLLOW))
        .call(|| format!("linkat({first:?}, {name:?})"))
}

/// Makes a name in a directory; one that is there is removed.
fn replacing<T>(
    directory: &OwnedFd,
    name: &CStr,
    make: impl Fn() -> std::result::Result<T, Errno>,
) -> std::result::Result<T, Errno> {
    match make() {
        Err(Errno::EXIST) => {
            rustix::fs::unlinkat(directory, name, AtFlags::empty())?;
            make()
        }
        made => made,
    }
}

fn stat(directory: impl AsFd, name: &CStr) -> Result<Stat> {
    let flags =
        AtFlags::SYMLINK_NOFOLLOW | if name.is_empty() { AtFlags::EMPTY_PATH } else { AtFlags::empty() };
    rustix::fs::statat(directory, name, flags).call(|| format!("fstatat({name:?})"))
}

/// Gives an open file the owner, mode, attributes and times of another; the owner first, because a change of it may clear
/// mode bits and capabilities.
fn attributes(stat: &Stat, from: impl AsFd, to: impl AsFd) -> Result<()> {
    let owner = (rustix::fs::Uid::from_raw(stat.st_uid), rustix::fs::Gid::from_raw(stat.st_gid));
    rustix::fs::fchown(&to, Some(owner.0), Some(owner.1)).call(|| "fchown(copy)")?;
    rustix::fs::fchmod(&to, Mode::from_raw_mode(stat.st_mode & 0o7777)).call(|| "fchmod(copy)")?;
    extended_attributes(&from, &to)?;
    rustix::fs::futimens(&to, &times(stat)).call(|| "futimens(copy)")
}

/// More than any file system keeps for one file.
const LONGEST: usize = 64 << 10;

/// Copies the extended attributes that the caller may see and the file system takes. Not those of overlayfs: they are
/// about the layer they are in.
fn extended_attributes(from: impl AsFd, to: impl AsFd) -> Result<()> {
    let mut list = Vec::with_capacity(LONGEST);
    match rustix::fs::flistxattr(&from, rustix::buffer::spare_capacity(&mut list)) {
        Ok(0) | Err(Errno::OPNOTSUPP) => return Ok(()),
        listed => listed.call(|| "flistxattr")?,
    };
    let is_overlays =
        |name: &[u8]| name.starts_with(b"trusted.overlay.") || name.starts_with(b"user.overlay.");
    for name in list.split(|byte| *byte == 0).filter(|name| !name.is_empty() && !is_overlays(name)) {
        let mut value = Vec::with_capacity(LONGEST);
        match rustix::fs::fgetxattr(&from, name, rustix::buffer::spare_capacity(&mut value)) {
            Err(Errno::NODATA | Errno::PERM | Errno::OPNOTSUPP) => continue,
            read => read.call(|| format!("fgetxattr({})", String::from_utf8_lossy(name)))?,
        };
        match rustix::fs::fsetxattr(&to, name, &value, XattrFlags::empty()) {
            Err(Errno::PERM | Errno::OPNOTSUPP) => {}
            set => set.call(|| format!("fsetxattr({})", String::from_utf8_lossy(name)))?,
        }
    }
    Ok(())
}

fn times(stat: &Stat) -> Timestamps {
    let time = |seconds, nanoseconds: u64| Timespec {
        tv_sec: seconds,
        tv_nsec: i64::try_from(nanoseconds).unwrap_or(0),
    };
    Timestamps {
        last_access: time(stat.st_atime, stat.st_atime_nsec),
        last_modification: time(stat.st_mtime, stat.st_mtime_nsec),
    }
}

#[cfg(test)]
#[path = "copy_tests.rs"]
mod tests;
