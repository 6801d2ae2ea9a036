//! The directories of a layer being unpacked: what is known of them, and handles to put things into them.
//!
//! No symbolic link is ever followed by the kernel here. Every directory is reached either by one component below a handle
//! of its parent (`O_NOFOLLOW`), or from the layer's root with `RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH`; links of the
//! archive's own are read and followed in this file, inside the root. And as nobody else reaches the directory, a handle
//! that was right when it was opened stays right: it may be kept.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::rc::Rc;

use barque_sys::Call as _;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;

use super::entry::Facts;
use super::path;
use super::stack::is_whiteout;
use super::stream::too_large;
use crate::{Error, ErrorKind, Result};

/// As many symbolic links as the kernel itself follows in one walk.
const MAX_LINKS: u32 = 40;
/// How many directories are kept open.
const OPEN: usize = 48;
/// What the kernel takes as a path.
const MAX_PATH: usize = 4095;

/// What is known of a directory.
#[derive(Debug, Default)]
pub(super) struct Directory {
    /// What the archive says; none for a directory that was made because something is in it.
    pub(super) facts: Option<Facts>,
    /// What is in it in lower layers is gone.
    pub(super) opaque: bool,
    /// So is the directory itself of lower layers: it is another one.
    pub(super) replaces: bool,
    /// The mode it was made with.
    pub(super) made: u32,
}

/// A directory to put things into.
#[derive(Debug, Clone)]
pub(super) struct Handle {
    pub(super) fd: Rc<OwnedFd>,
    /// Where it really is, with all links followed.
    pub(super) path: Rc<[u8]>,
}

/// All directories.
#[derive(Debug)]
pub(super) struct Directories {
    root: OwnedFd,
    known: HashMap<Vec<u8>, Directory>,
    /// The most recently used last.
    open: Vec<Handle>,
    last: Option<(Vec<u8>, Handle)>,
    names: u64,
    limit: u64,
}

impl Directories {
    /// Begins with an empty directory.
    pub(super) fn new(root: OwnedFd, limit: u64) -> Self {
        let known = HashMap::from([(Vec::new(), Directory { made: 0o755, ..Directory::default() })]);
        Self { root, known, open: Vec::new(), last: None, names: 0, limit }
    }

    /// What is known of a directory by its real path.
    pub(super) fn get_mut(&mut self, path: &[u8]) -> Option<&mut Directory> {
        self.known.get_mut(path)
    }

    pub(super) fn is_known(&self, path: &[u8]) -> bool {
        self.known.contains_key(path)
    }

    /// Remembers a directory that was just made.
    pub(super) fn add(&mut self, path: Vec<u8>, directory: Directory) -> Result<()> {
        self.count(path.len())?;
        self.known.insert(path, directory);
        Ok(())
    }

    /// Counts what is kept in memory until the end.
    pub(super) fn count(&mut self, bytes: usize) -> Result<()> {
        self.names += bytes as u64 + 64;
        if self.names > self.limit {
            return Err(too_large(self.limit).context("names of directories"));
        }
        Ok(())
    }

    /// Forgets a directory and all below it, which were removed.
    pub(super) fn forget(&mut self, gone: &[u8]) {
        self.known.retain(|path, _| !path::is_within(path, gone));
        self.open.retain(|handle| !path::is_within(&handle.path, gone));
        self.last = None;
    }

    /// Everything, to be finished.
    pub(super) fn into_parts(self) -> (OwnedFd, HashMap<Vec<u8>, Directory>) {
        (self.root, self.known)
    }

    /// A handle of a directory, made with its parents where it is missing.
    pub(super) fn reach(&mut self, path: &[u8]) -> Result<Handle> {
        if let Some((last, handle)) = &self.last
            && last == path
        {
            return Ok(handle.clone());
        }
        if path.len() > MAX_PATH {
            return Err(Error::invalid(format!(
                "a path of {} bytes, where {MAX_PATH} are possible",
                path.len()
            )));
        }
        let handle = self.reach_counting(path, &mut 0)?;
        self.last = Some((path.to_vec(), handle.clone()));
        Ok(handle)
    }

    fn reach_counting(&mut self, path: &[u8], links: &mut u32) -> Result<Handle> {
        if self.known.contains_key(path) {
            return self.open(path);
        }
        let (above, name) = path::split(path);
        let parent = self.reach_counting(above, links)?;
        let here = path::join(&parent.path, name);
        if self.known.contains_key(&here) {
            return self.open(&here);
        }
        match rustix::fs::mkdirat(&*parent.fd, name, Mode::from_raw_mode(0o755)) {
            Ok(()) => {
                self.add(here.clone(), Directory { made: 0o755, ..Directory::default() })?;
                self.open(&here)
            }
            Err(Errno::EXIST) => self.enter_existing(&parent, here, links),
            Err(errno) => Ok(Err(errno).call(|| format!("mkdirat({}, 0755)", path::shown(&here)))?),
        }
    }

