//! A tree that files are taken from: patterns, and what is left out.

use std::ffi::OsString;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use barque_sys::Call as _;
use barque_sys::path::Root;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::ignore::{Ignore, Pattern};
use crate::{Error, ErrorKind, Result};

/// Where files are taken from.
#[derive(Debug)]
pub(crate) struct Tree<'a> {
    pub(crate) root: &'a Root,
    /// `.dockerignore`.
    ignore: &'a Ignore,
    /// `--exclude`.
    excludes: Ignore,
}

/// Characters that make a name a pattern.
const META: [char; 4] = ['*', '?', '[', '\\'];

impl<'a> Tree<'a> {
    pub(crate) fn new(root: &'a Root, ignore: &'a Ignore, excludes: &[String]) -> Self {
        Self { root, ignore, excludes: Ignore::parse(&excludes.join("\n")) }
    }

    /// Whether a path is to be copied.
    pub(crate) fn keeps(&self, path: &Path) -> bool {
        let text = path.to_string_lossy();
        !self.ignore.matches(&text) && !self.excludes.matches(&text)
    }

    /// Whether something below a directory that is left out may be kept.
    pub(crate) fn may_keep_below(&self) -> bool {
        self.ignore.has_exceptions() || self.excludes.has_exceptions()
    }

    /// What a pattern selects, sorted, as paths from the root. Nothing is an error where it is no pattern.
    pub(crate) fn select(&self, pattern: &str) -> Result<Vec<PathBuf>> {
        let clean = clean(pattern);
        let mut found = vec![PathBuf::new()];
        for name in &clean {
            found = if name.contains(META) {
                self.children(&found, name)?
            } else {
                found.into_iter().map(|path| path.join(name)).collect()
            };
        }
        let mut chosen = Vec::with_capacity(found.len());
        for path in found {
            // A link that is named must lead to something; one that a pattern matches is copied as it is then.
            let handle = if pattern.contains(META) {
                self.root.handle_nofollow(&path)
            } else {
                self.root.handle(&path)
            };
            let is_there = match handle {
                Ok(_) => true,
                Err(error) if matches!(error.errno(), Errno::NOENT | Errno::NOTDIR) => false,
                Err(error) => return Err(error.into()),
            };
            if is_there
                && (path.as_os_str().is_empty() || self.keeps(&path) || self.keeps_some_below(&path)?)
            {
                chosen.push(path);
            }
        }
        if chosen.is_empty() && !pattern.contains(META) {
            let error =
                Error::new(ErrorKind::NotFound, format!("{:?}: not found", format!("/{}", clean.join("/"))));
            return Err(if self.ignore.is_empty() {
                error.hint("paths are taken from the root of the context")
            } else {
                error.hint("paths are taken from the root of the context; .dockerignore may leave it out")
            });
        }
        Ok(chosen)
    }

    /// Whether a directory that is left out has something in it that is not.
    pub(crate) fn keeps_some_below(&self, path: &Path) -> Result<bool> {
        if !self.may_keep_below() {
            return Ok(false);
        }
        let Ok(directory) = self.open_directory(path) else { return Ok(false) };
        for name in names(&directory)? {
            let below = path.join(name);
            if self.keeps(&below) || self.keeps_some_below(&below)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A directory by its path, to be read; links on the way are followed inside.
    pub(crate) fn open_directory(&self, path: &Path) -> Result<OwnedFd> {
        Ok(self.root.open(path, OFlags::RDONLY | OFlags::DIRECTORY)?)
    }

    /// The names in some directories that a pattern matches.
    fn children(&self, directories: &[PathBuf], pattern: &str) -> Result<Vec<PathBuf>> {
        let wanted = Pattern::parse(pattern);
        let mut found = Vec::new();
        for path in directories {
            // What is no directory has nothing in it.
            let Ok(directory) = self.open_directory(path) else { continue };
            let names = names(&directory)?.into_iter();
            found.extend(
                names.filter(|name| wanted.matches(&name.to_string_lossy())).map(|name| path.join(name)),
            );
        }
        Ok(found)
    }
}

/// What the kernel knows of a path that is named: of what a link leads to, or of a link that leads to nothing itself.
pub(super) fn stat_of(root: &Root, path: &Path) -> Result<rustix::fs::Stat> {
    let handle = match root.handle(path) {
        Err(error) if error.errno() == Errno::NOENT => root.handle_nofollow(path)?,
        handle => handle?,
    };
    Ok(barque_sys::path::stat(&handle)?)
}

/// The names of a path, without `.`, and without `..` that would lead out.
fn clean(path: &str) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for name in path.split('/') {
        match name {
            "" | "." => {}
            ".." => drop(names.pop()),
            name => names.push(name),
        }
    }
    names
}

/// The names in a directory, sorted.
pub(super) fn names(directory: impl AsFd) -> Result<Vec<OsString>> {
    let mut names = Vec::new();
    for entry in rustix::fs::Dir::read_from(directory).call(|| "openat(\".\")")? {
        let entry = entry.call(|| "getdents")?;
        let name = entry.file_name().to_bytes();
        if !matches!(name, b"." | b"..") {
            names.push(OsString::from_vec(name.to_vec()));
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// A directory by its name in another, to be read; a link is none.
pub(super) fn enter(directory: &OwnedFd, name: &std::ffi::OsStr) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(directory, name, flags, Mode::empty())
        .call(|| format!("openat({name:?}, {flags:?})"))?)
}

/// What the kernel knows of a name in a directory; of a link itself.
pub(super) fn stat(directory: &OwnedFd, name: &std::ffi::OsStr) -> Result<rustix::fs::Stat> {
    let flags = rustix::fs::AtFlags::SYMLINK_NOFOLLOW;
    Ok(rustix::fs::statat(directory, name, flags).call(|| format!("fstatat({name:?})"))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_select_inside_of_the_root_only() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        for name in ["a.txt", "b.txt", "c.log", "sub/x.txt", "sub/deep/y.txt"] {
            std::fs::create_dir_all(root.join(name).parent().unwrap()).unwrap();
            std::fs::write(root.join(name), name).unwrap();
        }
        std::os::unix::fs::symlink("/etc", root.join("out")).unwrap();
        let (inside, ignore) =
            (Root::open_host(root).unwrap(), Ignore::parse("c.log\nsub/deep\n!sub/deep/y.txt"));
        let tree = Tree::new(&inside, &ignore, &[]);
        for (pattern, paths) in [
            ("*.txt", &["a.txt", "b.txt"][..]),
            ("/a.txt", &["a.txt"]),
            ("../../a.txt", &["a.txt"]),
            ("s*/*.txt", &["sub/x.txt"]),
            ("sub/deep", &["sub/deep"]),
            ("*.none", &[]),
            ("out/*", &[]),
            (".", &[""]),
        ] {
            let found = tree.select(pattern).unwrap();
            assert_eq!(found, paths.iter().map(PathBuf::from).collect::<Vec<_>>(), "{pattern}");
        }
        std::os::unix::fs::symlink("nowhere", root.join("dangling")).unwrap();
        assert_eq!(tree.select("dang*").unwrap(), [PathBuf::from("dangling")]);
        for pattern in ["c.log", "none", "out/passwd", "dangling"] {
            assert_eq!(tree.select(pattern).unwrap_err().kind(), ErrorKind::NotFound, "{pattern}");
        }
    }
}
