//! Removing a directory with everything in it.

use std::ffi::CStr;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use barque_sys::Call as _;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;

use crate::Result;

/// Removes a directory with everything in it; one that is not there is fine. Modes that keep even their owner out do not
/// matter, nor how deep it is; symbolic links are removed, not followed.
pub fn remove_tree(path: &Path) -> Result<()> {
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let directory = match barque_sys::file::open(parent, barque_sys::file::DIRECTORY) {
        Err(error) if error.errno() == Errno::NOENT => return Ok(()),
        directory => directory?,
    };
    let name = path.file_name().unwrap_or_default();
    let name = std::ffi::CString::new(name.as_encoded_bytes())
        .map_err(|_| crate::Error::invalid(format!("{path:?} has a null byte")))?;
    remove_at(&directory, &name)
}

/// Removes what a name in a directory names.
pub(super) fn remove_at(directory: impl AsFd, name: &CStr) -> Result<()> {
    match rustix::fs::unlinkat(&directory, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => return Ok(()),
        Err(Errno::ISDIR) => {}
        Err(errno) => return Ok(Err(errno).call(|| format!("unlinkat({name:?})"))?),
    }
    // Not by recursion: how deep a layer is must be limited neither by the thread's stack nor by open files.
    let mut open = vec![Level::enter(&directory, name)?];
    let mut lifted = 0_u64;
    while let Some(level) = open.last_mut() {
        if let Some(below) = level.clear()? {
            if open.len() < DEEPEST {
                let next = Level::enter(&open[open.len() - 1].directory, &below)?;
                open.push(next);
            } else {
                lifted += 1;
                lift(&open[open.len() - 1].directory, &below, &open[0].directory, lifted)?;
            }
            continue;
        }
        let Some(level) = open.pop() else { break };
        let parent = open.last().map_or(directory.as_fd(), |above| above.directory.as_fd());
        match rustix::fs::unlinkat(parent, &level.name, AtFlags::REMOVEDIR) {
            // What was lifted to it may not have been seen.
            Err(Errno::NOTEMPTY) if open.is_empty() && lifted > 0 => {
                open.push(Level::enter(parent, &level.name)?);
            }
            result => result.call(|| format!("unlinkat({:?}, AT_REMOVEDIR)", level.name))?,
        }
    }
    Ok(())
}

/// How many directories are open at once.
const DEEPEST: usize = 64;

/// Puts a directory that is too deep at the top of what is removed, for later.
fn lift(from: &OwnedFd, name: &CStr, to: &OwnedFd, number: u64) -> Result<()> {
    let lifted = format!(".lifted-{number}-{:x}", std::process::id());
    Ok(rustix::fs::renameat(from, name, to, lifted.as_str())
        .call(|| format!("rename({name:?}, {lifted:?})"))?)
}

/// A directory being emptied.
struct Level {
    name: std::ffi::CString,
    directory: OwnedFd,
    entries: Dir,
}

impl Level {
    fn enter(parent: impl AsFd, name: &CStr) -> Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let open = || rustix::fs::openat(&parent, name, flags, Mode::empty());
        let directory = match open() {
            Err(Errno::ACCESS) => {
                // Ours, but closed to us.
                rustix::fs::chmodat(&parent, name, Mode::RWXU, AtFlags::empty())
                    .call(|| format!("fchmodat({name:?}, 0700)"))?;
                open()
            }
            result => result,
        }
        .call(|| format!("openat({name:?}, {flags:?})"))?;
        let entries = Dir::read_from(&directory).call(|| format!("openat({name:?}, \".\")"))?;
        Ok(Self { name: name.to_owned(), directory, entries })
    }

    /// Removes files until a directory comes: its name.
    fn clear(&mut self) -> Result<Option<std::ffi::CString>> {
        let mut opened = false;
        while let Some(entry) = self.entries.read() {
            let entry = entry.call(|| format!("getdents({:?})", self.name))?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            if entry.file_type() == FileType::Directory {
                return Ok(Some(name.to_owned()));
            }
            let remove = || rustix::fs::unlinkat(&self.directory, name, AtFlags::empty());
            match remove() {
                Err(Errno::ISDIR) => return Ok(Some(name.to_owned())),
                Err(Errno::ACCESS) if !opened => {
                    opened = true;
                    rustix::fs::fchmod(&self.directory, Mode::RWXU)
                        .call(|| format!("fchmod({:?}, 0700)", self.name))?;
                    remove()
                }
                result => result,
            }
            .call(|| format!("unlinkat({name:?})"))?;
        }
        Ok(None)
    }
}
