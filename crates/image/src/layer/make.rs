//! An entry becomes a file. As few system calls as can be: for most files open, write, `utimensat` and close.

use std::os::fd::OwnedFd;

use barque_sys::Call as _;
use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Timestamps, Uid, XattrFlags};
use rustix::io::Errno;

use super::directories::{Directories, Directory, Handle, look, unlink};
use super::entry::{Entry, Facts, Kind, Sparse};
use super::form::is_private_attribute;
use super::pending::{Link, path_buf};
use super::stack::is_whiteout;
use super::stream::Stream;
use super::{Form, Options, Rights, metadata, path, remove};
use crate::{Error, Result};

/// A layer on its way to the disk.
#[derive(Debug)]
pub(super) struct Maker {
    pub(super) directories: Directories,
    pub(super) links: Vec<Link>,
    pub(super) means: Means,
}

/// What this thread may do, and what the kernel does by itself for it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Means {
    pub(super) options: Options,
    /// User and group that new files get by themselves.
    pub(super) own: (u32, u32),
    /// Whether no umask takes bits of a mode away.
    pub(super) exact_modes: bool,
}

impl Means {
    /// Gives an open file to its owner.
    pub(super) fn own(&self, file: &OwnedFd, facts: &Facts) -> Result<()> {
        if self.options.rights == Rights::Own || self.own == (facts.uid, facts.gid) {
            return Ok(());
        }
        rustix::fs::fchown(file, Some(Uid::from_raw(facts.uid)), Some(Gid::from_raw(facts.gid)))
            .map_err(|errno| not_given(errno, facts))
    }

    /// Sets extended attributes.
    pub(super) fn attributes(&self, file: &OwnedFd, facts: &Facts) -> Result<()> {
        for (name, value) in facts.attributes.iter().filter(|(name, _)| !is_private_attribute(name)) {
            match rustix::fs::fsetxattr(file, name.as_slice(), value, XattrFlags::empty()) {
                // The file system has none of this kind, or an unprivileged user may not set it: the file is as good without.
                Err(Errno::OPNOTSUPP) => {}
                Err(Errno::PERM) if self.options.rights != Rights::All => {}
                result => result.call(|| format!("fsetxattr({})", path::shown(name)))?,
            }
        }
        Ok(())
    }
}

impl Maker {
    /// Makes what an entry describes; a file's content is taken from the stream.
    pub(super) fn make(&mut self, entry: &Entry, stream: &mut Stream) -> Result<()> {
        match &entry.kind {
            Kind::Directory => return self.directory(entry),
            Kind::Opaque => return self.opaque(entry),
            Kind::Whiteout => return self.whiteout(entry),
            _ => {}
        }
        let (directory, name) = path::split(&entry.path);
        if name.is_empty() {
            return Err(Error::invalid("the root of a layer can only be a directory"));
        }
        let parent = self.directories.reach(directory)?;
        match &entry.kind {
            Kind::File => self.file(&parent, name, entry, stream),
            Kind::Hardlink(target) => self.hard_link(&parent, name, target),
            Kind::Symlink(target) => {
                self.place(&parent, name, |parent| rustix::fs::symlinkat(target.as_slice(), parent, name))
                    .and_then(|done| {
                        Ok(done
                            .call(|| format!("symlinkat({}, {})", path::shown(target), path::shown(name)))?)
                    })?;
                self.own_and_date(&parent, name, &entry.facts)
            }
            Kind::Fifo => self.node(&parent, name, &entry.facts, FileType::Fifo, (0, 0)),
            Kind::Character(major, minor) => {
                self.node(&parent, name, &entry.facts, FileType::CharacterDevice, (*major, *minor))
            }
            Kind::Block(major, minor) => {
                self.node(&parent, name, &entry.facts, FileType::BlockDevice, (*major, *minor))
            }
            Kind::Directory | Kind::Opaque | Kind::Whiteout => Ok(()),
        }
    }

    /// Makes something; where something else is, that is removed first: a later entry replaces an earlier one.
    fn place<T>(
        &mut self,
        parent: &Handle,
        name: &[u8],
        make: impl Fn(&OwnedFd) -> rustix::io::Result<T>,
    ) -> Result<rustix::io::Result<T>> {
        match make(&parent.fd) {
            Err(Errno::EXIST) => {
                self.clear(parent, name)?;
                Ok(make(&parent.fd))
            }
            result => Ok(result),
        }
    }

    /// Removes what has a name.
    fn clear(&mut self, parent: &Handle, name: &[u8]) -> Result<()> {
        let here = path::join(&parent.path, name);
        if self.directories.is_known(&here) {
            self.directories.forget(&here);
        }
        let name = std::ffi::CString::new(name).map_err(|_| Error::invalid("a name with a null byte"))?;
        remove::remove_at(&*parent.fd, &name)
    }

