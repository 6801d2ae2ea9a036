//! A process that holds this one's descriptors a moment longer than this one.

use std::ffi::c_void;
use std::os::fd::{AsRawFd as _, BorrowedFd, RawFd};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::mm::{MapFlags, ProtFlags};

use crate::{Call as _, Result, process};

/// Enough for a few system calls, also in an unoptimised build.
const STACK: usize = 64 * 1024;

/// The longest that this process may take to end, in seconds.
const PATIENCE: i64 = 10;

/// Starts a process that holds all descriptors but the standard streams until this one has ended: what is slow to close,
/// nobody waits for. Call it last of all, in a process of one thread.
///
/// It shares this process's memory, which a fork would have to copy and this process to give back: the new process has a
/// stack of its own and touches nothing else, as after `vfork(2)`.
pub fn linger() -> Result<()> {
    let own = process::own()?;
    // SAFETY: new memory that nobody else knows of. It is never given back: it ends with both processes.
    let stack = unsafe {
        rustix::mm::mmap_anonymous(
            std::ptr::null_mut(),
            STACK,
            ProtFlags::READ | ProtFlags::WRITE,
            MapFlags::PRIVATE,
        )
    };
    let stack = stack.call(|| format!("mmap(NULL, {STACK}, MAP_ANONYMOUS)"))?;
    let number = std::ptr::without_provenance_mut(usize::try_from(own.as_raw_fd()).unwrap_or_default());
    // SAFETY: the child runs `until_parent_ends` on the stack just made, from its upper end downwards. It shares this
    // process's memory but not its table of descriptors, and makes raw system calls only: neither libc's errno nor
    // anything else that this process uses meanwhile is touched.
    let pid = unsafe {
        libc::clone(
            until_parent_ends,
            stack.cast::<u8>().add(STACK).cast(),
            libc::CLONE_VM | libc::SIGCHLD,
            number,
        )
    };
    if pid < 0 { Err(std::io::Error::last_os_error()).call(|| "clone(CLONE_VM)") } else { Ok(()) }
}

extern "C" fn until_parent_ends(parent: *mut c_void) -> libc::c_int {
    // Nobody is to wait for a reader or a signal of ours.
    process::start_session();
    for number in 0..3 {
        // SAFETY: this process's own copies of the standard streams, which it does not use.
        unsafe { rustix::io::close(number) };
    }
    let Ok(number) = RawFd::try_from(parent.addr()) else { return 1 };
    // SAFETY: this process's copy of the descriptor, which stays open to the end.
    let parent = unsafe { BorrowedFd::borrow_raw(number) };
    let mut fds = [PollFd::from_borrowed_fd(parent, PollFlags::IN)];
    let patience = Timespec { tv_sec: PATIENCE, tv_nsec: 0 };
    while rustix::event::poll(&mut fds, Some(&patience)) == Err(rustix::io::Errno::INTR) {}
    0
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::linger;
    use crate::clone::{Clone, Forked};
    use crate::process;

    /// What reads a pipe sees its end only when the last copy of the other side is closed.
    #[test]
    fn descriptors_outlive_the_process() {
        let (mut reader, writer) = std::io::pipe().unwrap();
        match Clone::default().fork().unwrap() {
            Forked::Child => {
                let done = linger();
                process::exit_now(i32::from(done.is_err()))
            }
            Forked::Parent(child) => {
                drop(writer);
                assert_eq!(process::wait(&child.pidfd).unwrap(), process::Exit::Code(0));
                // Ends only if the lingering process does.
                assert_eq!(reader.read_to_end(&mut Vec::new()).unwrap(), 0);
            }
        }
    }
}
