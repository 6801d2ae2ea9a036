//! `clone3(2)`: a child process, and a descriptor that stands for it.

use std::mem::size_of;
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};

use rustix::io::Errno;
use rustix::process::Pid;

use crate::namespace::Namespaces;
use crate::{Error, Result};

/// Which side of the fork the caller is on.
#[derive(Debug)]
pub enum Forked {
    /// The caller: the child's id as the caller's pid namespace numbers it, and a descriptor for it.
    Parent(Child),
    /// The new process.
    Child,
}

/// A process just made.
#[derive(Debug)]
pub struct Child {
    /// Its id in the caller's pid namespace.
    pub pid: Pid,
    /// A descriptor that stands for it, whatever becomes of the id.
    pub pidfd: OwnedFd,
}

/// How to fork.
#[derive(Debug, Default)]
pub struct Clone<'a> {
    /// Namespaces the child starts in anew. `TIME` cannot be made here: its offsets must be written before the first
    /// process enters it.
    pub namespaces: Namespaces,
    /// cgroup v2 directory the child starts in (`CLONE_INTO_CGROUP`, Linux 5.7): no migration, no waiting.
    pub cgroup: Option<BorrowedFd<'a>>,
    /// Whether the child's parent is the caller's parent (`CLONE_PARENT`): it is then waited for by that one.
    pub sibling: bool,
}

/// `struct clone_args` up to its Linux 5.7 size.
#[repr(C, align(8))]
#[derive(Default)]
struct CloneArgs {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
    set_tid: u64,
    set_tid_size: u64,
    cgroup: u64,
}

impl Clone<'_> {
    /// Forks. The caller must have one thread: the child is a copy of the calling thread alone, and goes on with
    /// ordinary Rust code, allocations included, which a lock held by another thread would block for ever.
    pub fn fork(&self) -> Result<Forked> {
        let mut pidfd: RawFd = -1;
        let mut flags = u64::from(self.namespaces.bits()) | libc::CLONE_PIDFD as u64;
        let mut args = CloneArgs { pidfd: &raw mut pidfd as u64, ..CloneArgs::default() };
        if self.sibling {
            flags |= libc::CLONE_PARENT as u64;
        } else {
            args.exit_signal = libc::SIGCHLD as u64;
        }
        if let Some(cgroup) = self.cgroup {
            flags |= CLONE_INTO_CGROUP;
            args.cgroup = u64::try_from(cgroup.as_raw_fd()).unwrap_or_default();
        }
        args.flags = flags;
        // SAFETY: `args` is a valid clone_args of the given size. No stack is passed, so the child returns here on a
        // copy of the caller's (no CLONE_VM), as from fork(2). `pidfd` outlives the call.
        let mut pid = unsafe { libc::syscall(libc::SYS_clone3, &raw const args, size_of::<CloneArgs>()) };
        if pid < 0 && last() == Errno::NOSYS && self.cgroup.is_none() {
            pid = Self::fork_classic(flags | args.exit_signal, &mut pidfd);
        }
        match i32::try_from(pid) {
            Ok(0) => Ok(Forked::Child),
            Ok(pid @ 1..) => {
                let pid = Pid::from_raw(pid).ok_or_else(|| self.failed(Errno::SRCH))?;
                // SAFETY: CLONE_PIDFD made the kernel store a new descriptor, owned by nobody else, into `pidfd`.
                Ok(Forked::Parent(Child { pid, pidfd: unsafe { OwnedFd::from_raw_fd(pidfd) } }))
            }
            _ => Err(self.failed(last())),
        }
    }

    /// By `clone(2)`: filters such as Docker's answer `clone3` with `ENOSYS`, because they cannot see its flags.
    fn fork_classic(flags: u64, pidfd: &mut RawFd) -> libc::c_long {
        // SAFETY: as in `fork`: no stack, no CLONE_VM; with CLONE_PIDFD the third argument is where the descriptor goes.
        unsafe { libc::syscall(libc::SYS_clone, flags, 0, &raw mut *pidfd, 0, 0) }
    }

    fn failed(&self, errno: Errno) -> Error {
        let into = self
            .cgroup
            .map_or_else(String::new, |fd| format!("|CLONE_INTO_CGROUP, cgroup={}", fd.as_raw_fd()));
        Error::new(format!("clone3({{flags={}|CLONE_PIDFD{into}}})", self.namespaces.flag_names()), errno)
    }
}

fn last() -> Errno {
    Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)
}

/// Not in the libc crate for every target.
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;
