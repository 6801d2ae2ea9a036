//! A tree of files copied from one open directory into another. Both sides are walked by descriptors, one component at a
//! time: whoever changes them meanwhile leads nobody elsewhere.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use barque_sys::Call as _;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, Stat, Timespec};
use rustix::io::Errno;

use super::place::{self, Attributes, Facts, Node};
use super::resolve::open_directory;
use crate::{Error, ErrorKind, Result};

/// Directories in one another: more are made to make a copy fail.
const DEEPEST: usize = 1000;
/// What is read of a file whose length is not known before, as those of `/proc`.
const LONGEST_UNKNOWN: u64 = 64 << 20;

/// A copy being made.
pub(super) struct Tree<'a> {
    /// The owner a copy gets.
    owner: &'a dyn Fn(&Stat) -> (u32, u32),
    /// The directory that all is copied into, and where below it we are.
    top: OwnedFd,
    here: PathBuf,
    /// Where a file with several names was copied to.
    links: HashMap<(u64, u64), PathBuf>,
    /// The first directory that was made: not copied into itself.
    first: Option<(u64, u64)>,
    /// Which extended attributes are copied.
    attributes: fn(&[u8]) -> bool,
    /// How long an archive of what was copied would be: what Docker counts.
    pub(super) bytes: u64,
}

impl<'a> Tree<'a> {
    pub(super) fn new(top: &OwnedFd, owner: &'a dyn Fn(&Stat) -> (u32, u32)) -> Result<Self> {
        let top = rustix::io::fcntl_dupfd_cloexec(top, 0).call(|| "fcntl(F_DUPFD_CLOEXEC)")?;
        // The two empty blocks at its end.
        Ok(Self {
            owner,
            top,
            here: PathBuf::new(),
            links: HashMap::new(),
            first: None,
            attributes: place::travels,
            bytes: 1024,
        })
    }

    /// Copies all extended attributes, overlayfs' own too.
    pub(super) fn with_all_attributes(&mut self) {
        self.attributes = |_| true;
    }

    /// Copies one name of a directory, and all that is in it, under another name into the top.
    pub(super) fn copy(&mut self, from: &OwnedFd, name: &OsStr, new_name: &OsStr) -> Result<()> {
        let to = open_directory(&self.top, OsStr::new("."))?;
        self.one(from, name, &to, new_name)
    }

    /// Copies a directory under a name into the top.
    pub(super) fn copy_as_directory(&mut self, from: &OwnedFd, new_name: &OsStr) -> Result<()> {
        let to = open_directory(&self.top, OsStr::new("."))?;
        self.here.push(new_name);
        let done = self.open_directory(from, &to, new_name);
        self.here.pop();
        done
    }

    /// Copies all that is in a directory into the top.
    pub(super) fn copy_content(&mut self, from: &OwnedFd) -> Result<()> {
        self.bytes += 512;
        let to = open_directory(&self.top, OsStr::new("."))?;
        self.content(from, &to)
    }

    fn one(&mut self, from: &OwnedFd, name: &OsStr, to: &OwnedFd, new_name: &OsStr) -> Result<()> {
        let stat = rustix::fs::statat(from, name, AtFlags::SYMLINK_NOFOLLOW);
        let stat = stat.call(|| format!("fstatat({name:?})"))?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        self.here.push(new_name);
        let done = match kind {
            FileType::Directory => self.directory(from, name, to, new_name),
            // A name of something that listens: of no use to anybody else.
            FileType::Socket => Ok(()),
            _ => self.file(from, name, to, new_name, &stat),
        };
        let done = done.map_err(|error| error.context(format_args!("{}", self.here.display())));
        self.here.pop();
        done
    }

    fn directory(&mut self, from: &OwnedFd, name: &OsStr, to: &OwnedFd, new_name: &OsStr) -> Result<()> {
        if self.here.components().count() > DEEPEST {
            return Err(Error::invalid(format!("directories lie deeper in one another than {DEEPEST}")));
        }
        let source = open_directory(from, name)?;
        self.open_directory(&source, to, new_name)
    }

    fn open_directory(&mut self, source: &OwnedFd, to: &OwnedFd, new_name: &OsStr) -> Result<()> {
        let stat = barque_sys::path::stat(source)?;
        if self.first == Some((stat.st_dev, stat.st_ino)) {
            return Ok(());
        }
        self.bytes += 512;
        let is_new = place::directory(to, new_name)?;
        let target = open_directory(to, new_name)?;
        if is_new && self.first.is_none() {
            let made = barque_sys::path::stat(&target)?;
            self.first = Some((made.st_dev, made.st_ino));
        }
        if !barque_sys::file::is_kernel_view(source)? {
            self.content(source, &target)?;
        }
        place::finish(&target, &self.facts(&stat, place::attributes(source, self.attributes)?))
    }

