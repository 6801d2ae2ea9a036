//! Copying into an image, as COPY and ADD do it.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use barque_image::layer::{self, Form, Options};
use barque_sys::Call as _;
use barque_sys::path::Root;
use rustix::fs::{AtFlags, CWD, FileType, Gid, Mode, OFlags, Stat, Timespec, Timestamps, Uid, XattrFlags};
use rustix::io::Errno;

use super::tree::{Tree, enter, names, stat, stat_of};
use crate::ignore::Ignore;
use crate::{Error, Result};

/// Where files go, and as what.
#[derive(Debug)]
pub(crate) struct Placement<'a> {
    /// The root filesystem of the image.
    pub(crate) to: &'a Root,
    /// Whose they become; none: as they are.
    pub(crate) owner: Option<(u32, u32)>,
    /// The mode of all of them; none: as it is.
    pub(crate) mode: Option<u32>,
    /// Whether extended attributes come along.
    pub(crate) attributes: bool,
    /// Where archives are unpacked before they are copied; none: they are files like others.
    pub(crate) unpack: Option<&'a Path>,
    /// Files with several names, by device and inode, and where the first was put.
    links: HashMap<(u64, u64), PathBuf>,
}

impl<'a> Placement<'a> {
    pub(crate) fn new(to: &'a Root, owner: Option<(u32, u32)>, mode: Option<u32>) -> Self {
        Self { to, owner, mode, attributes: owner.is_none(), unpack: None, links: HashMap::new() }
    }

    /// Copies what a path names: a file to a name or into a directory, of a directory what it holds.
    pub(crate) fn place(&mut self, tree: &Tree<'_>, path: &Path, to: &Path, into: bool) -> Result<()> {
        let facts = stat_of(tree.root, path)?;
        match FileType::from_raw_mode(facts.st_mode) {
            FileType::Directory => {
                let (directory, made) = self.directory(to)?;
                self.contents(tree, &tree.open_directory(path)?, path, &directory, to)?;
                if made { self.finish(&directory, &facts, None) } else { Ok(()) }
            }
            FileType::RegularFile => {
                let file = tree.root.open(path, OFlags::RDONLY | OFlags::NONBLOCK)?;
                if self.unpack.is_some() && layer::is_archive(reader(&file)?) {
                    return self.archive(&file, to);
                }
                let (parent, target) = self.target(path, to, into)?;
                self.file(&file, &facts, &parent, &target)
            }
            FileType::Symlink => {
                let from = tree.open_directory(path.parent().unwrap_or(Path::new("")))?;
                let (parent, target) = self.target(path, to, into)?;
                let name = path.file_name().unwrap_or_default();
                self.link(&from, name, &facts, (&parent, target.file_name().unwrap_or_default()))
            }
            _ => {
                let (parent, target) = self.target(path, to, into)?;
                self.node(&facts, &parent, &target)
            }
        }
    }

    /// Writes a file with a text that stands in the Dockerfile.
    pub(crate) fn document(&mut self, name: &str, text: &str, to: &Path, into: bool) -> Result<()> {
        let (parent, target) = self.target(Path::new(name), to, into)?;
        let file = create(&parent, &target)?;
        barque_sys::file::write_all(&file, text.as_bytes()).call(|| format!("write({target:?})"))?;
        let (uid, gid) = self.owner.unwrap_or((0, 0));
        own(&file, uid, gid)?;
        mode(&file, self.mode.unwrap_or(0o644))
    }

