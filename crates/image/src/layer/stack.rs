//! Layers one above the other, looked at as one tree without mounting them.

use std::collections::VecDeque;
use std::fmt;
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::rc::Rc;

use barque_sys::Call as _;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::{Form, path};
use crate::{Error, Result};

/// As many symbolic links as the kernel itself follows in one walk.
const MAX_LINKS: u32 = 40;

/// Directories of layers in overlayfs' form, the uppermost first.
#[derive(Clone)]
pub struct Stack {
    roots: Vec<Rc<OwnedFd>>,
    form: Form,
}

impl fmt::Debug for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stack").field("layers", &self.roots.len()).field("form", &self.form).finish()
    }
}

/// A directory as the layers together have it: the handles of those that share in it, the uppermost first.
#[derive(Debug, Default)]
pub(super) struct Merged {
    /// Each with the number of its layer, counted from the top.
    pub(super) parts: Vec<(usize, Rc<OwnedFd>)>,
}

/// What a path leads to.
#[derive(Debug)]
pub(super) enum Place {
    Directory(Merged),
    /// Anything else, by its name in one layer's directory.
    Other {
        parent: Rc<OwnedFd>,
        name: Vec<u8>,
        stat: Stat,
    },
}

enum Child {
    Directory(Merged),
    Other { part: usize, stat: Stat },
}

impl Stack {
    /// The layers at some directories, the uppermost first.
    pub fn open<P: AsRef<Path>>(roots: &[P], form: Form) -> Result<Self> {
        let open = |root: &P| -> Result<Rc<OwnedFd>> {
            Ok(Rc::new(barque_sys::file::open(root.as_ref(), barque_sys::file::READ_DIRECTORY)?))
        };
        Ok(Self { roots: roots.iter().map(open).collect::<Result<_>>()?, form })
    }

    /// The layers from a number on: those below.
    pub(super) fn from(&self, first: usize) -> Self {
        Self { roots: self.roots[first..].to_vec(), form: self.form }
    }

