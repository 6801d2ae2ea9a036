//! A directory becomes an archive. The same files give the same bytes: entries are sorted, and nothing of the machine or the
//! moment is written.

use std::collections::HashMap;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::Path;

use barque_sys::Call as _;
use rustix::fs::{FileType, Mode, OFlags, Stat, Timespec};

use super::changes::{Change, ChangeKind, changes};
use super::metadata::{self, Attributes};
use super::stack::{is_opaque, is_whiteout};
use super::tar::{Header, Type, Writer};
use super::{Form, MountPoints, Stack, path};
use crate::{Context as _, Error, Result};

/// How to write an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriteOptions {
    /// How the directory says what is gone: for [`Form::Plain`], not at all.
    pub form: Form,
    /// No time of modification is later than this one, in seconds since 1970 (`SOURCE_DATE_EPOCH`).
    pub latest: Option<i64>,
}

impl Default for WriteOptions {
    fn default() -> Self {
        Self { form: Form::Overlay, latest: None }
    }
}

/// Writes a directory: a whole root filesystem, or, in overlayfs' form, a layer with its whiteouts. Sockets are left out.
pub fn write_tree<W: Write>(directory: &Path, sink: W, options: &WriteOptions) -> Result<W> {
    let mut archiver = Archiver::new(sink, options);
    let root = barque_sys::file::open(directory, barque_sys::file::READ_DIRECTORY)?;
    let stat = metadata::stat(&root, b"")?;
    archiver.entry(&root, b"", b"", &stat)?;
    archiver.directory(&root, b"").context(|| format!("{directory:?}"))?;
    archiver.finish()
}

/// Writes what has to be done to one tree to make it the other: a layer for those who have the first.
pub fn write_difference<W: Write>(old: &Path, new: &Path, sink: W, options: &WriteOptions) -> Result<W> {
    use std::os::unix::ffi::OsStrExt as _;
    let mut archiver = Archiver::new(sink, options);
    let root = barque_sys::path::Root::open_host(new)?;
    for Change { kind, path } in changes(old, new)? {
        let clean = path::clean(path.as_os_str().as_bytes());
        if kind == ChangeKind::Deleted {
            archiver.whiteout(&clean)?;
            continue;
        }
        let (above, name) = path::split(&clean);
        let parent = root.open(&super::pending::path_buf(above), barque_sys::file::READ_DIRECTORY)?;
        let stat = metadata::stat(&parent, name)?;
        if kind == ChangeKind::Changed && FileType::from_raw_mode(stat.st_mode) == FileType::Socket {
            // It is left out, but what was there before is gone.
            archiver.whiteout(&clean)?;
            continue;
        }
        archiver.entry(&parent, name, &clean, &stat).context(|| path::shown(&clean))?;
    }
    archiver.finish()
}

/// Turns the owner of a file as the disk has it into the owner that is written.
pub type Owners<'a> = &'a dyn Fn(u32, u32) -> (u32, u32);

/// Writes one name of a directory, and all that is in it, under another path; the empty name is the directory itself. Not a
/// layer: any name can be in it.
pub fn write_part<W: Write>(
    directory: &OwnedFd,
    name: &std::ffi::OsStr,
    path: &Path,
    sink: W,
    owners: Owners<'_>,
) -> Result<W> {
    use std::os::unix::ffi::OsStrExt as _;
    let options = WriteOptions { form: Form::Plain, latest: None };
    let mut archiver = Archiver::new(sink, &options);
    (archiver.owners, archiver.any_name) = (Some(owners), true);
    let (name, path) = (name.as_bytes(), path::clean(path.as_os_str().as_bytes()));
    let stat = metadata::stat(directory, name)?;
    archiver.entry(directory, name, &path, &stat).context(|| path::shown(&path))?;
    if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let name = if name.is_empty() { b"." } else { name };
        let below = rustix::fs::openat(directory, name, flags, Mode::empty())
            .call(|| format!("openat({}, {flags:?})", path::shown(&path)))?;
        archiver.directory(&below, &path)?;
    }
    archiver.finish()
}

/// Writes what a container has written, above some layers, as a layer: without what is there for mounts alone, and without
/// its root directory, which whoever made the container has made.
pub fn write_writable_layer<W: Write>(
    upper: &Path,
    lowers: &Stack,
    mount_points: &MountPoints,
    sink: W,
    form: Form,
    owners: Owners<'_>,
) -> Result<W> {
    let mut archiver = Archiver::new(sink, &WriteOptions { form, latest: None });
    archiver.owners = Some(owners);
    archiver.without = Some((mount_points, lowers));
    let root = barque_sys::file::open(upper, barque_sys::file::READ_DIRECTORY)?;
    archiver.directory(&root, b"")?;
    archiver.finish()
}

/// Writes a layer's directory without its root directory, which is that of the layers below.
pub(crate) fn write_layer<W: Write>(directory: &Path, sink: W, options: &WriteOptions) -> Result<W> {
    let mut archiver = Archiver::new(sink, options);
    let root = barque_sys::file::open(directory, barque_sys::file::READ_DIRECTORY)?;
    archiver.directory(&root, b"")?;
    archiver.finish()
}

/// Bytes read at once.
const READ: usize = 256 << 10;

struct Archiver<'a, W> {
    writer: Writer<W>,
    /// Where a file with several names was written, by device and inode.
    written: HashMap<(u64, u64), Vec<u8>>,
    options: WriteOptions,
    buffer: Vec<u8>,
    owners: Option<Owners<'a>>,
    /// What is left out, and the layers below.
    without: Option<(&'a MountPoints, &'a Stack)>,
    /// Whether names that mean something in layers are names like others.
    any_name: bool,
}

fn failed(error: std::io::Error) -> Error {
    Error::from_io(error, "write of the archive")
}

