//! `cp`: between containers, this machine and archives.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use barque_image::layer::write_part;
use barque_sys::Call as _;
use barque_sys::path::Root;
use rustix::fs::Stat;
use serde::{Deserialize, Serialize};

use super::aside;
use super::extract::extract;
use super::owners::Owners;
use super::resolve::{Found, Typed, find};
use super::tree::Tree;
use super::view::{Extent, OwnMounts, Subject, View};
use crate::start::from_image as told;
use crate::{Container, Error, ErrorKind, Result};

/// One side of a copy.
#[derive(Debug)]
pub enum Side<'a> {
    /// A path of this machine, absolute; what its end means (`/`, `/.`) is as it was typed.
    Host(PathBuf),
    /// A path of a container, from its root.
    Container(&'a Container, PathBuf),
    /// An archive, read from or written to an open file.
    Archive(&'a OwnedFd),
}

/// How to copy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Copy {
    /// Owners are kept; otherwise a copy belongs to the container's root, on this machine to the caller.
    pub archive: bool,
    /// A symbolic link that is named as the source stands for what it leads to.
    pub follow: bool,
}

/// What was copied.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
pub struct Copied {
    /// How long an archive of it would be: what Docker counts.
    pub bytes: u64,
}

/// Copies files. The caller must have one thread.
pub fn copy(from: &Side<'_>, to: &Side<'_>, how: Copy) -> Result<Copied> {
    let (source_subject, target_subject) = (Subjected::of(from)?, Subjected::of(to)?);
    aside::run(|| {
        // Before this process goes elsewhere.
        let machine = Root::open_host(Path::new("/"))?;
        let mut mounts = OwnMounts::default();
        let source = End::open(from, source_subject.0.as_ref(), &machine, &mut mounts)?;
        let target = End::open(to, target_subject.0.as_ref(), &machine, &mut mounts)?;
        if let (Side::Host(_) | Side::Archive(_), Side::Host(_) | Side::Archive(_)) = (from, to) {
            return Err(Error::invalid("must specify at least one container source"));
        }
        let bytes = match (&source, &target) {
            (End::Archive(archive), End::Files(target)) => unpack(archive, target)?,
            (End::Files(source), End::Archive(archive)) => pack(source, archive, how)?,
            (End::Files(source), End::Files(target)) => tree(source, target, how)?,
            (End::Archive(_), End::Archive(_)) => 0,
        };
        if let (End::Files(Place { view: Some(view), .. }), Some(subject)) = (&target, &target_subject.0) {
            subject.keep(view)?;
        }
        Ok(Copied { bytes })
    })
}

/// The container of a side, if it has one.
struct Subjected(Option<Subject>);

impl Subjected {
    fn of(side: &Side<'_>) -> Result<Self> {
        Ok(Self(match side {
            Side::Container(container, _) => Some(Subject::of(container)?),
            _ => None,
        }))
    }
}

enum End<'a> {
    Files(Place<'a>),
    Archive(&'a OwnedFd),
}

/// A path in a root.
pub(super) struct Place<'a> {
    /// The container's; this machine's root otherwise.
    pub(super) view: Option<View>,
    pub(super) machine: &'a Root,
    pub(super) name: &'a str,
    pub(super) path: PathBuf,
}

impl<'a> End<'a> {
    fn open(
        side: &'a Side<'a>,
        subject: Option<&Subject>,
        machine: &'a Root,
        mounts: &mut OwnMounts,
    ) -> Result<Self> {
        let view = subject.map(|subject| subject.open(Extent::All, mounts)).transpose()?;
        Ok(match side {
            Side::Host(path) => Self::Files(Place { view, machine, name: "", path: path.clone() }),
            Side::Container(container, path) => {
                Self::Files(Place { view, machine, name: container.name(), path: Path::new("/").join(path) })
            }
            Side::Archive(archive) => Self::Archive(archive),
        })
    }
}

impl Place<'_> {
    fn root(&self) -> &Root {
        self.view.as_ref().map_or(self.machine, |view| &view.root)
    }

    fn find(&self, follow: bool) -> Result<Option<Found>> {
        find(self.root(), &self.path, follow)
    }

    /// The complaint that something is not there, in Docker's words.
    fn missing(&self, path: &Path) -> Error {
        if self.view.is_some() {
            let message = format!("Could not find the file {} in container {}", path.display(), self.name);
            return Error::new(ErrorKind::NotFound, message);
        }
        Error::new(ErrorKind::NotFound, format!("lstat {}: no such file or directory", path.display()))
    }

    fn shown(&self) -> String {
        match &self.view {
            Some(_) => format!("{}:{}", self.name, self.path.display()),
            None => self.path.display().to_string(),
        }
    }

    /// What is to be copied.
    fn source(&self, how: Copy) -> Result<(Found, Typed)> {
        let typed = Typed::new(&self.path);
        let found = self.find(how.follow || typed.directory)?.ok_or_else(|| self.missing(&self.path))?;
        if found.stat.is_none() {
            return Err(self.missing(&self.path));
        }
        if typed.directory && !found.is_directory() {
            return Err(Error::invalid(format!("{}: not a directory", self.shown())));
        }
        Ok((found, typed))
    }

    fn owners(&self) -> Owners {
        self.view.as_ref().map(|view| view.owners.clone()).unwrap_or_default()
    }
}

