//! A tar archive as a set of files, found by name without being unpacked.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt as _;

use tar_core::EntryType;
use tar_core::parse::{Limits, ParseEvent, Parser};

use crate::spec::MAX_DOCUMENT;
use crate::{Error, ErrorKind, Result};

/// Where the content of an entry is in the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) offset: u64,
    pub(super) size: u64,
}

#[derive(Debug)]
enum Entry {
    File(Extent),
    Link(String),
}

/// An archive that can be read at any place.
#[derive(Debug)]
pub(super) struct Tarball {
    file: File,
    entries: HashMap<String, Entry>,
}

/// Headers of one entry, all together; honest ones have a few kilobytes.
const MAX_HEADER: usize = 1 << 20;
/// More than any archive of images has: what is remembered of each is some hundred bytes.
const MAX_ENTRIES: usize = 200_000;

impl Tarball {
    /// Looks through an archive. Names are only ever compared: nothing is written under them.
    pub(super) fn open(file: File) -> Result<Self> {
        let length = file.metadata().map_err(|error| Error::from_io(error, "fstat(archive)"))?.len();
        let mut entries = HashMap::new();
        let limits = Limits { max_metadata_size: 1 << 19, ..Limits::default() };
        let (mut parser, mut offset) = (Parser::new(limits), 0);
        parser.set_ignore_pax_errors(true);
        while let Some((name, entry, next)) = next(&file, &mut parser, offset, length)? {
            if entries.len() == MAX_ENTRIES {
                return Err(Error::invalid(format!("the archive has more than {MAX_ENTRIES} entries")));
            }
            if let (Some(name), Some(entry)) = (name, entry) {
                // Of two with one name the later one counts, as if both had been unpacked.
                entries.insert(name, entry);
            }
            offset = next;
        }
        Ok(Self { file, entries })
    }

    /// Whether there is a file of this name.
    pub(super) fn contains(&self, name: &str) -> bool {
        self.extent(name).is_ok()
    }

    /// Where a file is. Links are followed: old archives have one file for layers that are the same.
    pub(super) fn extent(&self, name: &str) -> Result<Extent> {
        let mut name = clean(name, "");
        for _ in 0..8 {
            match name.as_ref().and_then(|name| self.entries.get(name)) {
                Some(Entry::File(extent)) => return Ok(*extent),
                Some(Entry::Link(target)) => name = Some(target.clone()),
                None => break,
            }
        }
        let name = name.unwrap_or_default();
        Err(Error::new(ErrorKind::NotFound, format!("the archive has no file {name:?}")))
    }

    /// Reads a file that is a document.
    pub(super) fn document(&self, name: &str) -> Result<Vec<u8>> {
        let extent = self.extent(name)?;
        if extent.size > MAX_DOCUMENT {
            return Err(Error::invalid(format!(
                "file {name:?} of the archive is larger than a document may be"
            )));
        }
        let mut bytes = Vec::new();
        self.read(extent).read_to_end(&mut bytes).map_err(|error| Error::from_io(error, "read(archive)"))?;
        Ok(bytes)
    }

    /// Reads what lies somewhere.
    pub(super) fn read(&self, extent: Extent) -> Part<'_> {
        Part { file: &self.file, extent }
    }
}

/// A part of a file.
#[derive(Debug)]
pub(super) struct Part<'a> {
    file: &'a File,
    extent: Extent,
}

impl Part<'_> {
    /// Leaves out the first bytes.
    pub(super) fn skip(&mut self, bytes: u64) {
        let bytes = bytes.min(self.extent.size);
        self.extent = Extent { offset: self.extent.offset + bytes, size: self.extent.size - bytes };
    }
}

impl Read for Part<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = usize::try_from(self.extent.size).unwrap_or(usize::MAX).min(buffer.len());
        let count = self.file.read_at(&mut buffer[..count], self.extent.offset)?;
        self.skip(count as u64);
        Ok(count)
    }
}

type Next = (Option<String>, Option<Entry>, u64);

/// The entry whose headers begin at an offset, and where the next ones begin; nothing at the end.
fn next(file: &File, parser: &mut Parser, mut offset: u64, length: u64) -> Result<Option<Next>> {
    let damaged = |why: &str| Error::invalid(format!("this is no tar archive, or a damaged one: {why}"));
    let mut window = Vec::new();
    let mut wanted = 512;
    loop {
        fill(file, &mut window, offset, wanted)?;
        match parser.parse(&window).map_err(|error| damaged(&error.to_string()))? {
            ParseEvent::NeedData { min_bytes } => {
                if window.len() < wanted {
                    // Archives without the two empty blocks at the end are met with, too.
                    return if window.is_empty() {
                        Ok(None)
                    } else {
                        Err(damaged("it ends within a header"))
                    };
                }
                wanted = min_bytes.max(wanted + 512);
                if wanted > MAX_HEADER {
                    return Err(damaged("a header that is far too long"));
                }
            }
            ParseEvent::End { .. } => return Ok(None),
            ParseEvent::GlobalExtensions { consumed, .. } => {
                offset += consumed as u64;
                window.clear();
                wanted = 512;
            }
            ParseEvent::Entry { consumed, entry } => {
                let content = Extent { offset: offset + consumed as u64, size: entry.size };
                let end = content.offset.checked_add(entry.size).filter(|end| *end <= length);
                let end = end.ok_or_else(|| damaged("it ends within a file"))?;
                let name = std::str::from_utf8(&entry.path).ok().and_then(|path| clean(path, ""));
                return Ok(Some((name, understand(&entry, content), end.next_multiple_of(512))));
            }
            ParseEvent::SparseEntry { .. } => {
                return Err(damaged("sparse files are not for archives of images"));
            }
        }
    }
}

fn understand(entry: &tar_core::parse::ParsedEntry<'_>, content: Extent) -> Option<Entry> {
    let target = entry.link_target.as_deref().and_then(|target| std::str::from_utf8(target).ok());
    match entry.entry_type {
        EntryType::Regular | EntryType::Continuous => Some(Entry::File(content)),
        EntryType::Link => Some(Entry::Link(clean(target?, "")?)),
        EntryType::Symlink => {
            let path = std::str::from_utf8(&entry.path).ok()?;
            let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
            Some(Entry::Link(clean(target?, directory)?))
        }
        _ => None,
    }
}

fn fill(file: &File, window: &mut Vec<u8>, offset: u64, wanted: usize) -> Result<()> {
    let mut length = window.len();
    window.resize(wanted.max(length), 0);
    while length < window.len() {
        match file.read_at(&mut window[length..], offset + length as u64) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::from_io(error, "read(archive)")),
        }
    }
    window.truncate(length);
    Ok(())
}

/// A path of the archive, seen from a directory of it, without `.` and `..`; none for what leads out.
fn clean(path: &str, directory: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    let absolute = path.starts_with('/');
    for part in directory.split('/').filter(|_| !absolute).chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_lead_out_name_nothing() {
        for (path, directory, expected) in [
            ("./a//b/", "", Some("a/b")),
            ("../x/layer.tar", "y", Some("x/layer.tar")),
            ("../../etc/passwd", "y", None),
            ("/etc/passwd", "y", Some("etc/passwd")),
            ("..", "", None),
        ] {
            assert_eq!(clean(path, directory).as_deref(), expected, "{path}");
        }
    }
}
