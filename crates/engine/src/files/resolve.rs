//! What a path as it was typed means for a copy: Docker's rules.

use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use barque_sys::Call as _;
use barque_sys::path::Root;
use rustix::fs::{AtFlags, FileType, OFlags, Stat};
use rustix::io::Errno;

use crate::Result;

/// A path cut where it matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Typed {
    /// Without slashes and dots at its end.
    pub(super) path: PathBuf,
    /// Its last component; none for a root, and for `..`.
    pub(super) base: Option<OsString>,
    /// It ends with a slash or a dot: it must be a directory.
    pub(super) directory: bool,
    /// It ends with `/.`: what is in the directory, not the directory.
    pub(super) content: bool,
}

impl Typed {
    pub(super) fn new(path: &Path) -> Self {
        let bytes = path.as_os_str().as_bytes();
        let last = bytes.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        let content = last == b".";
        let directory = content || last.is_empty();
        let mut end = bytes;
        loop {
            end = match end {
                [rest @ .., b'/'] => rest,
                [rest @ .., b'/', b'.'] => rest,
                b"." => b"",
                _ => break,
            };
        }
        let base = end.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        let base = (!matches!(base, b"" | b"..")).then(|| OsStr::from_bytes(base).to_owned());
        let path = if end.is_empty() { PathBuf::from("/") } else { PathBuf::from(OsStr::from_bytes(end)) };
        let content = content || base.is_none();
        Self { path, directory: directory || base.is_none(), content, base }
    }
}

/// Where a path leads: a name in an open directory. The empty name is the directory itself.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) parent: OwnedFd,
    pub(super) name: OsString,
    /// None: there is nothing of that name.
    pub(super) stat: Option<Stat>,
    /// The path, with links at its end followed.
    pub(super) path: PathBuf,
}

impl Found {
    pub(super) fn is_directory(&self) -> bool {
        self.stat.is_some_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory)
    }

    /// Opens the directory that it is.
    pub(super) fn open_directory(&self) -> Result<OwnedFd> {
        let name = if self.name.is_empty() { OsStr::new(".") } else { &self.name };
        open_directory(&self.parent, name)
    }
}

/// Opens a directory by its name in another; no link is followed.
pub(super) fn open_directory(parent: &OwnedFd, name: &OsStr) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(parent, name, flags, rustix::fs::Mode::empty())
        .call(|| format!("openat({name:?}, {flags:?})"))?)
}

/// As many symbolic links as the kernel itself follows in one walk.
const MAX_LINKS: u32 = 40;

/// Finds what a path names; `follow` says what a symbolic link at its end means. Links on the way are followed inside the
/// root by the kernel. None: the directory that would hold it is not there.
pub(super) fn find(root: &Root, path: &Path, follow: bool) -> Result<Option<Found>> {
    let mut path = path.to_owned();
    for _ in 0..=MAX_LINKS {
        let typed = Typed::new(&path);
        let Some(base) = typed.base else {
            let Some(parent) = open(root, &path)? else { return Ok(None) };
            let stat = Some(barque_sys::path::stat(&parent)?);
            return Ok(Some(Found { parent, name: OsString::new(), stat, path }));
        };
        let above = typed.path.parent().unwrap_or(Path::new("/")).to_owned();
        let Some(parent) = open(root, &above)? else { return Ok(None) };
        let stat = match rustix::fs::statat(&parent, &base, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => None,
            stat => Some(stat.call(|| format!("fstatat({path:?})"))?),
        };
        let is_link = stat.is_some_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink);
        if !is_link || !follow {
            return Ok(Some(Found { parent, name: base, stat, path: typed.path }));
        }
        let target =
            rustix::fs::readlinkat(&parent, &base, Vec::new()).call(|| format!("readlinkat({path:?})"))?;
        path = above.join(OsString::from_vec(target.into_bytes()));
    }
    Err(barque_sys::Error::new(format!("openat2({path:?}, RESOLVE_IN_ROOT)"), Errno::LOOP).into())
}

fn open(root: &Root, path: &Path) -> Result<Option<OwnedFd>> {
    match root.open(path, OFlags::PATH | OFlags::DIRECTORY) {
        Err(error) if matches!(error.errno(), Errno::NOENT | Errno::NOTDIR) => Ok(None),
        opened => Ok(opened.map(Some)?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed() {
        for (path, expected) in [
            ("/a/b", ("/a/b", Some("b"), false, false)),
            ("/a/b/", ("/a/b", Some("b"), true, false)),
            ("/a/b//", ("/a/b", Some("b"), true, false)),
            ("/a/b/.", ("/a/b", Some("b"), true, true)),
            ("/a/b/./", ("/a/b", Some("b"), true, false)),
            ("/", ("/", None, true, true)),
            ("/.", ("/", None, true, true)),
            ("a", ("a", Some("a"), false, false)),
            (".", ("/", None, true, true)),
            ("/a/..", ("/a/..", None, true, true)),
            ("/a/.b", ("/a/.b", Some(".b"), false, false)),
        ] {
            let Typed { path: cut, base, directory, content } = Typed::new(Path::new(path));
            assert_eq!(
                (cut.to_str().unwrap(), base.as_ref().and_then(|base| base.to_str()), directory, content),
                expected,
                "{path}"
            );
        }
    }

    #[test]
    fn links_at_the_end_stay_inside() {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::open_host(directory.path()).unwrap();
        std::fs::create_dir_all(directory.path().join("etc/d")).unwrap();
        std::fs::write(directory.path().join("etc/passwd"), "inside").unwrap();
        for (target, name) in [
            ("/etc/passwd", "absolute"),
            ("../../../etc/passwd", "up"),
            ("absolute", "twice"),
            ("/nowhere", "dangling"),
            ("loop", "loop"),
            ("../etc/..", "root"),
        ] {
            std::os::unix::fs::symlink(target, directory.path().join("etc").join(name)).unwrap();
        }
        for name in ["absolute", "up", "twice"] {
            let found = find(&root, &Path::new("/etc").join(name), true).unwrap().unwrap();
            assert_eq!(found.stat.unwrap().st_size, 6, "{name}");
            let found = find(&root, &Path::new("/etc").join(name), false).unwrap().unwrap();
            assert_eq!(found.name, name);
        }
        let found = find(&root, Path::new("/etc/dangling"), true).unwrap().unwrap();
        assert!(found.stat.is_none() && found.path == Path::new("/nowhere"));
        assert!(find(&root, Path::new("/etc/loop"), true).is_err());
        let found = find(&root, Path::new("/etc/root"), true).unwrap().unwrap();
        assert!(found.name.is_empty() && found.is_directory());
        assert!(find(&root, Path::new("/none/x"), true).unwrap().is_none());
        assert!(find(&root, Path::new("/etc/passwd/x"), true).unwrap().is_none());
    }
}