    /// Makes a directory where it is missing, as WORKDIR does; what is missing above it too.
    pub(crate) fn directory(&self, path: &Path) -> Result<(OwnedFd, bool)> {
        match self.to.open(path, OFlags::PATH | OFlags::DIRECTORY) {
            Ok(directory) => return Ok((directory, false)),
            Err(error) if error.errno() == Errno::NOTDIR => {
                return Err(Error::invalid(format!("cannot copy to non-directory: {}", path.display())));
            }
            Err(error) if error.errno() != Errno::NOENT => return Err(error.into()),
            Err(_) => {}
        }
        let (parent, _) = self.directory(path.parent().unwrap_or(Path::new("/")))?;
        let name = path.file_name().unwrap_or_default();
        match rustix::fs::mkdirat(&parent, name, Mode::from_raw_mode(0o755)) {
            // A link that leads to nothing stands for the directory it names.
            Err(Errno::EXIST) => Ok((self.to.make_directory(path)?, true)),
            made => {
                made.call(|| format!("mkdirat({path:?})"))?;
                let directory = self.to.open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW)?;
                self.new_directory(&directory)?;
                Ok((directory, true))
            }
        }
    }

    /// What a new directory has until its source's metadata is known; whatever the umask.
    fn new_directory(&self, directory: &OwnedFd) -> Result<()> {
        let (uid, gid) = self.owner.unwrap_or((0, 0));
        own(directory, uid, gid)?;
        mode(directory, 0o755)
    }

    /// The directory that a file goes to, and its path there.
    fn target(&self, source: &Path, to: &Path, into: bool) -> Result<(OwnedFd, PathBuf)> {
        let is_directory = into || self.to.open(to, OFlags::PATH | OFlags::DIRECTORY).is_ok();
        let target = match source.file_name().filter(|_| is_directory) {
            Some(name) => to.join(name),
            None => to.to_owned(),
        };
        let (parent, _) = self.directory(target.parent().unwrap_or(Path::new("/")))?;
        Ok((parent, target))
    }

    /// What a directory holds.
    fn contents(
        &mut self,
        tree: &Tree<'_>,
        from: &OwnedFd,
        path: &Path,
        to: &OwnedFd,
        here: &Path,
    ) -> Result<()> {
        for name in names(from)? {
            let (below, target) = (path.join(&name), here.join(&name));
            let facts = stat(from, &name)?;
            let kind = FileType::from_raw_mode(facts.st_mode);
            // How overlayfs writes that something is gone.
            if kind == FileType::CharacterDevice && facts.st_rdev == 0 {
                continue;
            }
            if !(tree.keeps(&below) || kind == FileType::Directory && tree.keeps_some_below(&below)?) {
                continue;
            }
            match kind {
                FileType::Directory => {
                    let inside = enter(from, &name)?;
                    let made = self.subdirectory(to, &name, &target)?;
                    self.contents(tree, &inside, &below, &made, &target)?;
                    self.finish(&made, &facts, Some(&inside))?;
                }
                FileType::RegularFile => {
                    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
                    let file = rustix::fs::openat(from, &name, flags, Mode::empty())
                        .call(|| format!("openat({below:?}, {flags:?})"))?;
                    self.file(&file, &facts, to, &target)?;
                }
                FileType::Symlink => self.link(from, &name, &facts, (to, &name))?,
                FileType::Socket => {}
                _ => self.node(&facts, to, &target)?,
            }
        }
        Ok(())
    }

    /// A directory below one that is copied: a link to a directory is followed, as it is when files are unpacked there.
    fn subdirectory(&self, to: &OwnedFd, name: &OsStr, target: &Path) -> Result<OwnedFd> {
        match rustix::fs::mkdirat(to, name, Mode::from_raw_mode(0o755)) {
            Ok(()) => {
                let directory = enter(to, name)?;
                self.new_directory(&directory)?;
                Ok(directory)
            }
            Err(Errno::EXIST) => self.to.open(target, OFlags::RDONLY | OFlags::DIRECTORY).map_err(|error| {
                if error.errno() == Errno::NOTDIR {
                    return Error::invalid(format!("cannot copy to non-directory: {}", target.display()));
                }
                error.into()
            }),
            Err(errno) => Ok(Err(errno).call(|| format!("mkdirat({target:?})"))?),
        }
    }

    fn file(&mut self, from: &OwnedFd, facts: &Stat, to: &OwnedFd, target: &Path) -> Result<()> {
        if facts.st_nlink > 1 {
            if let Some(first) = self.links.get(&(facts.st_dev, facts.st_ino)) {
                return self.again(first, to, target);
            }
            self.links.insert((facts.st_dev, facts.st_ino), target.to_owned());
        }
        let file = create(to, target)?;
        let (mut source, mut sink) = (reader(from)?, File::from(file));
        // The kernel copies by itself where it can (`copy_file_range(2)`).
        std::io::copy(&mut source, &mut sink)
            .map_err(|error| Error::from_io(&error, format!("write({target:?})")))?;
        self.finish(&OwnedFd::from(sink), facts, Some(from))
    }

    /// One more name of a file that was copied.
    fn again(&self, first: &Path, to: &OwnedFd, target: &Path) -> Result<()> {
        let file = self.to.handle_nofollow(first)?;
        let name = target.file_name().unwrap_or_default();
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        remove(to, target)?;
        Ok(rustix::fs::linkat(CWD, path.as_str(), to, name, AtFlags::SYMLINK_FOLLOW)
            .call(|| format!("linkat({first:?}, {target:?})"))?)
    }

    fn link(
        &self,
        from: &OwnedFd,
        name: &OsStr,
        facts: &Stat,
        (to, target): (&OwnedFd, &OsStr),
    ) -> Result<()> {
        let text = rustix::fs::readlinkat(from, name, Vec::new()).call(|| format!("readlinkat({name:?})"))?;
        remove(to, Path::new(target))?;
        rustix::fs::symlinkat(&text, to, target).call(|| format!("symlinkat({target:?})"))?;
        self.describe(facts, to, target)
    }

    /// A device or a pipe.
    fn node(&self, facts: &Stat, to: &OwnedFd, target: &Path) -> Result<()> {
        let name = target.file_name().unwrap_or_default();
        remove(to, target)?;
        let kind = FileType::from_raw_mode(facts.st_mode);
        let bits = self.mode.unwrap_or(facts.st_mode & 0o7777);
        rustix::fs::mknodat(to, name, kind, Mode::from_raw_mode(bits), facts.st_rdev)
            .call(|| format!("mknodat({target:?}, {kind:?})"))?;
        self.describe(facts, to, name)?;
        // After the owner, and whatever the umask.
        Ok(rustix::fs::chmodat(to, name, Mode::from_raw_mode(bits), AtFlags::empty())
            .call(|| format!("fchmodat({target:?}, {bits:#o})"))?)
    }

    /// Owner and times of what is not opened.
    fn describe(&self, facts: &Stat, to: &OwnedFd, name: &OsStr) -> Result<()> {
        let (uid, gid) = self.owner.unwrap_or((facts.st_uid, facts.st_gid));
        let owner = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
        rustix::fs::chownat(to, name, owner.0, owner.1, AtFlags::SYMLINK_NOFOLLOW)
            .call(|| format!("fchownat({name:?}, {uid}, {gid})"))?;
        Ok(rustix::fs::utimensat(to, name, &times(facts), AtFlags::SYMLINK_NOFOLLOW)
            .call(|| format!("utimensat({name:?})"))?)
    }

    /// Owner, attributes, mode and times of an open file; in this order, because a change of the owner may clear bits of
    /// the mode, and capabilities.
    fn finish(&self, file: &OwnedFd, facts: &Stat, from: Option<&OwnedFd>) -> Result<()> {
        let (uid, gid) = self.owner.unwrap_or((facts.st_uid, facts.st_gid));
        own(file, uid, gid)?;
        if let Some(from) = from.filter(|_| self.attributes) {
            attributes(from, file)?;
        }
        mode(file, self.mode.unwrap_or(facts.st_mode & 0o7777))?;
        Ok(rustix::fs::futimens(file, &times(facts)).call(|| "futimens(copy)")?)
    }

    /// Unpacks an archive beside the image, and copies what comes out.
    fn archive(&mut self, file: &OwnedFd, to: &Path) -> Result<()> {
        let Some(place) = self.unpack else { return Ok(()) };
        layer::remove_tree(place)?;
        barque_sys::file::make_directory(place, 0o700, None)?;
        layer::unpack(reader(file)?, place, &Options { form: Form::Plain, ..Options::default() })?;
        let (root, ignore) = (Root::open_host(place)?, Ignore::default());
        let mut unpacked = Placement::new(self.to, self.owner, self.mode);
        (unpacked.owner, unpacked.attributes) = (None, true);
        let (directory, _) = self.directory(to)?;
        let tree = Tree::new(&root, &ignore, &[]);
        unpacked.contents(&tree, &tree.open_directory(Path::new("/"))?, Path::new(""), &directory, to)?;
        layer::remove_tree(place)?;
        Ok(())
    }
}

