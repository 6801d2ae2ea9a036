//! Paths inside a root filesystem that nobody can lead out of.
//!
//! Every walk is `openat2(2)` with `RESOLVE_IN_ROOT`: `/` and `..` mean the root's own, symbolic links are followed
//! inside it, and the magic links of procfs not at all. A path of a container is never joined to a path of the host.

use std::ffi::OsString;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;

use crate::{Call as _, Error, Result};

/// A directory that is the root of every path given to its methods.
#[derive(Debug)]
pub struct Root {
    fd: OwnedFd,
}

/// As many symbolic links as the kernel itself follows in one walk.
const MAX_LINKS: u32 = 40;

impl Root {
    /// Takes a directory descriptor (`O_PATH` is enough) as the root.
    pub fn new(fd: OwnedFd) -> Self {
        Self { fd }
    }

    /// Opens a directory of the host as a root; symbolic links in `path` are the host's and are followed.
    pub fn open_host(path: &Path) -> Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd =
            rustix::fs::open(path, flags, Mode::empty()).call(|| format!("open({path:?}, {flags:?})"))?;
        Ok(Self { fd })
    }

    /// Opens what `path` names, with symbolic links followed inside the root.
    pub fn open(&self, path: &Path, flags: OFlags) -> Result<OwnedFd> {
        self.open_mode(path, flags, Mode::empty())
    }

    /// A handle (`O_PATH`) to what `path` names.
    pub fn handle(&self, path: &Path) -> Result<OwnedFd> {
        self.open(path, OFlags::PATH)
    }

    /// A handle to what `path` names; a symbolic link at its end is itself what is named.
    pub fn handle_nofollow(&self, path: &Path) -> Result<OwnedFd> {
        self.open(path, OFlags::PATH | OFlags::NOFOLLOW)
    }

    fn open_mode(&self, path: &Path, flags: OFlags, mode: Mode) -> Result<OwnedFd> {
        let flags = flags | OFlags::CLOEXEC;
        let path = if path.as_os_str().is_empty() { Path::new("/") } else { path };
        loop {
            let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
            match rustix::fs::openat2(&self.fd, path, flags, mode, resolve) {
                // A rename or mount raced with a `..` in the walk: the kernel asks to try again.
                Err(Errno::AGAIN | Errno::INTR) => {}
                result => {
                    return result.call(|| {
                        format!("openat2({}, {path:?}, {flags:?}, RESOLVE_IN_ROOT)", self.fd.as_raw_fd())
                    });
                }
            }
        }
    }

    /// Opens the directory `path`, making it and its parents (mode 0755) where they are missing.
    pub fn make_directory(&self, path: &Path) -> Result<OwnedFd> {
        self.make_directory_counting(path, Mode::from_raw_mode(0o755), &mut 0)
    }

    /// [`Root::make_directory`] with a mode for the directories made.
    pub fn make_directory_mode(&self, path: &Path, mode: u32) -> Result<OwnedFd> {
        self.make_directory_counting(path, Mode::from_raw_mode(mode), &mut 0)
    }

    fn make_directory_counting(&self, path: &Path, mode: Mode, links: &mut u32) -> Result<OwnedFd> {
        match self.open(path, OFlags::PATH | OFlags::DIRECTORY) {
            Err(error) if error.errno() == Errno::NOENT => {}
            result => return result,
        }
        // Nearly always only the last component is missing.
        let above = path.parent().unwrap_or(Path::new("/"));
        let parent = self.make_directory_counting(above, mode, links)?;
        match path.file_name() {
            Some(_) => self.make_component(&parent, path, mode, links),
            // It ends with `..`, which is there now.
            None => self.open(path, OFlags::PATH | OFlags::DIRECTORY),
        }
    }

    /// Makes the last component of `here`, whose parent is open as `parent`. A dangling symbolic link stands for the
    /// directory it names, as with `mkdir -p` after a `chroot`.
    fn make_component(&self, parent: &OwnedFd, here: &Path, mode: Mode, links: &mut u32) -> Result<OwnedFd> {
        let name = here.file_name().unwrap_or_default();
        match rustix::fs::mkdirat(parent, name, mode) {
            Ok(()) => self.open(here, OFlags::PATH | OFlags::DIRECTORY),
            Err(Errno::EXIST) => match self.link_target(parent, here, links)? {
                Some(target) => self.make_directory_counting(&target, mode, links),
                None => self.open(here, OFlags::PATH | OFlags::DIRECTORY),
            },
            Err(errno) => {
                Err(Error::new(format!("mkdirat({}, {name:?}, {mode:?})", parent.as_raw_fd()), errno))
            }
        }
    }

    /// Where the dangling symbolic link at `here` leads, as a path of this root; none when it is no link any more.
    fn link_target(&self, parent: &OwnedFd, here: &Path, links: &mut u32) -> Result<Option<PathBuf>> {
        *links += 1;
        if *links > MAX_LINKS {
            return Err(Error::new(format!("openat2({here:?}, RESOLVE_IN_ROOT)"), Errno::LOOP));
        }
        let name = here.file_name().unwrap_or_default();
        match rustix::fs::readlinkat(parent, name, Vec::new()) {
            Ok(target) => {
                let target = PathBuf::from(OsString::from_vec(target.into_bytes()));
                Ok(Some(here.parent().unwrap_or(Path::new("/")).join(target)))
            }
            Err(Errno::INVAL) => Ok(None),
            Err(errno) => Err(Error::new(format!("readlinkat({}, {name:?})", parent.as_raw_fd()), errno)),
        }
    }

    /// A handle to the file `path`, made empty (mode 0644, parents 0755) when it is missing: a mount point for a file.
    pub fn make_file(&self, path: &Path) -> Result<OwnedFd> {
        self.make_file_counting(path, &mut 0)
    }

    fn make_file_counting(&self, path: &Path, links: &mut u32) -> Result<OwnedFd> {
        match self.handle(path) {
            Err(error) if error.errno() == Errno::NOENT => {}
            result => return result,
        }
        let (parent, name) = self.parent_of(path)?;
        let here = path.parent().unwrap_or(Path::new("/")).join(name);
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match rustix::fs::openat(&parent, name, flags, Mode::from_raw_mode(0o644)) {
            Ok(file) => Ok(file),
            Err(Errno::EXIST) => match self.link_target(&parent, &here, links)? {
                Some(target) => self.make_file_counting(&target, links),
                None => self.handle(path),
            },
            Err(errno) => {
                Err(Error::new(format!("openat({}, {name:?}, {flags:?})", parent.as_raw_fd()), errno))
            }
        }
    }

    /// The directory that holds `path` (made where missing) and the name of `path` in it.
    pub fn parent_of<'p>(&self, path: &'p Path) -> Result<(OwnedFd, &'p std::ffi::OsStr)> {
        let name = path.file_name().ok_or_else(|| {
            Error::new(format!("openat2({path:?}, O_CREAT, RESOLVE_IN_ROOT)"), Errno::INVAL)
        })?;
        let parent = self.make_directory(path.parent().unwrap_or(Path::new("/")))?;
        Ok((parent, name))
    }

    /// The type and attributes of what `path` names.
    pub fn stat(&self, path: &Path) -> Result<Stat> {
        let handle = self.handle(path)?;
        stat(&handle)
    }
}

impl AsFd for Root {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// `fstat(2)`, for handles too.
pub fn stat(fd: impl AsFd) -> Result<Stat> {
    let fd = fd.as_fd();
    rustix::fs::statat(fd, "", AtFlags::EMPTY_PATH).call(|| format!("fstat({})", fd.as_raw_fd()))
}

/// Whether a handle is a directory.
pub fn is_directory(fd: impl AsFd) -> Result<bool> {
    Ok(FileType::from_raw_mode(stat(fd)?.st_mode) == FileType::Directory)
}