    fn directory(&mut self, entry: &Entry) -> Result<()> {
        let bytes = entry.facts.attributes.iter().map(|(name, value)| name.len() + value.len()).sum();
        self.directories.count(bytes)?;
        let (above, name) = path::split(&entry.path);
        if name.is_empty() {
            return self.describe(b"", &entry.facts);
        }
        let parent = self.directories.reach(above)?;
        let here = path::join(&parent.path, name);
        if self.directories.is_known(&here) {
            return self.describe(&here, &entry.facts);
        }
        // Bits that change what is made inside come last, and those that let its owner in stay until then.
        let mode = entry.facts.mode & 0o777 | 0o700;
        let make = |parent: &OwnedFd| rustix::fs::mkdirat(parent, name, Mode::from_raw_mode(mode));
        let mut replaces = false;
        let made = match make(&parent.fd) {
            Err(Errno::EXIST) => {
                // Neither is the directory that lower layers may have under this name: something was between them.
                let stat = look(&parent, name)?;
                replaces =
                    stat.is_some_and(|stat| FileType::from_raw_mode(stat.st_mode) != FileType::Directory);
                if replaces {
                    unlink(&parent, name)?;
                    make(&parent.fd)
                } else {
                    Ok(())
                }
            }
            result => result,
        };
        made.call(|| format!("mkdirat({}, {mode:#o})", path::shown(name)))?;
        let made = if self.means.exact_modes { mode } else { 0 };
        let facts = Some(entry.facts.clone());
        self.directories.add(here, Directory { facts, replaces, made, ..Directory::default() })
    }

    fn describe(&mut self, here: &[u8], facts: &Facts) -> Result<()> {
        if let Some(directory) = self.directories.get_mut(here) {
            directory.facts = Some(facts.clone());
        }
        Ok(())
    }

    fn opaque(&mut self, entry: &Entry) -> Result<()> {
        let here = self.directories.reach(&entry.path)?;
        if let Some(directory) = self.directories.get_mut(&here.path) {
            directory.opaque = true;
        }
        Ok(())
    }

    /// A name that is gone from the layers below. What this layer itself has under the name stays, wherever in the archive
    /// the whiteout is.
    fn whiteout(&mut self, entry: &Entry) -> Result<()> {
        if self.means.options.form == Form::Plain {
            return Ok(());
        }
        let (above, name) = path::split(&entry.path);
        let parent = self.directories.reach(above)?;
        let here = path::join(&parent.path, name);
        if let Some(directory) = self.directories.get_mut(&here) {
            directory.replaces = true;
            return Ok(());
        }
        match rustix::fs::mknodat(&*parent.fd, name, FileType::CharacterDevice, Mode::empty(), 0) {
            Err(Errno::EXIST) => Ok(()),
            result => Ok(result.call(|| format!("mknodat({}, S_IFCHR, 0:0)", path::shown(name)))?),
        }
    }

    fn file(&mut self, parent: &Handle, name: &[u8], entry: &Entry, stream: &mut Stream) -> Result<()> {
        let facts = &entry.facts;
        // An attribute needs the right to write, which the mode may not give.
        let mode = if facts.attributes.is_empty() { facts.mode & 0o777 } else { 0o600 };
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = self
            .place(parent, name, |parent| rustix::fs::openat(parent, name, flags, Mode::from_raw_mode(mode)))?
            .call(|| format!("openat({}, {flags:?}, {mode:#o})", path::shown(name)))?;
        match &entry.sparse {
            None => stream.take(entry.size, |bytes| write(&file, bytes))?,
            Some(sparse) => write_parts(&file, sparse, entry.size, stream)?,
        }
        self.means.own(&file, facts)?;
        self.means.attributes(&file, facts)?;
        // Set-id bits come last: they do not survive a write or a new owner.
        if mode != facts.mode || !self.means.exact_modes {
            rustix::fs::fchmod(&file, Mode::from_raw_mode(facts.mode))
                .call(|| format!("fchmod({:#o})", facts.mode))?;
        }
        Ok(rustix::fs::futimens(&file, &times(facts)).call(|| "futimens")?)
    }

    /// The target is looked up inside the layer, never through a last symbolic link. One that is not there may be in a
    /// lower layer.
    fn hard_link(&mut self, parent: &Handle, name: &[u8], target: &[u8]) -> Result<()> {
        let target_name = path::split(target).1;
        let here = path::join(&parent.path, name);
        if let Some(directory) = self.directories.find_parent(target)? {
            let link = |parent: &OwnedFd| {
                rustix::fs::linkat(&*directory.fd, target_name, parent, name, AtFlags::empty())
            };
            let mut linked = link(&parent.fd);
            if linked == Err(Errno::EXIST) {
                if same_file(&directory, target_name, parent, name)? {
                    return Ok(());
                }
                self.clear(parent, name)?;
                linked = link(&parent.fd);
            }
            match linked {
                Err(Errno::NOENT) => {}
                result => {
                    let call = || format!("linkat({}, {})", path::shown(target), path::shown(name));
                    return Ok(result.call(call)?);
                }
            }
        }
        if self.means.options.form == Form::Plain || target_name.is_empty() {
            return Err(Error::invalid(format!(
                "a hard link to {}, which is not there",
                path::shown(target)
            )));
        }
        self.directories.count(here.len() + target.len())?;
        if look(parent, name)?.is_some() {
            self.clear(parent, name)?;
        }
        self.links.push(Link { path: path_buf(&here), target: path_buf(target) });
        Ok(())
    }