impl<'a, W: Write> Archiver<'a, W> {
    fn new(sink: W, options: &WriteOptions) -> Self {
        Self {
            writer: Writer::new(sink),
            written: HashMap::new(),
            options: *options,
            buffer: vec![0; READ],
            owners: None,
            without: None,
            any_name: false,
        }
    }

    fn finish(self) -> Result<W> {
        self.writer.finish().map_err(failed)
    }

    /// Everything in a directory.
    fn directory(&mut self, directory: &OwnedFd, here: &[u8]) -> Result<()> {
        if self.any_name && barque_sys::file::is_kernel_view(directory)? {
            return Ok(());
        }
        if is_opaque(directory, self.options.form)? {
            self.empty_file(&path::join(here, b".wh..wh..opq"))?;
        }
        for name in metadata::names(directory)? {
            let path = path::join(here, &name);
            let stat = metadata::stat(directory, &name)?;
            if let Some((mount_points, lowers)) = self.without
                && mount_points.cover(directory, &name, &path, &stat, lowers)?
            {
                continue;
            }
            if self.options.form != Form::Plain && is_whiteout(&stat) {
                self.whiteout(&path)?;
                continue;
            }
            self.entry(directory, &name, &path, &stat).context(|| path::shown(&path))?;
            if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let below = rustix::fs::openat(directory, name.as_slice(), flags, Mode::empty())
                    .call(|| format!("openat({}, {flags:?})", path::shown(&path)))?;
                self.directory(&below, &path)?;
            }
        }
        Ok(())
    }

    fn whiteout(&mut self, gone: &[u8]) -> Result<()> {
        let (above, name) = path::split(gone);
        self.empty_file(&path::join(above, &[b".wh.", name].concat()))
    }

    fn empty_file(&mut self, path: &[u8]) -> Result<()> {
        let header = Header {
            path,
            kind: Type::File,
            mode: 0o644,
            uid: 0,
            gid: 0,
            modified: Timespec { tv_sec: 0, tv_nsec: 0 },
            size: 0,
            target: b"",
            device: (0, 0),
            attributes: &[],
        };
        self.writer.header(&header).map_err(failed)
    }

    /// One name of a directory; the empty name is the directory itself.
    fn entry(&mut self, directory: &OwnedFd, name: &[u8], path: &[u8], stat: &Stat) -> Result<()> {
        let kind = FileType::from_raw_mode(stat.st_mode);
        if kind == FileType::Socket {
            return Ok(());
        }
        if name.starts_with(b".wh.") && !self.any_name {
            return Err(Error::invalid(
                "a layer cannot hold it: names that begin with .wh. mean what is gone",
            ));
        }
        let id = (stat.st_dev, stat.st_ino);
        if kind != FileType::Directory && stat.st_nlink > 1 {
            if let Some(first) = self.written.get(&id).cloned() {
                return self.header(path, Type::Hardlink, stat, 0, &first, &Vec::new());
            }
            self.written.insert(id, path.to_vec());
        }
        let attributes = metadata::attributes(directory, name)?;
        let kind = match kind {
            FileType::RegularFile => return self.file(directory, name, path, stat, &attributes),
            FileType::Symlink => {
                let target = rustix::fs::readlinkat(directory, name, Vec::new())
                    .call(|| format!("readlinkat({})", path::shown(path)))?;
                return self.header(path, Type::Symlink, stat, 0, target.as_bytes(), &attributes);
            }
            FileType::Directory => Type::Directory,
            FileType::Fifo => Type::Fifo,
            FileType::CharacterDevice => Type::Character,
            _ => Type::Block,
        };
        self.header(path, kind, stat, 0, b"", &attributes)
    }

    fn header(
        &mut self,
        path: &[u8],
        kind: Type,
        stat: &Stat,
        size: u64,
        target: &[u8],
        attributes: &Attributes,
    ) -> Result<()> {
        let mut modified = metadata::modified(stat);
        if let Some(latest) = self.options.latest.filter(|latest| modified.tv_sec >= *latest) {
            modified = Timespec { tv_sec: latest, tv_nsec: 0 };
        }
        let (uid, gid) = match self.owners {
            Some(owners) => owners(stat.st_uid, stat.st_gid),
            None => (stat.st_uid, stat.st_gid),
        };
        let header = Header {
            path,
            kind,
            mode: stat.st_mode & 0o7777,
            uid,
            gid,
            modified,
            size,
            target,
            device: (rustix::fs::major(stat.st_rdev), rustix::fs::minor(stat.st_rdev)),
            attributes,
        };
        self.writer.header(&header).map_err(failed)
    }

    /// A file with its content, which must have the length that its header has said.
    fn file(
        &mut self,
        directory: &OwnedFd,
        name: &[u8],
        path: &[u8],
        stat: &Stat,
        attributes: &Attributes,
    ) -> Result<()> {
        let size = u64::try_from(stat.st_size).unwrap_or(0);
        self.header(path, Type::File, stat, size, b"", attributes)?;
        if size == 0 {
            return Ok(());
        }
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = rustix::fs::openat(directory, name, flags, Mode::empty())
            .call(|| format!("openat({}, {flags:?})", path::shown(path)))?;
        let mut rest = size;
        while rest > 0 {
            let want = usize::try_from(rest).unwrap_or(READ).min(READ);
            let count = rustix::io::retry_on_intr(|| rustix::io::read(&file, &mut self.buffer[..want]))
                .call(|| format!("read({})", path::shown(path)))?;
            if count == 0 {
                return Err(Error::new(crate::ErrorKind::Conflict, "it became shorter while it was read"));
            }
            self.writer.content(&self.buffer[..count]).map_err(failed)?;
            rest -= count as u64;
        }
        self.writer.pad(size).map_err(failed)
    }
}
