//! Whether two directories hold the same.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// The first thing in which the second directory is not like the first: names, kinds, modes, owners, times, devices, what is
/// in files and links, extended attributes. Times of the directories named last do not matter: nobody has said them.
pub(super) fn difference(right: &Path, found: &Path, timeless: &[PathBuf]) -> Result<Option<String>> {
    let timeless: HashSet<&Path> = timeless.iter().map(PathBuf::as_path).collect();
    let mut open = vec![PathBuf::new()];
    while let Some(path) = open.pop() {
        let (one, other) = (right.join(&path), found.join(&path));
        let (Ok(facts), Ok(others)) = (fs::symlink_metadata(&one), fs::symlink_metadata(&other)) else {
            return Ok(Some(format!("{path:?} is missing")));
        };
        if let Some(what) = differs(&facts, &others, timeless.contains(path.as_path())) {
            return Ok(Some(format!("{path:?} has another {what}")));
        }
        if attributes(&one)? != attributes(&other)? {
            return Ok(Some(format!("{path:?} has other extended attributes")));
        }
        if facts.is_dir() {
            let (names, others) = (names(&one)?, names(&other)?);
            if let Some(name) = names.symmetric_difference(&others).next() {
                let verb = if names.contains(name) { "is missing" } else { "should not be there" };
                return Ok(Some(format!("{:?} {verb}", path.join(name))));
            }
            open.extend(names.iter().map(|name| path.join(name)));
        } else if facts.is_symlink() && fs::read_link(&one).ok() != fs::read_link(&other).ok() {
            return Ok(Some(format!("{path:?} leads elsewhere")));
        } else if facts.is_file() && !same_content(&one, &other)? {
            return Ok(Some(format!("{path:?} has another content")));
        }
    }
    Ok(None)
}

fn differs(one: &Metadata, other: &Metadata, timeless: bool) -> Option<&'static str> {
    let kind = |facts: &Metadata| facts.mode() & 0o170_000;
    let node = |facts: &Metadata| facts.file_type().is_char_device() || facts.file_type().is_block_device();
    let time = |facts: &Metadata| (facts.mtime(), facts.mtime_nsec());
    // A whiteout has the time at which it was made.
    let timeless = timeless || one.file_type().is_char_device() && one.rdev() == 0;
    match () {
        () if kind(one) != kind(other) => Some("kind"),
        () if one.mode() != other.mode() => Some("mode"),
        () if (one.uid(), one.gid()) != (other.uid(), other.gid()) => Some("owner"),
        () if one.is_file() && one.len() != other.len() => Some("length"),
        () if node(one) && one.rdev() != other.rdev() => Some("device number"),
        () if !timeless && time(one) != time(other) => Some("time"),
        () => None,
    }
}

fn names(directory: &Path) -> Result<HashSet<OsString>> {
    let entries =
        fs::read_dir(directory).map_err(|error| Error::from_io(error, format!("open({directory:?})")))?;
    Ok(entries.flatten().map(|entry| entry.file_name()).collect())
}

/// Files that their owner may not read are not compared: without privileges there is no way to.
fn same_content(one: &Path, other: &Path) -> Result<bool> {
    let (Some(mut left), Some(mut right)) = (open(one)?, open(other)?) else { return Ok(true) };
    let (mut bytes, mut others) = (vec![0; 64 << 10], vec![0; 64 << 10]);
    loop {
        let failed = |path: &Path, error: io::Error| Error::from_io(error, format!("read({path:?})"));
        let count = fill(&mut left, &mut bytes).map_err(|error| failed(one, error))?;
        let other = fill(&mut right, &mut others).map_err(|error| failed(other, error))?;
        if bytes[..count] != others[..other] {
            return Ok(false);
        }
        if count == 0 {
            return Ok(true);
        }
    }
}

fn open(path: &Path) -> Result<Option<File>> {
    match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(None),
        file => file.map(Some).map_err(|error| Error::from_io(error, format!("open({path:?})"))),
    }
}

fn fill(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match file.read(&mut buffer[length..])? {
            0 => break,
            count => length += count,
        }
    }
    Ok(length)
}

/// Extended attributes, not following links. Where the file system has none, there are none.
fn attributes(path: &Path) -> Result<BTreeMap<Vec<u8>, Vec<u8>>> {
    let mut list = vec![0; 64 << 10];
    let Ok(length) = rustix::fs::llistxattr(path, &mut list[..]) else { return Ok(BTreeMap::new()) };
    let mut attributes = BTreeMap::new();
    for name in list[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let mut value = vec![0; 64 << 10];
        let length = rustix::fs::lgetxattr(path, name, &mut value[..]).map_err(|errno| {
            barque_sys::Error::new(format!("lgetxattr({path:?}, {:?})", String::from_utf8_lossy(name)), errno)
        })?;
        value.truncate(length);
        attributes.insert(name.to_vec(), value);
    }
    Ok(attributes)
}
