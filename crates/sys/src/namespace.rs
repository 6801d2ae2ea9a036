//! Namespaces: made with `unshare(2)`, joined with `setns(2)`.

use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};
use std::path::Path;

use rustix::fs::{Mode, OFlags};

use crate::{Call as _, Result};

bitflags::bitflags! {
    /// A set of namespace kinds, with the kernel's `CLONE_NEW*` values.
    #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
    pub struct Namespaces: u32 {
        /// Boot and monotonic clocks.
        const TIME = 0x0000_0080;
        /// Mount points.
        const MOUNT = 0x0002_0000;
        /// Root of the cgroup tree.
        const CGROUP = 0x0200_0000;
        /// Host and domain name.
        const UTS = 0x0400_0000;
        /// System V IPC and POSIX message queues.
        const IPC = 0x0800_0000;
        /// User and group ids.
        const USER = 0x1000_0000;
        /// Process ids.
        const PID = 0x2000_0000;
        /// Network devices, addresses, ports.
        const NETWORK = 0x4000_0000;
    }
}

impl Namespaces {
    /// `CLONE_NEWNS|CLONE_NEWPID`, for messages.
    pub fn flag_names(self) -> String {
        let names: Vec<_> = self
            .iter()
            .map(|one| match one {
                Self::TIME => "CLONE_NEWTIME",
                Self::MOUNT => "CLONE_NEWNS",
                Self::CGROUP => "CLONE_NEWCGROUP",
                Self::UTS => "CLONE_NEWUTS",
                Self::IPC => "CLONE_NEWIPC",
                Self::USER => "CLONE_NEWUSER",
                Self::PID => "CLONE_NEWPID",
                _ => "CLONE_NEWNET",
            })
            .collect();
        if names.is_empty() { "0".to_owned() } else { names.join("|") }
    }
}

/// Moves the calling thread into new namespaces (`PID` and `TIME`: its later children only).
pub fn unshare(namespaces: Namespaces) -> Result<()> {
    // SAFETY: none of the flags touches memory or descriptors of this process.
    let result = unsafe { libc::unshare(namespaces.bits().cast_signed()) };
    check(result).call(|| format!("unshare({})", namespaces.flag_names()))
}

/// Joins the namespaces behind a descriptor: one of `/proc/PID/ns/*` (give its kind), or a pidfd (give all the kinds
/// wanted; Linux 5.8).
pub fn join(fd: impl AsFd, kinds: Namespaces) -> Result<()> {
    let fd = fd.as_fd();
    // SAFETY: the descriptor is open for the length of the call; setns touches no memory of this process.
    let result = unsafe { libc::setns(fd.as_raw_fd(), kinds.bits().cast_signed()) };
    check(result).call(|| format!("setns({}, {})", fd.as_raw_fd(), kinds.flag_names()))
}

/// Opens a namespace file (`/proc/PID/ns/net`, `/run/netns/NAME`).
pub fn open(path: &Path) -> Result<OwnedFd> {
    rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        .call(|| format!("open({path:?}, O_RDONLY|O_CLOEXEC)"))
}

/// The kind of a namespace descriptor (`NS_GET_NSTYPE`); `ENOTTY` when it is no namespace.
pub fn kind(fd: impl AsFd) -> Result<Namespaces> {
    let fd = fd.as_fd();
    // SAFETY: NS_GET_NSTYPE takes no argument and returns the kind.
    let kind = unsafe { libc::ioctl(fd.as_raw_fd(), NS_GET_NSTYPE) };
    let bits = u32::try_from(kind)
        .map_err(|_| last())
        .call(|| format!("ioctl({}, NS_GET_NSTYPE)", fd.as_raw_fd()))?;
    Ok(Namespaces::from_bits_retain(bits))
}

/// `_IO(0xb7, 0x3)`.
const NS_GET_NSTYPE: libc::c_ulong = 0xb703;

fn last() -> rustix::io::Errno {
    rustix::io::Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(rustix::io::Errno::IO)
}

fn check(result: i32) -> std::io::Result<()> {
    if result == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}