    /// The content of a regular file, if there is one; symbolic links are followed inside. One that is longer than
    /// `limit` is an error.
    pub fn read(&self, path: &Path, limit: u64) -> Result<Option<Vec<u8>>> {
        let Some(Place::Other { parent, name, stat }) = self.walk(path.as_os_str().as_bytes(), true)? else {
            return Ok(None);
        };
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Ok(None);
        }
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = rustix::fs::openat(&*parent, name.as_slice(), flags, Mode::empty())
            .call(|| format!("openat({path:?}, {flags:?})"))?;
        let mut content = Vec::new();
        std::fs::File::from(file)
            .take(limit + 1)
            .read_to_end(&mut content)
            .map_err(|error| Error::from_io(error, format!("read({path:?})")))?;
        if content.len() as u64 > limit {
            return Err(Error::invalid(format!("{path:?} is longer than {limit} bytes")));
        }
        Ok(Some(content))
    }

    /// What a path is in the layers together; links on the way are followed, one at the end is not.
    pub(super) fn find(&self, path: &[u8]) -> Result<Option<Place>> {
        self.walk(path, false)
    }

    /// What the kernel knows of what a path leads to, a symbolic link itself.
    pub fn stat(&self, path: &Path) -> Result<Option<Stat>> {
        Ok(match self.find(path.as_os_str().as_bytes())? {
            None => None,
            Some(Place::Other { stat, .. }) => Some(stat),
            Some(Place::Directory(merged)) => match merged.parts.first() {
                Some((_, fd)) => Some(barque_sys::path::stat(&**fd)?),
                None => None,
            },
        })
    }

    /// A directory by its path, on which no symbolic link is followed.
    pub(super) fn directory(&self, path: &[u8]) -> Result<Option<Merged>> {
        let mut here = self.root()?;
        for name in path.split(|byte| *byte == b'/').filter(|name| !name.is_empty()) {
            match self.child(&here, name)? {
                Some(Child::Directory(next)) => here = next,
                _ => return Ok(None),
            }
        }
        Ok(Some(here))
    }

    fn root(&self) -> Result<Merged> {
        let mut merged = Merged::default();
        for (number, root) in self.roots.iter().enumerate() {
            merged.parts.push((number, root.clone()));
            if is_opaque(root, self.form)? {
                break;
            }
        }
        Ok(merged)
    }

    fn child(&self, directory: &Merged, name: &[u8]) -> Result<Option<Child>> {
        let mut merged = Merged::default();
        for (part, (number, fd)) in directory.parts.iter().enumerate() {
            let stat = match rustix::fs::statat(&**fd, name, AtFlags::SYMLINK_NOFOLLOW) {
                Err(Errno::NOENT) => continue,
                result => result.call(|| format!("fstatat({})", path::shown(name)))?,
            };
            if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
                if merged.parts.is_empty() && !is_whiteout(&stat) {
                    return Ok(Some(Child::Other { part, stat }));
                }
                break;
            }
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let next = rustix::fs::openat(&**fd, name, flags, Mode::empty())
                .call(|| format!("openat({}, {flags:?})", path::shown(name)))?;
            let opaque = is_opaque(&next, self.form)?;
            merged.parts.push((*number, Rc::new(next)));
            if opaque {
                break;
            }
        }
        Ok((!merged.parts.is_empty()).then_some(Child::Directory(merged)))
    }

    fn walk(&self, path: &[u8], follow_last: bool) -> Result<Option<Place>> {
        let mut rest: VecDeque<Vec<u8>> = components(path).collect();
        let mut here = self.root()?;
        // Where that is: for `..`, and relative links.
        let mut names: Vec<u8> = Vec::new();
        let mut links = 0;
        while let Some(name) = rest.pop_front() {
            if name == b".." {
                names = path::split(&names).0.to_vec();
                let Some(above) = self.directory(&names)? else { return Ok(None) };
                here = above;
                continue;
            }
            let (part, stat) = match self.child(&here, &name)? {
                None => return Ok(None),
                Some(Child::Directory(next)) => {
                    here = next;
                    names = path::join(&names, &name);
                    continue;
                }
                Some(Child::Other { part, stat }) => (part, stat),
            };
            let parent = here.parts[part].1.clone();
            let last = rest.is_empty();
            if FileType::from_raw_mode(stat.st_mode) != FileType::Symlink || last && !follow_last {
                return Ok(last.then_some(Place::Other { parent, name, stat }));
            }
            links += 1;
            if links > MAX_LINKS {
                return Err(Error::invalid(format!(
                    "too many symbolic links on the way: {}",
                    path::shown(path)
                )));
            }
            let target = rustix::fs::readlinkat(&*parent, name.as_slice(), Vec::new())
                .call(|| format!("readlinkat({})", path::shown(&name)))?
                .into_bytes();
            if target.starts_with(b"/") {
                here = self.root()?;
                names.clear();
            }
            for component in components(&target).collect::<Vec<_>>().into_iter().rev() {
                rest.push_front(component);
            }
        }
        Ok(Some(Place::Directory(here)))
    }
}

fn components(path: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    path.split(|byte| *byte == b'/').filter(|name| !matches!(*name, b"" | b".")).map(<[u8]>::to_vec)
}

/// Whether this is how overlayfs writes that a name is gone.
pub(super) fn is_whiteout(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice && stat.st_rdev == 0
}

/// Whether what lower layers have in this directory is gone.
pub(super) fn is_opaque(directory: &OwnedFd, form: Form) -> Result<bool> {
    let Some(name) = form.opaque_attribute() else { return Ok(false) };
    let mut value = [0; 1];
    match rustix::fs::fgetxattr(directory, name, &mut value) {
        Ok(length) => Ok(length == 1 && &value == b"y"),
        // `x` and longer values: not opaque.
        Err(Errno::NODATA | Errno::OPNOTSUPP | Errno::RANGE | Errno::PERM) => Ok(false),
        Err(errno) => Ok(Err(errno).call(|| format!("fgetxattr({name:?})"))?),
    }
}
