//! One entry of an archive, as values.

use rustix::fs::Timespec;
use tar_core::parse::ParsedEntry;
use tar_core::{EntryType, PaxExtensions, SparseEntry};

use super::path;
use crate::{Error, Result};

/// What an entry makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Directory,
    /// A symbolic link with its text.
    Symlink(Vec<u8>),
    /// Another name of a file, by its clean path.
    Hardlink(Vec<u8>),
    Fifo,
    Character(u32, u32),
    Block(u32, u32),
    /// The path is gone from the layers below.
    Whiteout,
    /// Everything in the directory of this path is gone from the layers below.
    Opaque,
}

/// Mode, owner, time and extended attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) modified: Timespec,
    pub(super) attributes: Vec<(Vec<u8>, Vec<u8>)>,
}

/// The parts of a sparse file that are there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sparse {
    pub(super) parts: Vec<SparseEntry>,
    pub(super) length: u64,
}

/// An entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Below the root, clean.
    pub(super) path: Vec<u8>,
    pub(super) kind: Kind,
    pub(super) facts: Facts,
    /// How many bytes follow in the archive.
    pub(super) size: u64,
    pub(super) sparse: Option<Sparse>,
}

/// Whiteouts of the image specification (`layer.md`).
const WHITEOUT: &[u8] = b".wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";
/// What aufs has kept for itself in old layers.
const PRIVATE: &[u8] = b".wh..wh.";

/// Understands an entry; none for those that make nothing.
pub(super) fn read(parsed: &ParsedEntry<'_>, sparse: Option<Sparse>) -> Result<Option<Entry>> {
    let mut path = path::clean(&parsed.path);
    let Some(kind) = kind(parsed, &mut path)? else { return Ok(None) };
    let mut modified = Timespec { tv_sec: parsed.mtime.cast_signed(), tv_nsec: 0 };
    if let Some(pax) = parsed.pax {
        extensions(pax, &mut modified)?;
    }
    let facts = Facts {
        mode: parsed.mode & 0o7777,
        uid: id(parsed.uid)?,
        gid: id(parsed.gid)?,
        modified,
        attributes: parsed.xattrs.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect(),
    };
    // Nothing follows the header of what is no file, whatever it says: so Go's reader, which engines are made with, has it.
    let size = if kind == Kind::File { parsed.size } else { 0 };
    Ok(Some(Entry { path, kind, facts, size, sparse }))
}

fn id(id: u64) -> Result<u32> {
    // The last one means "unchanged" to chown(2).
    match u32::try_from(id) {
        Ok(id) if id != u32::MAX => Ok(id),
        _ => Err(Error::invalid(format!("the id {id} is larger than ids are"))),
    }
}

fn kind(parsed: &ParsedEntry<'_>, path: &mut Vec<u8>) -> Result<Option<Kind>> {
    let target = || parsed.link_target.as_deref().ok_or_else(|| Error::invalid("a link without a target"));
    let device = || (parsed.dev_major.unwrap_or(0), parsed.dev_minor.unwrap_or(0));
    if let Some(whiteout) = whiteout(path)? {
        return Ok(whiteout);
    }
    Ok(Some(match parsed.entry_type {
        EntryType::Directory => Kind::Directory,
        // The first form of the format knew directories by their names only.
        EntryType::Regular if parsed.path.ends_with(b"/") => Kind::Directory,
        EntryType::Regular | EntryType::Continuous | EntryType::GnuSparse => Kind::File,
        EntryType::Symlink => Kind::Symlink(target()?.to_vec()),
        EntryType::Link => Kind::Hardlink(path::clean(target()?)),
        EntryType::Fifo => Kind::Fifo,
        EntryType::Char => Kind::Character(device().0, device().1),
        EntryType::Block => Kind::Block(device().0, device().1),
        // Labels of volumes, parts of archives on several: nothing to make.
        _ => return Ok(None),
    }))
}

