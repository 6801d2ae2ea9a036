//! An archive unpacked over what a directory of a container has.

use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use barque_image::layer::{Content, Member, MemberKind, read_members};
use barque_sys::path::Root;
use rustix::fs::{FileType, OFlags};
use rustix::io::Errno;

use super::place::{self, Facts, Node, travels};
use super::resolve::open_directory;
use super::view::View;
use crate::start::from_image as told;
use crate::{Error, ErrorKind, Result};

/// Unpacks an archive, plain or compressed, into a directory of a container, whose path leads there without links. Links in
/// the container are followed as they would be inside; owners are those of the archive. Returns how long the files are.
pub(super) fn extract(view: &View, directory: &Path, archive: impl Read + Send) -> Result<u64> {
    let root = view.owners.on_disk((0, 0));
    let mut into = Extraction {
        root: &view.root,
        directory,
        owner: root,
        directories: Vec::new(),
        bytes: 1024,
        last: None,
    };
    let extracted = read_members(archive, |member, content| {
        let facts = Facts {
            mode: member.mode,
            owner: view.owners.on_disk((member.uid, member.gid)),
            modified: member.modified,
            attributes: member.attributes.iter().filter(|(name, _)| travels(name)).cloned().collect(),
        };
        into.member(member, content, facts).map_err(|error| told_back(&error, &member.path))
    });
    extracted.map_err(told)?;
    into.finish()
}

fn told_back(error: &Error, path: &Path) -> barque_image::Error {
    let told = barque_image::Error::new(error.kind(), format!("{}: {error}", path.display()));
    match error.cure() {
        Some(cure) => told.hint(cure),
        None => told,
    }
}

struct Extraction<'a> {
    root: &'a Root,
    directory: &'a Path,
    /// Who has the directories that the archive does not name.
    owner: (u32, u32),
    /// What directories are to have once all is in them.
    directories: Vec<(PathBuf, Facts)>,
    bytes: u64,
    /// The directory of the member before.
    last: Option<(PathBuf, OwnedFd)>,
}

impl Extraction<'_> {
    fn member(&mut self, member: &Member, content: &mut Content<'_>, facts: Facts) -> Result<()> {
        let Some(name) = member.path.file_name().map(OsStr::to_owned) else {
            // The archive's own root: the directory stays what it is.
            return Ok(());
        };
        let above = member.path.parent().unwrap_or(Path::new("")).to_owned();
        self.bytes += 512 + member.size.next_multiple_of(512);
        if member.kind == MemberKind::Directory {
            return self.make_directory(&above, &name, &member.path, facts);
        }
        self.enter(&above)?;
        let Some((_, parent)) = &self.last else { return Ok(()) };
        let device = |major: &u32, minor: &u32| rustix::fs::makedev(*major, *minor);
        match &member.kind {
            MemberKind::File => {
                let file = place::file(parent, &name)?;
                content.write_to(&file).map_err(told)?;
                place::finish(&file, &facts)
            }
            MemberKind::Symlink(target) => place::node(parent, &name, Node::Symlink(target), &facts),
            MemberKind::Fifo => place::node(parent, &name, Node::Device(FileType::Fifo, 0), &facts),
            MemberKind::Character(major, minor) => place::node(
                parent,
                &name,
                Node::Device(FileType::CharacterDevice, device(major, minor)),
                &facts,
            ),
            MemberKind::Block(major, minor) => {
                place::node(parent, &name, Node::Device(FileType::BlockDevice, device(major, minor)), &facts)
            }
            MemberKind::Hardlink(target) => {
                let old_name = target.file_name().unwrap_or_default();
                let old = self.root.open(
                    &self.at(target.parent().unwrap_or(Path::new(""))),
                    OFlags::PATH | OFlags::DIRECTORY,
                )?;
                place::link(&old, old_name, parent, &name)
            }
            MemberKind::Directory => Ok(()),
        }
    }

    /// A path of the archive as one of the root.
    fn at(&self, path: &Path) -> PathBuf {
        self.directory.join(path)
    }

    fn make_directory(&mut self, above: &Path, name: &OsString, path: &Path, facts: Facts) -> Result<()> {
        self.enter(above)?;
        let Some((_, parent)) = &self.last else { return Ok(()) };
        place::directory(parent, name)?;
        self.directories.push((path.to_owned(), facts));
        Ok(())
    }

    /// Opens a directory for its members, made with its parents where it is missing.
    fn enter(&mut self, path: &Path) -> Result<()> {
        if self.last.as_ref().is_none_or(|(last, _)| last != path) {
            self.last = Some((path.to_owned(), self.reach(path)?));
        }
        Ok(())
    }

    fn reach(&self, path: &Path) -> Result<OwnedFd> {
        match self.root.open(&self.at(path), OFlags::RDONLY | OFlags::DIRECTORY) {
            Err(error) if error.errno() == Errno::NOENT && path.file_name().is_some() => {}
            opened => return Ok(opened?),
        }
        let name = path.file_name().unwrap_or_default();
        let parent = self.reach(path.parent().unwrap_or(Path::new("")))?;
        if !place::directory(&parent, name)? {
            // A link that leads nowhere.
            return Err(Error::new(ErrorKind::NotFound, "it is a link to nothing"));
        }
        let made = open_directory(&parent, name)?;
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let modified = rustix::fs::Timespec {
            tv_sec: i64::try_from(now.as_secs()).unwrap_or(0),
            tv_nsec: i64::from(now.subsec_nanos()),
        };
        place::finish(&made, &Facts { mode: 0o755, owner: self.owner, modified, attributes: Vec::new() })?;
        Ok(made)
    }

    /// Directories get their times and modes when nothing is made in them any more.
    fn finish(self) -> Result<u64> {
        for (path, facts) in self.directories.iter().rev() {
            let parent = self
                .root
                .open(&self.at(path.parent().unwrap_or(Path::new(""))), OFlags::PATH | OFlags::DIRECTORY)?;
            place::finish(open_directory(&parent, path.file_name().unwrap_or_default())?, facts)?;
        }
        Ok(self.bytes)
    }
}
