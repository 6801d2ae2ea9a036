//! What is different between two trees, or in a layer from what is below it.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::fmt;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use barque_sys::Call as _;
use rustix::fs::{FileType, Mode, OFlags, Stat};

use super::stack::{Stack, is_opaque, is_whiteout};
use super::{Form, MountPoints, metadata, path};
use crate::{Context as _, Error, Result};

/// What has happened to a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// It is new.
    Added,
    /// It, or something in it, is not as it was.
    Changed,
    /// It is gone, with all that was in it.
    Deleted,
}

/// A path and what has happened to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What has happened.
    pub kind: ChangeKind,
    /// From the root: `/etc/hosts`.
    pub path: PathBuf,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letter = match self.kind {
            ChangeKind::Added => 'A',
            ChangeKind::Changed => 'C',
            ChangeKind::Deleted => 'D',
        };
        write!(f, "{letter} {}", self.path.display())
    }
}

fn change(kind: ChangeKind, path: &[u8]) -> Change {
    Change { kind, path: Path::new("/").join(super::pending::path_buf(path)) }
}

/// What a layer's directory changes in the layers below it. Directories that only lead to something count as changed, as
/// they do for Docker.
pub fn changes_of_layer(upper: &Path, lowers: &Stack, form: Form) -> Result<Vec<Change>> {
    changes_of_writable_layer(upper, lowers, form, &MountPoints::default())
}

/// The same of a container's layer, without what is there for mounts alone.
pub fn changes_of_writable_layer(
    upper: &Path,
    lowers: &Stack,
    form: Form,
    mount_points: &MountPoints,
) -> Result<Vec<Change>> {
    let root = barque_sys::file::open(upper, barque_sys::file::READ_DIRECTORY)?;
    let mut layer = Layer { lowers, form, mount_points, found: Vec::new() };
    layer.directory(&root, b"")?;
    Ok(layer.found)
}

struct Layer<'a> {
    lowers: &'a Stack,
    form: Form,
    mount_points: &'a MountPoints,
    found: Vec<Change>,
}

impl Layer<'_> {
    fn directory(&mut self, directory: &OwnedFd, here: &[u8]) -> Result<()> {
        let names = metadata::names(directory)?;
        if is_opaque(directory, self.form)? {
            for (_, fd) in self.lowers.directory(here)?.unwrap_or_default().parts {
                for name in metadata::names(&*fd)? {
                    let path = path::join(here, &name);
                    if names.binary_search(&name).is_err() && self.lowers.find(&path)?.is_some() {
                        self.found.push(change(ChangeKind::Deleted, &path));
                    }
                }
            }
            self.found.dedup();
        }
        for name in names {
            let path = path::join(here, &name);
            let stat = metadata::stat(directory, &name)?;
            if self.mount_points.cover(directory, &name, &path, &stat, self.lowers)? {
                continue;
            }
            let below = self.lowers.find(&path)?.is_some();
            match (is_whiteout(&stat), below) {
                (true, true) => self.found.push(change(ChangeKind::Deleted, &path)),
                (true, false) => {}
                (false, true) => self.found.push(change(ChangeKind::Changed, &path)),
                (false, false) => self.found.push(change(ChangeKind::Added, &path)),
            }
            if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
                self.directory(&open(directory, &name)?, &path)?;
            }
        }
        Ok(())
    }
}

/// What has to be done to one tree to make it the other, sorted, directories before what is in them. Contents are compared;
/// nothing is taken to be equal for its time.
pub fn changes(old: &Path, new: &Path) -> Result<Vec<Change>> {
    let open = |path: &Path| barque_sys::file::open(path, barque_sys::file::READ_DIRECTORY);
    let (a, b) = (open(old)?, open(new)?);
    let mut comparison = Comparison { old: Links::of(&a)?, new: Links::of(&b)?, found: Vec::new() };
    comparison.directories(&a, &b, b"")?;
    if !same(&a, &b, b"", &metadata::stat(&a, b"")?, &metadata::stat(&b, b"")?)? {
        comparison.found.insert(0, change(ChangeKind::Changed, b""));
    }
    Ok(comparison.found)
}

fn open(directory: &OwnedFd, name: &[u8]) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(directory, name, flags, Mode::empty())
        .call(|| format!("openat({}, {flags:?})", path::shown(name)))?)
}

/// The names of files that have several.
#[derive(Default)]
struct Links(HashMap<(u64, u64), Vec<Vec<u8>>>);

impl Links {
    fn of(root: &OwnedFd) -> Result<Self> {
        let mut links = Self::default();
        links.collect(root, b"")?;
        Ok(links)
    }

