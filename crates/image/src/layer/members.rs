//! Archives that are no layers: what is in one is shown, entry by entry, to who makes something of it.

use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use rustix::fs::Timespec;

use super::entry::{Entry, Kind};
use super::make::{write, write_parts};
use super::pending::path_buf;
use super::stream::{self, Stream};
use super::unpack::each;
use crate::{Error, Result};

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemberKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link with its text.
    Symlink(PathBuf),
    /// Another name of a file of the archive.
    Hardlink(PathBuf),
    /// A named pipe.
    Fifo,
    /// A character device.
    Character(u32, u32),
    /// A block device.
    Block(u32, u32),
}

/// An entry of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Relative, without `.` and `..`; empty for the archive's own root.
    pub path: PathBuf,
    /// What it is.
    pub kind: MemberKind,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// When it was modified.
    pub modified: Timespec,
    /// Extended attributes, but overlayfs' own.
    pub attributes: Vec<(Vec<u8>, Vec<u8>)>,
    /// How many bytes of content it has in the archive.
    pub size: u64,
}

/// The content of a member.
#[derive(Debug)]
pub struct Content<'a> {
    entry: &'a Entry,
    stream: &'a mut Stream,
    taken: bool,
}

impl Content<'_> {
    /// Writes it to a file, holes as holes. To be called once.
    pub fn write_to(&mut self, file: &OwnedFd) -> Result<()> {
        self.taken = true;
        match &self.entry.sparse {
            None => self.stream.take(self.entry.size, |bytes| write(file, bytes)),
            Some(sparse) => write_parts(file, sparse, self.entry.size, self.stream),
        }
    }
}

/// Reads an archive, plain or compressed with gzip or zstd, to its end, in another thread; when this returns, nobody reads
/// it any more. Content that is not taken is passed over.
pub fn read_members<F>(source: impl Read + Send, mut visit: F) -> Result<()>
where
    F: FnMut(&Member, &mut Content<'_>) -> Result<()> + Send,
{
    stream::run(source, u64::MAX, move |stream| {
        each(stream, |entry, stream| {
            let member = member(entry)?;
            let mut content = Content { entry, stream, taken: false };
            visit(&member, &mut content)?;
            if content.taken { Ok(()) } else { content.stream.take(entry.size, |_| Ok(())) }
        })
    })?;
    Ok(())
}

fn member(entry: &Entry) -> Result<Member> {
    let kind = match &entry.kind {
        Kind::File => MemberKind::File,
        Kind::Directory => MemberKind::Directory,
        Kind::Symlink(target) => MemberKind::Symlink(path_buf(target)),
        Kind::Hardlink(target) => MemberKind::Hardlink(path_buf(target)),
        Kind::Fifo => MemberKind::Fifo,
        Kind::Character(major, minor) => MemberKind::Character(*major, *minor),
        Kind::Block(major, minor) => MemberKind::Block(*major, *minor),
        Kind::Whiteout | Kind::Opaque => {
            return Err(Error::invalid(
                "names that begin with .wh. mean what is gone, in layers; here there is none",
            ));
        }
    };
    let attributes = entry.facts.attributes.iter();
    let attributes =
        attributes.filter(|(name, _)| !super::form::is_private_attribute(name)).cloned().collect();
    Ok(Member {
        path: path_buf(&entry.path),
        kind,
        mode: entry.facts.mode,
        uid: entry.facts.uid,
        gid: entry.facts.gid,
        modified: entry.facts.modified,
        attributes,
        size: entry.size,
    })
}
