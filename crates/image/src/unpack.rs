//! Unpacking an archive into a directory.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use barque_sys::ErrorKind;
use barque_sys::path::Root;

use crate::compression::decompress;
use crate::entry::{self, Kind};
use crate::{Error, Result, apply};

/// What the caller may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rights {
    /// Give files away and make devices.
    All,
    /// Make files of its own: owners are not kept, devices left out.
    Own,
}

/// Unpacks a tar archive, plain or compressed with gzip or zstd, into a directory that must be empty and out of everybody
/// else's reach. Nothing outside the directory is touched, whatever the archive holds: `..`, absolute names and links
/// mean what they would mean with the directory as `/`.
pub fn unpack(archive: &Path, directory: &Path, rights: Rights) -> Result<()> {
    let root = Root::open_host(directory)?;
    let mut directories = BTreeMap::new();
    each(archive, |entry| {
        let Some(facts) = entry::read(entry).map_err(broken)? else { return Ok(true) };
        apply::make(&root, &facts, entry, rights)
            .map_err(|error| error.context(format_args!("{:?}", facts.path)))?;
        if facts.kind == Kind::Directory {
            directories.insert(facts.path.clone(), facts);
        }
        Ok(true)
    })?;
    // From the deepest up, as finishing one changes nothing above it.
    for facts in directories.values().rev() {
        apply::finish_directory(&root, facts, rights)
            .map_err(|error| error.context(format_args!("{:?}", facts.path)))?;
    }
    Ok(())
}

/// More than any honest file of users has.
const MAX_TEXT: u64 = 4 << 20;

/// The text of regular files of an archive, found by their paths without unpacking; where one is there twice, the last.
pub fn find_files(archive: &Path, paths: &[&str]) -> Result<Vec<Option<String>>> {
    let wanted: Vec<PathBuf> = paths.iter().map(|path| PathBuf::from(path.trim_start_matches('/'))).collect();
    let mut found = vec![None; paths.len()];
    each(archive, |entry| {
        let Some(facts) = entry::read(entry).map_err(broken)? else { return Ok(true) };
        if let Some(index) = wanted.iter().position(|path| *path == facts.path) {
            let mut text = Vec::new();
            if facts.kind == Kind::File {
                entry.take(MAX_TEXT).read_to_end(&mut text).map_err(|error| broken(error.to_string()))?;
            }
            found[index] = Some(String::from_utf8_lossy(&text).into_owned());
        }
        Ok(true)
    })?;
    Ok(found)
}

fn broken(error: String) -> Error {
    Error::new(ErrorKind::InvalidArgument, error)
}

/// Shows every entry to a function until it says that it has seen enough.
fn each(
    archive: &Path,
    mut see: impl FnMut(&mut tar::Entry<'_, Box<dyn std::io::Read>>) -> Result<bool>,
) -> Result<()> {
    let about = |error: Error| error.context(format_args!("archive {archive:?}"));
    let unreadable = |error: std::io::Error| {
        let kind = match error.kind() {
            std::io::ErrorKind::NotFound => ErrorKind::NotFound,
            std::io::ErrorKind::PermissionDenied => ErrorKind::PermissionDenied,
            _ => ErrorKind::InvalidArgument,
        };
        about(Error::new(kind, format!("it cannot be read as a tar archive: {error}")))
    };
    let file = std::fs::File::open(archive).map_err(unreadable)?;
    let mut archive = tar::Archive::new(decompress(file).map_err(unreadable)?);
    for entry in archive.entries().map_err(unreadable)? {
        let mut entry = entry.map_err(unreadable)?;
        if !see(&mut entry).map_err(about)? {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "unpack_tests.rs"]
mod tests;