pub(super) fn unpack(archive: &OwnedFd, target: &Place<'_>) -> Result<u64> {
    let Some(view) = &target.view else { return Ok(0) };
    let found = target
        .find(true)?
        .filter(|found| found.stat.is_some())
        .ok_or_else(|| target.missing(&target.path))?;
    if !found.is_directory() {
        return Err(Error::invalid(format!("destination \"{}\" must be a directory", target.shown())));
    }
    let archive = rustix::io::fcntl_dupfd_cloexec(archive, 0).call(|| "fcntl(F_DUPFD_CLOEXEC)")?;
    extract(view, &found.path, File::from(archive))
}

pub(super) fn pack(source: &Place<'_>, archive: &OwnedFd, how: Copy) -> Result<u64> {
    let (found, typed) = source.source(how)?;
    let name = if typed.content { OsString::new() } else { typed.base.unwrap_or_default() };
    let owners = source.owners();
    let sink = Counting { file: archive, bytes: 0 };
    let sink = std::io::BufWriter::with_capacity(1 << 18, sink);
    let owner = |uid: u32, gid: u32| owners.inside((uid, gid));
    let mut sink = write_part(&found.parent, &found.name, Path::new(&name), sink, &owner).map_err(told)?;
    sink.flush().call(|| "write(archive)")?;
    Ok(sink.get_ref().bytes)
}

/// Counts what goes through.
struct Counting<'a> {
    file: &'a OwnedFd,
    bytes: u64,
}

impl std::io::Write for Counting<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = rustix::io::write(self.file, bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Where a copy goes: into a directory, under a name, or as the content of what it is to become.
pub(super) fn tree(source: &Place<'_>, target: &Place<'_>, how: Copy) -> Result<u64> {
    let (found, typed) = source.source(how)?;
    let wanted = Typed::new(&target.path);
    let (from, to) = (source.owners(), target.owners());
    let mine = if target.view.is_some() { to.on_disk((0, 0)) } else { barque_sys::process::effective_ids() };
    let owner = |stat: &Stat| {
        if how.archive { to.on_disk(from.inside((stat.st_uid, stat.st_gid))) } else { mine }
    };
    let over = match target.find(true)? {
        Some(over) => over,
        None if target.view.is_some() => {
            let above = wanted.path.parent().unwrap_or(Path::new("/"));
            return Err(target.missing(above));
        }
        None => {
            let above = wanted.path.parent().unwrap_or(Path::new("/"));
            let message = format!("invalid output path: directory {above:?} does not exist");
            return Err(Error::new(ErrorKind::NotFound, message));
        }
    };
    let is_directory = found.is_directory();
    let copy_as = |top: &OwnedFd, name: &OsStr| -> Result<u64> {
        let mut tree = Tree::new(top, &owner)?;
        tree.copy(&found.parent, &found.name, name)?;
        Ok(tree.bytes)
    };
    if over.is_directory() {
        let top = over.open_directory()?;
        if typed.content {
            let mut tree = Tree::new(&top, &owner)?;
            tree.copy_content(&found.open_directory()?)?;
            return Ok(tree.bytes);
        }
        return copy_as(&top, typed.base.as_deref().unwrap_or_default());
    }
    match over.stat {
        Some(_) if is_directory => {
            Err(Error::invalid("cannot copy directory").hint(format!("{} is a file", target.shown())))
        }
        Some(_) if wanted.directory => Err(Error::invalid(format!("{}: not a directory", target.shown()))),
        None if wanted.directory && !is_directory => Err(Error::new(
            ErrorKind::NotFound,
            "no such directory",
        )
        .hint(format!("{} is not there: make it first, or leave the / at its end out", target.shown()))),
        _ => {
            let top = super::resolve::open_directory(&over.parent, OsStr::new("."))?;
            if is_directory {
                // What was named may be a root or a link: the copy is a directory of that name in any case.
                let mut tree = Tree::new(&top, &owner)?;
                tree.copy_as_directory(&found.open_directory()?, &over.name)?;
                return Ok(tree.bytes);
            }
            copy_as(&top, &over.name)
        }
    }
}
