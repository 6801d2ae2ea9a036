//! One entry of an archive, as values.

use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use tar::EntryType;

/// What an entry makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Directory,
    /// A symbolic link with its text.
    Symlink(PathBuf),
    /// Another name of a file of the archive.
    Hardlink(PathBuf),
    Fifo,
    Character {
        major: u32,
        minor: u32,
    },
    Block {
        major: u32,
        minor: u32,
    },
}

/// What an entry says about what it makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Facts {
    /// Below the root, without `.`.
    pub(crate) path: PathBuf,
    pub(crate) kind: Kind,
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// Seconds and nanoseconds.
    pub(crate) modified: (i64, u32),
    pub(crate) attributes: Vec<(Vec<u8>, Vec<u8>)>,
}

/// Prefix of extended attributes in PAX headers, as star, GNU tar and all engines write them.
const ATTRIBUTE: &str = "SCHILY.xattr.";

/// Reads the header of an entry; none for entries that make nothing.
pub(crate) fn read(entry: &mut tar::Entry<'_, impl Read>) -> Result<Option<Facts>, String> {
    let path = clean(Path::new(OsStr::from_bytes(&entry.path_bytes())));
    let mut modified = (seconds(entry.header())?, 0);
    let mut attributes = Vec::new();
    for extension in entry.pax_extensions().map_err(|error| error.to_string())?.into_iter().flatten() {
        let extension = extension.map_err(|error| error.to_string())?;
        let Ok(key) = extension.key() else { continue };
        if let Some(name) = key.strip_prefix(ATTRIBUTE) {
            attributes.push((name.as_bytes().to_vec(), extension.value_bytes().to_vec()));
        } else if key == "mtime" {
            modified = extension.value().ok().and_then(time).unwrap_or(modified);
        }
    }
    let Some(kind) = kind(entry)? else { return Ok(None) };
    let header = entry.header();
    let number = |result: std::io::Result<u64>| {
        result
            .map_err(|error| error.to_string())
            .and_then(|id| u32::try_from(id).map_err(|_| format!("the id {id} is larger than ids are")))
    };
    Ok(Some(Facts {
        path,
        kind,
        mode: header.mode().map_err(|error| error.to_string())? & 0o7777,
        uid: number(header.uid())?,
        gid: number(header.gid())?,
        modified,
        attributes,
    }))
}

fn kind(entry: &tar::Entry<'_, impl Read>) -> Result<Option<Kind>, String> {
    let header = entry.header();
    let target = || {
        let name = entry.link_name_bytes().ok_or("a link without a target")?;
        Ok::<_, String>(PathBuf::from(OsStr::from_bytes(&name)))
    };
    let device = || {
        let number = |number: std::io::Result<Option<u32>>| {
            number.map_err(|error| error.to_string()).map(Option::unwrap_or_default)
        };
        Ok::<_, String>((number(header.device_major())?, number(header.device_minor())?))
    };
    Ok(Some(match header.entry_type() {
        EntryType::Directory => Kind::Directory,
        EntryType::Symlink => Kind::Symlink(target()?),
        EntryType::Link => Kind::Hardlink(clean(&target()?)),
        EntryType::Fifo => Kind::Fifo,
        EntryType::Char => device().map(|(major, minor)| Kind::Character { major, minor })?,
        EntryType::Block => device().map(|(major, minor)| Kind::Block { major, minor })?,
        EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => Kind::File,
        // Headers about other entries, labels of volumes: nothing to make.
        _ => return Ok(None),
    }))
}

/// Without `.` and slashes too many. `..` stays: the kernel keeps it inside, after the links before it.
fn clean(path: &Path) -> PathBuf {
    path.components()
        .filter(|component| matches!(component, Component::Normal(_) | Component::ParentDir))
        .collect()
}

fn seconds(header: &tar::Header) -> Result<i64, String> {
    let seconds = header.mtime().map_err(|error| error.to_string())?;
    Ok(i64::try_from(seconds).unwrap_or(0))
}

/// `seconds.fraction`, as PAX writes times.
fn time(text: &str) -> Option<(i64, u32)> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    let seconds: i64 = seconds.parse().ok()?;
    let digits: String = fraction.chars().chain("000000000".chars()).take(9).collect();
    let nanoseconds: u32 = digits.parse().ok()?;
    Some(match (text.starts_with('-'), nanoseconds) {
        (true, 1..) => (seconds - 1, 1_000_000_000 - nanoseconds),
        _ => (seconds, nanoseconds),
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
            ("x", None),
        ] {
            assert_eq!(time(text), expected, "{text}");
        }
    }

    #[test]
    fn paths() {
        for (text, expected) in
            [("./a//b/", "a/b"), ("/etc/x", "etc/x"), ("./", ""), ("a/../../b", "a/../../b")]
        {
            assert_eq!(clean(Path::new(text)), Path::new(expected), "{text}");
        }
    }
}