    fn collect(&mut self, directory: &OwnedFd, here: &[u8]) -> Result<()> {
        for name in metadata::names(directory)? {
            let stat = metadata::stat(directory, &name)?;
            let path = path::join(here, &name);
            if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
                self.collect(&open(directory, &name)?, &path)?;
            } else if stat.st_nlink > 1 {
                self.0.entry((stat.st_dev, stat.st_ino)).or_default().push(path);
            }
        }
        Ok(())
    }

    /// The names of a file, where there are several in this tree.
    fn names(&self, stat: &Stat) -> &[Vec<u8>] {
        match self.0.get(&(stat.st_dev, stat.st_ino)) {
            Some(names) if names.len() > 1 => names,
            _ => &[],
        }
    }
}

struct Comparison {
    old: Links,
    new: Links,
    found: Vec<Change>,
}

impl Comparison {
    fn directories(&mut self, a: &OwnedFd, b: &OwnedFd, here: &[u8]) -> Result<()> {
        let (old, new) = (metadata::names(a)?, metadata::names(b)?);
        let (mut i, mut j) = (0, 0);
        while i < old.len() || j < new.len() {
            let order = match (old.get(i), new.get(j)) {
                (Some(x), Some(y)) => x.cmp(y),
                (Some(_), None) => Ordering::Less,
                _ => Ordering::Greater,
            };
            match order {
                Ordering::Less => self.found.push(change(ChangeKind::Deleted, &path::join(here, &old[i]))),
                Ordering::Greater => self.added(b, &new[j], &path::join(here, &new[j]), ChangeKind::Added)?,
                Ordering::Equal => self.both(a, b, &new[j], &path::join(here, &new[j]))?,
            }
            i += usize::from(order != Ordering::Greater);
            j += usize::from(order != Ordering::Less);
        }
        Ok(())
    }

    fn added(&mut self, directory: &OwnedFd, name: &[u8], path: &[u8], kind: ChangeKind) -> Result<()> {
        self.found.push(change(kind, path));
        if FileType::from_raw_mode(metadata::stat(directory, name)?.st_mode) == FileType::Directory {
            let below = open(directory, name)?;
            for name in metadata::names(&below)? {
                self.added(&below, &name, &path::join(path, &name), ChangeKind::Added)?;
            }
        }
        Ok(())
    }

    fn both(&mut self, a: &OwnedFd, b: &OwnedFd, name: &[u8], path: &[u8]) -> Result<()> {
        let (old, new) = (metadata::stat(a, name)?, metadata::stat(b, name)?);
        if (old.st_dev, old.st_ino) == (new.st_dev, new.st_ino) {
            return Ok(());
        }
        let is_directory = |stat: &Stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
        match (is_directory(&old), is_directory(&new)) {
            (true, true) => {
                let before = self.found.len();
                self.directories(&open(a, name)?, &open(b, name)?, path)?;
                if self.found.len() > before || !same(a, b, name, &old, &new)? {
                    self.found.insert(before, change(ChangeKind::Changed, path));
                }
            }
            (false, true) => self.added(b, name, path, ChangeKind::Changed)?,
            _ => {
                let linked = self.old.names(&old) == self.new.names(&new);
                if !linked || !same(a, b, name, &old, &new).context(|| path::shown(path))? {
                    self.found.push(change(ChangeKind::Changed, path));
                }
            }
        }
        Ok(())
    }
}

/// Whether a name in two directories is the same but for what is in directories.
fn same(a: &OwnedFd, b: &OwnedFd, name: &[u8], old: &Stat, new: &Stat) -> Result<bool> {
    if !metadata::same_node(old, new)
        || metadata::modified(old) != metadata::modified(new)
        || metadata::attributes(a, name)? != metadata::attributes(b, name)?
    {
        return Ok(false);
    }
    match FileType::from_raw_mode(new.st_mode) {
        FileType::RegularFile => {
            Ok(old.st_size == new.st_size && (old.st_size == 0 || same_content(a, b, name)?))
        }
        FileType::Symlink => {
            let target = |directory: &OwnedFd| {
                rustix::fs::readlinkat(directory, name, Vec::new())
                    .call(|| format!("readlinkat({})", path::shown(name)))
            };
            Ok(target(a)? == target(b)?)
        }
        _ => Ok(true),
    }
}

fn same_content(a: &OwnedFd, b: &OwnedFd, name: &[u8]) -> Result<bool> {
    let open = |directory: &OwnedFd| -> Result<std::fs::File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = rustix::fs::openat(directory, name, flags, Mode::empty());
        Ok(file.call(|| format!("openat({}, {flags:?})", path::shown(name)))?.into())
    };
    let (mut a, mut b) = (open(a)?, open(b)?);
    let (mut x, mut y) = (vec![0; 64 << 10], vec![0; 64 << 10]);
    loop {
        let failed = |error| Error::from_io(error, format!("read({})", path::shown(name)));
        let (i, j) = (fill(&mut a, &mut x).map_err(failed)?, fill(&mut b, &mut y).map_err(failed)?);
        if x[..i] != y[..j] {
            return Ok(false);
        }
        if i == 0 {
            return Ok(true);
        }
    }
}

fn fill(file: &mut impl std::io::Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match file.read(&mut buffer[length..]) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}
