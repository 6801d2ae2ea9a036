//! A collection becomes files.

use std::fs::{File, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{OFlags, Timespec, Timestamps, XattrFlags};

use super::collection::{Collection, Entry};
use crate::{Error, Result};

/// Privileges of programs, such as ping's.
const CAPABILITY: &str = "security.capability";

/// Writes all of it below an empty directory that is ours alone, so that its paths can be trusted: then the directories
/// and the files that every root filesystem has, where the collection does not have them.
pub(super) fn tree(
    files: &Collection<'_>,
    target: &Path,
    directories: &[(&str, u32)],
    texts: &[(&str, String)],
) -> Result<(u64, u64)> {
    let below = |path: &Path| target.join(path.strip_prefix("/").unwrap_or(path));
    let (mut count, mut bytes) = (0, 0);
    for (path, entry) in &files.entries {
        let to = below(path);
        match entry {
            Entry::Directory => make_directory(&to)?,
            Entry::Symlink(link) => std::os::unix::fs::symlink(link, &to)
                .map_err(|error| Error::from_io(error, format!("symlink({link:?}, {to:?})")))?,
            Entry::File => {
                bytes += copy(files, path, &to)?;
                count += 1;
            }
        }
    }
    for (path, mode) in directories {
        let to = below(Path::new(path));
        if std::fs::symlink_metadata(&to).is_err() {
            make_directory(&to)?;
            std::fs::set_permissions(&to, Permissions::from_mode(*mode))
                .map_err(|error| Error::from_io(error, format!("chmod({to:?}, {mode:o})")))?;
        }
    }
    for (path, text) in texts {
        let to = target.join(path);
        if std::fs::symlink_metadata(&to).is_err() {
            std::fs::write(&to, text).map_err(|error| Error::from_io(error, format!("write({to:?})")))?;
            count += 1;
        }
    }
    // Last, because writing below changes them.
    for (path, _) in files.entries.iter().rev().filter(|(_, entry)| **entry == Entry::Directory) {
        let from = files.root().open(path, OFlags::RDONLY | OFlags::DIRECTORY)?;
        let to = barque_sys::file::open(&below(path), OFlags::RDONLY | OFlags::DIRECTORY)?;
        attributes(&File::from(from), &File::from(to), path)?;
    }
    Ok((count, bytes))
}

fn make_directory(path: &Path) -> Result<()> {
    std::fs::create_dir_all(path).map_err(|error| Error::from_io(error, format!("mkdir({path:?})")))
}

fn copy(files: &Collection<'_>, path: &Path, to: &PathBuf) -> Result<u64> {
    let mut from = File::from(files.root().open(path, OFlags::RDONLY | OFlags::NONBLOCK)?);
    let mut file =
        File::create_new(to).map_err(|error| Error::from_io(error, format!("open({to:?}, O_CREAT)")))?;
    // By copy_file_range where the file system can.
    let bytes = std::io::copy(&mut from, &mut file)
        .map_err(|error| Error::from_io(error, format!("copy({path:?}, {to:?})")))?;
    attributes(&from, &file, path)?;
    Ok(bytes)
}

/// Owner, mode, capabilities and times, in the order in which none takes another away.
fn attributes(from: &File, to: &File, path: &Path) -> Result<()> {
    let call = |error: std::io::Error| Error::from_io(error, format!("attributes of {path:?}"));
    let facts = from.metadata().map_err(call)?;
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::fchown(to, Some(facts.uid()), Some(facts.gid())).map_err(call)?;
    }
    to.set_permissions(Permissions::from_mode(facts.mode() & 0o7777)).map_err(call)?;
    let mut value = [0_u8; 64];
    if let Ok(length) = rustix::fs::fgetxattr(from, CAPABILITY, &mut value) {
        // Without privileges, or on a file system without attributes, the program just has none of its own.
        let _ = rustix::fs::fsetxattr(to, CAPABILITY, &value[..length], XattrFlags::empty());
    }
    let times = Timestamps {
        last_access: Timespec { tv_sec: facts.atime(), tv_nsec: facts.atime_nsec() },
        last_modification: Timespec { tv_sec: facts.mtime(), tv_nsec: facts.mtime_nsec() },
    };
    rustix::fs::futimens(to, &times).map_err(|error| call(error.into()))
}