    /// Something that is no directory of the archive is where a directory should be.
    fn enter_existing(&mut self, parent: &Handle, here: Vec<u8>, links: &mut u32) -> Result<Handle> {
        let name = path::split(&here).1;
        let stat = look(parent, name)?.ok_or_else(|| Error::new(ErrorKind::Internal, "it went away"))?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => {
                self.add(here.clone(), Directory { made: stat.st_mode & 0o7777, ..Directory::default() })?;
                self.open(&here)
            }
            FileType::Symlink => {
                *links += 1;
                if *links > MAX_LINKS {
                    return Err(Error::invalid(format!(
                        "too many symbolic links on the way: {}",
                        path::shown(&here)
                    )));
                }
                let target = read_link(parent, name)?;
                self.reach_counting(&path::follow(&parent.path, &target), links)
            }
            _ if is_whiteout(&stat) => {
                unlink(parent, name)?;
                rustix::fs::mkdirat(&*parent.fd, name, Mode::from_raw_mode(0o755))
                    .call(|| format!("mkdirat({}, 0755)", path::shown(&here)))?;
                let directory = Directory { made: 0o755, replaces: true, ..Directory::default() };
                self.add(here.clone(), directory)?;
                self.open(&here)
            }
            _ => Err(Error::invalid(format!("{} is a file, not a directory", path::shown(&here)))),
        }
    }

    /// The directory of a path and what its last component is in it, without making anything; links on the way are
    /// followed, one at the end is not. None where a directory is missing.
    pub(super) fn find_parent(&mut self, path: &[u8]) -> Result<Option<Handle>> {
        self.find_directory(path::split(path).0, &mut 0)
    }

    fn find_directory(&mut self, path: &[u8], links: &mut u32) -> Result<Option<Handle>> {
        if self.known.contains_key(path) {
            return self.open(path).map(Some);
        }
        let (above, name) = path::split(path);
        let Some(parent) = self.find_directory(above, links)? else { return Ok(None) };
        let here = path::join(&parent.path, name);
        if self.known.contains_key(&here) {
            return self.open(&here).map(Some);
        }
        match look(&parent, name)? {
            Some(stat)
                if FileType::from_raw_mode(stat.st_mode) == FileType::Symlink && *links < MAX_LINKS =>
            {
                *links += 1;
                let target = read_link(&parent, name)?;
                self.find_directory(&path::follow(&parent.path, &target), links)
            }
            _ => Ok(None),
        }
    }

    /// Opens a known directory, or takes the handle that is open.
    fn open(&mut self, path: &[u8]) -> Result<Handle> {
        if let Some(index) = self.open.iter().rposition(|handle| *handle.path == *path) {
            let handle = self.open.remove(index);
            self.open.push(handle.clone());
            return Ok(handle);
        }
        let handle = Handle { fd: Rc::new(open_below(&self.root, path)?), path: path.into() };
        if self.open.len() >= OPEN {
            self.open.remove(0);
        }
        self.open.push(handle.clone());
        Ok(handle)
    }
}

/// Opens a directory by its real path.
pub(super) fn open_below(root: &OwnedFd, path: &[u8]) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
    let name: &[u8] = if path.is_empty() { b"." } else { path };
    Ok(rustix::fs::openat2(root, name, flags, Mode::empty(), resolve)
        .call(|| format!("openat2({}, {flags:?}, RESOLVE_BENEATH)", path::shown(path)))?)
}

/// What a name in a directory is, if anything.
pub(super) fn look(directory: &Handle, name: &[u8]) -> Result<Option<Stat>> {
    match rustix::fs::statat(&*directory.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(stat)),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Ok(Err(errno).call(|| format!("fstatat({})", path::shown(name)))?),
    }
}

pub(super) fn unlink(directory: &Handle, name: &[u8]) -> Result<()> {
    Ok(rustix::fs::unlinkat(&*directory.fd, name, AtFlags::empty())
        .call(|| format!("unlinkat({})", path::shown(name)))?)
}

fn read_link(directory: &Handle, name: &[u8]) -> Result<Vec<u8>> {
    Ok(rustix::fs::readlinkat(&*directory.fd, name, Vec::new())
        .call(|| format!("readlinkat({})", path::shown(name)))?
        .into_bytes())
}