    fn content(&mut self, from: &OwnedFd, to: &OwnedFd) -> Result<()> {
        for name in names(from)? {
            match self.one(from, &name, to, &name) {
                // What a running container has just removed is as if it had been so before.
                Err(error) if error.kind() == ErrorKind::NotFound && place::stat(from, &name)?.is_none() => {}
                done => done?,
            }
        }
        Ok(())
    }

    fn file(
        &mut self,
        from: &OwnedFd,
        name: &OsStr,
        to: &OwnedFd,
        new_name: &OsStr,
        stat: &Stat,
    ) -> Result<()> {
        self.bytes += 512;
        let id = (stat.st_dev, stat.st_ino);
        if stat.st_nlink > 1 {
            match self.links.get(&id) {
                Some(first) if self.link(first, to, new_name)? => return Ok(()),
                Some(_) => {}
                None => drop(self.links.insert(id, self.here.clone())),
            }
        }
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => self.regular(from, name, to, new_name),
            FileType::Symlink => {
                let target = rustix::fs::readlinkat(from, name, Vec::new())
                    .call(|| format!("readlinkat({name:?})"))?;
                let target = PathBuf::from(OsString::from_vec(target.into_bytes()));
                place::node(to, new_name, Node::Symlink(&target), &self.facts(stat, Vec::new()))
            }
            kind => {
                place::node(to, new_name, Node::Device(kind, stat.st_rdev), &self.facts(stat, Vec::new()))
            }
        }
    }

    /// Another name of a file copied before; false where there can be none.
    fn link(&self, first: &Path, to: &OwnedFd, new_name: &OsStr) -> Result<bool> {
        let above = first.parent().filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        let Ok(parent) = rustix::fs::openat2(&self.top, above, flags, Mode::empty(), resolve) else {
            return Ok(false);
        };
        // Another file system may be mounted in between.
        Ok(place::link(&parent, first.file_name().unwrap_or_default(), to, new_name).is_ok())
    }

    fn regular(&mut self, from: &OwnedFd, name: &OsStr, to: &OwnedFd, new_name: &OsStr) -> Result<()> {
        // It may be a pipe by now.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let source = rustix::fs::openat(from, name, flags, Mode::empty());
        let source = source.call(|| format!("openat({name:?}, {flags:?})"))?;
        let stat = barque_sys::path::stat(&source)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(Error::new(ErrorKind::Conflict, "it became something else while it was copied"));
        }
        let attributes = place::attributes(&source, self.attributes)?;
        let target = place::file(to, new_name)?;
        let (source, target) = (File::from(source), File::from(target));
        let size = u64::try_from(stat.st_size).unwrap_or(0);
        let copied = match size {
            0 => std::io::copy(&mut (&source).take(LONGEST_UNKNOWN), &mut &target).call(|| "copy")?,
            size => parts(&source, &target, size)?,
        };
        self.bytes += copied.next_multiple_of(512);
        place::finish(&target, &self.facts(&stat, attributes))
    }

    fn facts(&self, stat: &Stat, attributes: Attributes) -> Facts {
        Facts {
            mode: stat.st_mode & 0o7777,
            owner: (self.owner)(stat),
            modified: Timespec {
                tv_sec: stat.st_mtime,
                tv_nsec: i64::try_from(stat.st_mtime_nsec).unwrap_or(0),
            },
            attributes,
        }
    }
}

/// Copies the parts of a file that are there, up to the length it had at first: one that grows for ever is not copied for
/// ever. Returns that length.
fn parts(source: &File, target: &File, size: u64) -> Result<u64> {
    let mut at = 0;
    while at < size {
        let data = match rustix::fs::seek(source, rustix::fs::SeekFrom::Data(at)) {
            // Nothing but a hole is left.
            Err(Errno::NXIO) => break,
            // The file system does not know holes.
            Err(Errno::INVAL) => at,
            found => found.call(|| "lseek(SEEK_DATA)")?.max(at),
        };
        let hole = rustix::fs::seek(source, rustix::fs::SeekFrom::Hole(data)).unwrap_or(size).min(size);
        if hole <= data {
            break;
        }
        (&mut &*source).seek(SeekFrom::Start(data)).call(|| "lseek")?;
        (&mut &*target).seek(SeekFrom::Start(data)).call(|| "lseek")?;
        let copied =
            std::io::copy(&mut source.take(hole - data), &mut &*target).call(|| "copy_file_range")?;
        if copied == 0 {
            break;
        }
        at = data + copied;
    }
    rustix::fs::ftruncate(target, size).call(|| format!("ftruncate({size})"))?;
    Ok(size)
}

/// The names in a directory, sorted.
fn names(directory: &OwnedFd) -> Result<Vec<OsString>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(directory).call(|| "openat(\".\")")? {
        let entry = entry.call(|| "getdents")?;
        let name = entry.file_name().to_bytes();
        if !matches!(name, b"." | b"..") {
            names.push(OsStr::from_bytes(name).to_owned());
        }
    }
    names.sort_unstable();
    Ok(names)
}