/// Reads a file from its beginning.
fn reader(file: &OwnedFd) -> Result<File> {
    let copy = rustix::io::fcntl_dupfd_cloexec(file, 0).call(|| "fcntl(F_DUPFD_CLOEXEC)")?;
    rustix::fs::seek(&copy, rustix::fs::SeekFrom::Start(0)).call(|| "lseek(0)")?;
    Ok(File::from(copy))
}

/// A new file in the place of what is there; a directory is not replaced.
fn create(to: &OwnedFd, target: &Path) -> Result<OwnedFd> {
    remove(to, target)?;
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let name = target.file_name().unwrap_or_default();
    Ok(rustix::fs::openat(to, name, flags, Mode::from_raw_mode(0o600))
        .call(|| format!("openat({target:?}, {flags:?})"))?)
}

fn remove(to: &OwnedFd, target: &Path) -> Result<()> {
    let name = target.file_name().unwrap_or_default();
    match rustix::fs::unlinkat(to, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(Errno::ISDIR) => Err(Error::invalid(format!(
            "cannot replace the directory {} by something else",
            target.display()
        ))),
        Err(errno) => Ok(Err(errno).call(|| format!("unlinkat({target:?})"))?),
    }
}

fn own(file: impl AsFd, uid: u32, gid: u32) -> Result<()> {
    let owner = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
    Ok(rustix::fs::fchown(file, owner.0, owner.1).call(|| format!("fchown({uid}, {gid})"))?)
}