    fn node(
        &mut self,
        parent: &Handle,
        name: &[u8],
        facts: &Facts,
        kind: FileType,
        (major, minor): (u32, u32),
    ) -> Result<()> {
        if self.means.options.rights != Rights::All && kind != FileType::Fifo {
            // An unprivileged user may make no devices; containers get theirs in a fresh /dev.
            return Ok(());
        }
        let mode = Mode::from_raw_mode(facts.mode);
        let device = rustix::fs::makedev(major, minor);
        self.place(parent, name, |parent| rustix::fs::mknodat(parent, name, kind, mode, device))?
            .call(|| format!("mknodat({}, {kind:?}, {major}:{minor})", path::shown(name)))?;
        self.own_and_date(parent, name, facts)?;
        // The umask, and the change of owner, may have taken bits away. Nothing else has a hand on this directory.
        Ok(rustix::fs::chmodat(&*parent.fd, name, mode, AtFlags::empty())
            .call(|| format!("fchmodat({})", path::shown(name)))?)
    }

    fn own_and_date(&self, parent: &Handle, name: &[u8], facts: &Facts) -> Result<()> {
        if self.means.options.rights != Rights::Own && self.means.own != (facts.uid, facts.gid) {
            let (uid, gid) = (Uid::from_raw(facts.uid), Gid::from_raw(facts.gid));
            rustix::fs::chownat(&*parent.fd, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)
                .map_err(|errno| not_given(errno, facts))?;
        }
        if !facts.attributes.is_empty() {
            metadata::set_attributes(&parent.fd, name, &facts.attributes, self.means.options.rights)?;
        }
        Ok(rustix::fs::utimensat(&*parent.fd, name, &times(facts), AtFlags::SYMLINK_NOFOLLOW)
            .call(|| format!("utimensat({})", path::shown(name)))?)
    }
}

/// Why a file could not be given to its owner: most likely an id that the user namespace does not have.
fn not_given(errno: Errno, facts: &Facts) -> Error {
    let owner = format!("{}:{}", facts.uid, facts.gid);
    match errno {
        Errno::INVAL => Error::invalid(format!("its owner {owner} is not mapped in the user namespace")),
        errno => barque_sys::Error::new(format!("chown({owner})"), errno).into(),
    }
}

fn same_file(a: &Handle, a_name: &[u8], b: &Handle, b_name: &[u8]) -> Result<bool> {
    let id = |stat: rustix::fs::Stat| (stat.st_dev, stat.st_ino);
    Ok(match (look(a, a_name)?, look(b, b_name)?) {
        (Some(a), Some(b)) => id(a) == id(b) && !is_whiteout(&a),
        _ => false,
    })
}

pub(super) fn times(facts: &Facts) -> Timestamps {
    Timestamps { last_access: facts.modified, last_modification: facts.modified }
}

pub(super) fn write(file: &OwnedFd, bytes: &[u8]) -> Result<()> {
    Ok(barque_sys::file::write_all(file, bytes).call(|| format!("write({} bytes)", bytes.len()))?)
}

/// The parts of a sparse file, at their places. They must be in order and inside the file, and be what follows.
pub(super) fn write_parts(file: &OwnedFd, sparse: &Sparse, size: u64, stream: &mut Stream) -> Result<()> {
    let lie = || Error::invalid("a sparse file whose parts do not fit");
    let (mut end, mut sum) = (0_u64, 0_u64);
    for part in &sparse.parts {
        let next = part.offset.checked_add(part.length).ok_or_else(lie)?;
        if part.offset < end || next > sparse.length {
            return Err(lie());
        }
        end = next;
        sum += part.length;
    }
    if sum != size {
        return Err(lie());
    }
    rustix::fs::ftruncate(file, sparse.length).call(|| format!("ftruncate({})", sparse.length))?;
    for part in &sparse.parts {
        let mut at = part.offset;
        stream.take(part.length, |bytes| {
            rustix::fs::seek(file, rustix::fs::SeekFrom::Start(at)).call(|| format!("lseek({at})"))?;
            write(file, bytes)?;
            at += bytes.len() as u64;
            Ok(())
        })?;
    }
    Ok(())
}
