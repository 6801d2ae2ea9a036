//! How layers are mounted.

use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use barque_sys::mount::{FileSystem, MountAttrFlags};

use crate::{Error, ErrorKind, Result};

/// A mount, as a value: what is mounted, not where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mount {
    /// overlayfs.
    Overlay {
        /// The layers, the uppermost first.
        lowers: Vec<PathBuf>,
        /// The directory that is written to, and overlayfs' own beside it. None: read-only.
        upper: Option<(PathBuf, PathBuf)>,
        /// Whether overlayfs' notes are `user.overlay.*`: what users without privileges can have.
        user_attributes: bool,
    },
    /// A directory as it is.
    Bind {
        /// The directory.
        source: PathBuf,
        /// Whether it is not to be written to.
        read_only: bool,
    },
}

impl Mount {
    /// Makes the mount, attached nowhere yet. As many layers as the kernel takes (500): each is given to it by a call of its
    /// own, and none of their paths has to fit into a page with the others.
    pub fn open(&self) -> Result<OwnedFd> {
        match self {
            Self::Bind { source, read_only } => {
                let mount = barque_sys::mount::clone_tree(source, false)?;
                if *read_only {
                    let change = barque_sys::mount::Attributes {
                        set: MountAttrFlags::MOUNT_ATTR_RDONLY,
                        clear: MountAttrFlags::empty(),
                        ..barque_sys::mount::Attributes::default()
                    };
                    barque_sys::mount::set_attributes(&mount, false, &change)?;
                }
                Ok(mount)
            }
            Self::Overlay { lowers, upper, user_attributes } => {
                overlay(lowers, upper.as_ref(), *user_attributes)
            }
        }
    }

    /// Makes the mount and attaches it to a directory.
    pub fn attach(&self, target: &Path) -> Result<()> {
        let mount = self.open()?;
        let target = barque_sys::file::open(target, barque_sys::file::DIRECTORY)?;
        Ok(barque_sys::mount::attach(&mount, &target)?)
    }
}

fn overlay(lowers: &[PathBuf], upper: Option<&(PathBuf, PathBuf)>, user: bool) -> Result<OwnedFd> {
    let overlay = FileSystem::open("overlay")?;
    // By descriptor since Linux 6.13; by the descriptor's path since 6.7, as a parameter has at most 255 bytes.
    for lower in lowers {
        let fd = barque_sys::file::open(lower, barque_sys::file::DIRECTORY)?;
        set(&overlay, "lowerdir+", &fd)?;
    }
    if let Some((upper, work)) = upper {
        for (key, path) in [("upperdir", upper), ("workdir", work)] {
            set(&overlay, key, &barque_sys::file::open(path, barque_sys::file::DIRECTORY)?)?;
        }
    }
    if user {
        overlay.flag("userxattr")?;
    } else if upper.is_some() {
        // Whatever the kernel's configuration says: an upper directory must be whole without its lower ones.
        for key in ["redirect_dir", "metacopy", "index"] {
            overlay.set(key, "off")?;
        }
    }
    let attributes =
        if upper.is_none() { MountAttrFlags::MOUNT_ATTR_RDONLY } else { MountAttrFlags::empty() };
    Ok(overlay.mount(attributes)?)
}

fn set(overlay: &FileSystem, key: &str, fd: &OwnedFd) -> Result<()> {
    use std::os::fd::AsRawFd as _;
    if overlay.set_fd(key, fd.as_fd()).is_ok() {
        return Ok(());
    }
    overlay.set(key, &format!("/proc/self/fd/{}", fd.as_raw_fd())).map_err(|error| {
        let error = Error::from(error);
        if error.kind() == ErrorKind::InvalidArgument && key == "lowerdir+" {
            return error.hint("layers are given to overlayfs one by one, which needs Linux 6.7");
        }
        error
    })
}