fn mode(file: impl AsFd, bits: u32) -> Result<()> {
    Ok(rustix::fs::fchmod(file, Mode::from_raw_mode(bits)).call(|| format!("fchmod({bits:#o})"))?)
}

fn times(facts: &Stat) -> Timestamps {
    let modified =
        Timespec { tv_sec: facts.st_mtime, tv_nsec: i64::try_from(facts.st_mtime_nsec).unwrap_or(0) };
    Timestamps { last_access: modified, last_modification: modified }
}

/// More than any file system keeps for one file.
const LONGEST: usize = 64 << 10;

/// Copies extended attributes, but overlayfs' own, which are about the layer they are in.
fn attributes(from: &OwnedFd, to: &OwnedFd) -> Result<()> {
    let mut list = Vec::with_capacity(LONGEST);
    match rustix::fs::flistxattr(from, rustix::buffer::spare_capacity(&mut list)) {
        Ok(0) | Err(Errno::OPNOTSUPP) => return Ok(()),
        listed => listed.call(|| "flistxattr")?,
    };
    let private = |name: &[u8]| name.starts_with(b"trusted.overlay.") || name.starts_with(b"user.overlay.");
    for name in list.split(|byte| *byte == 0).filter(|name| !name.is_empty() && !private(name)) {
        let mut value = Vec::with_capacity(LONGEST);
        match rustix::fs::fgetxattr(from, name, rustix::buffer::spare_capacity(&mut value)) {
            Err(Errno::NODATA | Errno::PERM | Errno::OPNOTSUPP) => continue,
            read => read.call(|| format!("fgetxattr({})", String::from_utf8_lossy(name)))?,
        };
        match rustix::fs::fsetxattr(to, name, &value, XattrFlags::empty()) {
            Err(Errno::PERM | Errno::OPNOTSUPP) => {}
            set => set.call(|| format!("fsetxattr({})", String::from_utf8_lossy(name)))?,
        }
    }
    Ok(())
}
