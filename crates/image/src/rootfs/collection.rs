//! Paths that are wanted, with all that leads to them: directories and symbolic links, each once.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Component, Path, PathBuf};

use barque_sys::ErrorKind;
use barque_sys::path::Root;
use rustix::fs::{FileType, OFlags};

use crate::{Error, Result};

/// What lies at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Entry {
    Directory,
    Symlink(PathBuf),
    File,
}

/// A selection of a root filesystem's paths, none of which leads through a symbolic link.
#[derive(Debug)]
pub(super) struct Collection<'a> {
    root: &'a Root,
    pub(super) entries: BTreeMap<PathBuf, Entry>,
    /// Directories of which everything is there: a link may lead back to one.
    whole: BTreeSet<PathBuf>,
}

/// As many symbolic links as the kernel follows in one walk.
const MAX_LINKS: u32 = 40;

impl<'a> Collection<'a> {
    pub(super) fn new(root: &'a Root) -> Self {
        Self { root, entries: BTreeMap::new(), whole: BTreeSet::new() }
    }

    pub(super) fn root(&self) -> &'a Root {
        self.root
    }

    /// Adds a path; returns where it really lies. None when there is nothing, or nothing that is copied (a device).
    pub(super) fn add(&mut self, path: &Path) -> Result<Option<PathBuf>> {
        let mut found = Vec::new();
        let Some(real) = self.walk(path, &mut found)? else { return Ok(None) };
        self.entries.extend(found);
        Ok(Some(real))
    }

    /// Adds a path and, where it is a directory, all below it. What a link leads to comes along.
    pub(super) fn add_tree(&mut self, path: &Path) -> Result<bool> {
        let Some(real) = self.add(path)? else { return Ok(false) };
        if self.entries.get(&real) == Some(&Entry::Directory) && self.whole.insert(real.clone()) {
            let directory = self.root.open(&real, OFlags::RDONLY | OFlags::DIRECTORY)?;
            let failed =
                |error: rustix::io::Errno| Error::from_io(error.into(), format!("getdents64({real:?})"));
            let mut names = Vec::new();
            for entry in rustix::fs::Dir::read_from(&directory).map_err(failed)? {
                let name = OsString::from_vec(entry.map_err(failed)?.file_name().to_bytes().to_vec());
                if name != "." && name != ".." {
                    names.push(name);
                }
            }
            for name in names {
                self.add_tree(&real.join(name))?;
            }
        }
        Ok(true)
    }

    fn walk(&self, path: &Path, found: &mut Vec<(PathBuf, Entry)>) -> Result<Option<PathBuf>> {
        let mut rest: Vec<OsString> = names(path);
        let mut at = PathBuf::from("/");
        let mut links = 0;
        while let Some(name) = rest.pop() {
            if name == ".." {
                at.pop();
                continue;
            }
            let next = at.join(&name);
            let Some(entry) = self.look(&next)? else { return Ok(None) };
            if let Entry::Symlink(target) = &entry {
                links += 1;
                if links > MAX_LINKS {
                    return Err(Error::invalid(format!("{path:?}: too many symbolic links")));
                }
                if target.is_absolute() {
                    at = PathBuf::from("/");
                }
                rest.extend(names(target));
            } else {
                at.clone_from(&next);
            }
            found.push((next, entry));
        }
        Ok(Some(at))
    }

    fn look(&self, path: &Path) -> Result<Option<Entry>> {
        if let Some(known) = self.entries.get(path) {
            return Ok(Some(known.clone()));
        }
        let handle = match self.root.handle_nofollow(path) {
            Ok(handle) => handle,
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound) || error.to_string().ends_with("ENOTDIR") =>
            {
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        let stat = barque_sys::path::stat(&handle)?;
        Ok(match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => Some(Entry::Directory),
            FileType::RegularFile => Some(Entry::File),
            FileType::Symlink => {
                let target = rustix::fs::readlinkat(&handle, c"", Vec::new())
                    .map_err(|error| Error::from_io(error.into(), format!("readlinkat({path:?})")))?;
                Some(Entry::Symlink(PathBuf::from(OsString::from_vec(target.into_bytes()))))
            }
            _ => None,
        })
    }
}

/// The components of a path, the first one last.
fn names(path: &Path) -> Vec<OsString> {
    let name = |component: Component<'_>| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    };
    path.components().rev().filter_map(name).collect()
}
