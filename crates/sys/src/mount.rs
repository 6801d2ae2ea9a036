//! The mount API of Linux 5.2 and later: mounts as descriptors.

use std::ffi::CString;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::io::Errno;
use rustix::mount::{FsMountFlags, FsOpenFlags, FsPickFlags, MoveMountFlags, OpenTreeFlags};

pub use rustix::mount::{MountAttrFlags, UnmountFlags};

use crate::{Call as _, Error, Result};

/// A file system being configured (`fsopen(2)`); becomes a mount by [`FileSystem::mount`].
#[derive(Debug)]
pub struct FileSystem {
    context: OwnedFd,
    kind: String,
}

impl FileSystem {
    /// Starts the configuration of a file system of a kind (`tmpfs`, `proc`, `overlay` …).
    pub fn open(kind: &str) -> Result<Self> {
        let context = rustix::mount::fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)
            .call(|| format!("fsopen({kind:?}, FSOPEN_CLOEXEC)"))?;
        Ok(Self { context, kind: kind.to_owned() })
    }

    /// Takes the file system that is mounted at a handle (`fspick(2)`), to be changed by [`FileSystem::reconfigure`].
    pub fn pick(mount: impl AsFd) -> Result<Self> {
        let mount = mount.as_fd();
        let flags = FsPickFlags::FSPICK_CLOEXEC | FsPickFlags::FSPICK_EMPTY_PATH;
        let context = rustix::mount::fspick(mount, "", flags)
            .call(|| format!("fspick({}, \"\", {flags:?})", mount.as_raw_fd()))?;
        Ok(Self { context, kind: "existing".to_owned() })
    }

    /// Makes the changes to a file system that was picked.
    pub fn reconfigure(self) -> Result<()> {
        rustix::mount::fsconfig_reconfigure(self.context.as_fd())
            .map_err(|errno| self.failed(&format!("fsconfig({}, CMD_RECONFIGURE)", self.kind), errno))
    }

    /// Sets a parameter that takes a value.
    pub fn set(&self, key: &str, value: &str) -> Result<()> {
        rustix::mount::fsconfig_set_string(self.context.as_fd(), key, value).map_err(|errno| {
            self.failed(&format!("fsconfig({}, SET_STRING, {key:?}, {value:?})", self.kind), errno)
        })
    }

    /// Sets a parameter that takes a descriptor (overlay layers: Linux 6.13).
    pub fn set_fd(&self, key: &str, fd: BorrowedFd<'_>) -> Result<()> {
        rustix::mount::fsconfig_set_fd(self.context.as_fd(), key, fd).map_err(|errno| {
            self.failed(&format!("fsconfig({}, SET_FD, {key:?}, {})", self.kind, fd.as_raw_fd()), errno)
        })
    }

    /// Sets a parameter that takes none.
    pub fn flag(&self, key: &str) -> Result<()> {
        rustix::mount::fsconfig_set_flag(self.context.as_fd(), key)
            .map_err(|errno| self.failed(&format!("fsconfig({}, SET_FLAG, {key:?})", self.kind), errno))
    }

    /// Makes the file system and a detached mount of it.
    pub fn mount(self, attributes: MountAttrFlags) -> Result<OwnedFd> {
        rustix::mount::fsconfig_create(self.context.as_fd())
            .map_err(|errno| self.failed(&format!("fsconfig({}, CMD_CREATE)", self.kind), errno))?;
        rustix::mount::fsmount(self.context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, attributes)
            .map_err(|errno| self.failed(&format!("fsmount({}, {attributes:?})", self.kind), errno))
    }

    /// An error with what the kernel says about it in the context's log (`e overlay: No changes allowed …`).
    fn failed(&self, call: &str, errno: Errno) -> Error {
        let mut log = String::new();
        let mut line = [0_u8; 1024];
        while let Ok(length @ 1..) = rustix::io::read(&self.context, &mut line) {
            let text = String::from_utf8_lossy(&line[..length]);
            let text = text.trim_start_matches(['e', 'w', 'i']).trim();
            log.push_str(if log.is_empty() { " (" } else { "; " });
            log.push_str(text);
        }
        if !log.is_empty() {
            log.push(')');
        }
        Error::new(format!("{call}{log}"), errno)
    }
}

/// A detached copy of the mount at a path, with everything below it when `recursive` (`open_tree(2)`, a bind mount
/// that is not attached yet). Symbolic links in the last component are followed.
pub fn clone_tree(path: &Path, recursive: bool) -> Result<OwnedFd> {
    let mut flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    flags.set(OpenTreeFlags::AT_RECURSIVE, recursive);
    rustix::mount::open_tree(rustix::fs::CWD, path, flags).call(|| format!("open_tree({path:?}, {flags:?})"))
}

/// [`clone_tree`] of what a descriptor stands for.
pub fn clone_tree_fd(fd: impl AsFd, recursive: bool) -> Result<OwnedFd> {
    let mut flags =
        OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_EMPTY_PATH;
    flags.set(OpenTreeFlags::AT_RECURSIVE, recursive);
    let fd = fd.as_fd();
    rustix::mount::open_tree(fd, "", flags).call(|| format!("open_tree({}, \"\", {flags:?})", fd.as_raw_fd()))
}