/// Takes the mark off the path of a whiteout. None when it is not one; nothing in it when it is to be left out.
fn whiteout(path: &mut Vec<u8>) -> Result<Option<Option<Kind>>> {
    let (directory, name) = path::split(path);
    let Some(gone) = name.strip_prefix(WHITEOUT) else { return Ok(None) };
    if name == OPAQUE {
        *path = directory.to_vec();
        return Ok(Some(Some(Kind::Opaque)));
    }
    if name.starts_with(PRIVATE) {
        return Ok(Some(None));
    }
    if matches!(gone, b"" | b"." | b"..") {
        return Err(Error::invalid("a whiteout of nothing"));
    }
    *path = path::join(directory, gone);
    Ok(Some(Some(Kind::Whiteout)))
}

/// Numbers that the parser has been told not to stumble over, because times may be negative: the others may not.
const NUMBERS: [&str; 7] = [
    "size",
    "uid",
    "gid",
    "GNU.sparse.offset",
    "GNU.sparse.numbytes",
    "GNU.sparse.size",
    "GNU.sparse.realsize",
];

fn extensions(pax: &[u8], modified: &mut Timespec) -> Result<()> {
    for extension in PaxExtensions::new(pax) {
        let extension = extension.map_err(|error| Error::invalid(error.to_string()))?;
        let Ok(key) = extension.key() else { continue };
        if key == "mtime" {
            let time = extension.value().ok().and_then(time);
            *modified = time.ok_or_else(|| Error::invalid("a time of modification that is none"))?;
        } else if NUMBERS.contains(&key)
            && extension.value().map_or(true, |text| text.parse::<u64>().is_err())
        {
            return Err(Error::invalid(format!("the value of {key} is no number")));
        }
    }
    Ok(())
}

/// `seconds.fraction`, as PAX writes times.
fn time(text: &str) -> Option<Timespec> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let whole: i64 = seconds.parse().ok()?;
    let digits: String = fraction.chars().chain("000000000".chars()).take(9).collect();
    let nanoseconds: i64 = digits.parse().ok()?;
    Some(match (seconds.starts_with('-'), nanoseconds) {
        (true, 1..) => Timespec { tv_sec: whole.checked_sub(1)?, tv_nsec: 1_000_000_000 - nanoseconds },
        _ => Timespec { tv_sec: whole, tv_nsec: nanoseconds },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        for (text, expected) in [
            ("12", Some((12, 0))),
            ("12.5", Some((12, 500_000_000))),
            ("12.0000000019", Some((12, 1))),
            ("-1.25", Some((-2, 750_000_000))),
            ("-0.5", Some((-1, 500_000_000))),
            ("-9223372036854775808.5", None),
            ("1.x", None),
            ("x", None),
            ("", None),
        ] {
            let expected = expected.map(|(tv_sec, tv_nsec)| Timespec { tv_sec, tv_nsec });
            assert_eq!(time(text), expected, "{text}");
        }
    }

    #[test]
    fn whiteouts() {
        for (path, expected) in [
            ("a/b", Some(None)),
            ("a/.wh.b", Some(Some((Kind::Whiteout, "a/b")))),
            (".wh.b", Some(Some((Kind::Whiteout, "b")))),
            ("a/.wh..wh..opq", Some(Some((Kind::Opaque, "a")))),
            (".wh..wh..opq", Some(Some((Kind::Opaque, "")))),
            (".wh..wh.plnk", None),
        ] {
            let mut bytes = path.as_bytes().to_vec();
            let found = whiteout(&mut bytes).unwrap();
            match expected {
                Some(None) => assert_eq!((found, bytes.as_slice()), (None, path.as_bytes())),
                Some(Some((kind, rest))) => {
                    assert_eq!((found, bytes.as_slice()), (Some(Some(kind)), rest.as_bytes()));
                }
                None => assert_eq!(found, Some(None), "{path}"),
            }
        }
        for path in ["a/.wh.", ".wh..", "a/.wh..."] {
            whiteout(&mut path.as_bytes().to_vec()).unwrap_err();
        }
    }
}