/// Attaches a detached mount on what `target` stands for (an `O_PATH` descriptor of a directory or a file).
pub fn attach(mount: impl AsFd, target: impl AsFd) -> Result<()> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    let (mount, target) = (mount.as_fd(), target.as_fd());
    rustix::mount::move_mount(mount, "", target, "", flags)
        .call(|| format!("move_mount({}, \"\", {}, \"\", {flags:?})", mount.as_raw_fd(), target.as_raw_fd()))
}

/// What `mount_setattr(2)` changes.
#[derive(Debug, Clone, Copy)]
pub struct Attributes<'a> {
    /// Attributes switched on.
    pub set: MountAttrFlags,
    /// Attributes switched off. Changing the access time mode means clearing all of `MOUNT_ATTR__ATIME` first.
    pub clear: MountAttrFlags,
    /// New propagation: one of `MS_SHARED`, `MS_SLAVE`, `MS_PRIVATE`, `MS_UNBINDABLE`.
    pub propagation: Option<Propagation>,
    /// A user namespace whose id mapping the mount takes on (Linux 5.12).
    pub id_mapping: Option<BorrowedFd<'a>>,
}

impl Default for Attributes<'_> {
    fn default() -> Self {
        Self {
            set: MountAttrFlags::empty(),
            clear: MountAttrFlags::empty(),
            propagation: None,
            id_mapping: None,
        }
    }
}

/// How mount events travel between mounts, `mount_namespaces(7)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Propagation {
    /// Both ways within a peer group.
    Shared,
    /// From the peer group only.
    Slave,
    /// Not at all.
    Private,
    /// Not at all, and it cannot be bind mounted.
    Unbindable,
}

/// `struct mount_attr`.
#[repr(C)]
struct MountAttr {
    set: u64,
    clear: u64,
    propagation: u64,
    user_namespace: u64,
}

/// Changes attributes of the mount that a descriptor stands for (its root), and of all below it when `recursive`
/// (`mount_setattr(2)`, Linux 5.12).
pub fn set_attributes(mount: impl AsFd, recursive: bool, change: &Attributes<'_>) -> Result<()> {
    let mount = mount.as_fd();
    let attr = MountAttr {
        set: u64::from(change.set.bits()) | if change.id_mapping.is_some() { MOUNT_ATTR_IDMAP } else { 0 },
        clear: u64::from(change.clear.bits()),
        propagation: change.propagation.map_or(0, |propagation| match propagation {
            Propagation::Shared => libc::MS_SHARED,
            Propagation::Slave => libc::MS_SLAVE,
            Propagation::Private => libc::MS_PRIVATE,
            Propagation::Unbindable => libc::MS_UNBINDABLE,
        }),
        user_namespace: change.id_mapping.map_or(0, |fd| u64::try_from(fd.as_raw_fd()).unwrap_or_default()),
    };
    let flags = libc::AT_EMPTY_PATH | if recursive { libc::AT_RECURSIVE } else { 0 };
    // SAFETY: the path is an empty C string, `attr` a valid mount_attr of the size given; both outlive the call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            flags,
            &raw const attr,
            size_of::<MountAttr>(),
        )
    };
    if result == 0 {
        return Ok(());
    }
    Err(std::io::Error::last_os_error()).call(|| {
        let recursively = if recursive { "|AT_RECURSIVE" } else { "" };
        format!("mount_setattr({}, \"\", AT_EMPTY_PATH{recursively}, {change:?})", mount.as_raw_fd())
    })
}

const MOUNT_ATTR_IDMAP: u64 = 0x0010_0000;

/// Makes the current directory the root and puts the old root on top of it: `pivot_root(".", ".")`, after which
/// [`unmount_here`] takes the old one away. No directory for the old root is needed, `pivot_root(2)` "NOTES".
pub fn pivot_root_here() -> Result<()> {
    rustix::process::pivot_root(".", ".").call(|| "pivot_root(\".\", \".\")")
}

/// Detaches what is mounted on the current directory.
pub fn unmount_here() -> Result<()> {
    rustix::mount::unmount(".", UnmountFlags::DETACH).call(|| "umount2(\".\", MNT_DETACH)")
}

/// Moves the mount at the current directory to `/` (`MS_MOVE`), for roots that `pivot_root` refuses (the initramfs).
pub fn move_here_to_root() -> Result<()> {
    rustix::mount::mount_move(".", "/").call(|| "mount(\".\", \"/\", NULL, MS_MOVE, NULL)")
}

/// Unmounts a path; `flags` as in `umount2(2)`.
pub fn unmount(path: &Path, flags: UnmountFlags) -> Result<()> {
    rustix::mount::unmount(path, flags).call(|| format!("umount2({path:?}, {flags:?})"))
}

/// Changes flags and data of the mount at a path with the classic `mount(2)`: what `mount_setattr` cannot do
/// (`MS_REMOUNT` of a file system's own options).
pub fn remount(path: &Path, flags: libc::c_ulong, data: &str) -> Result<()> {
    let failed = || format!("mount(NULL, {path:?}, NULL, MS_REMOUNT|{flags:#x}, {data:?})");
    let target = CString::new(path.as_os_str().as_encoded_bytes()).map_err(|_| Errno::INVAL).call(failed)?;
    let text = CString::new(data).map_err(|_| Errno::INVAL).call(failed)?;
    // SAFETY: both strings are NUL-terminated and outlive the call; the source and type may be null for a remount.
    let result = unsafe {
        libc::mount(
            std::ptr::null(),
            target.as_ptr(),
            std::ptr::null(),
            libc::MS_REMOUNT | flags,
            text.as_ptr().cast(),
        )
    };
    if result == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()).call(failed) }
}
