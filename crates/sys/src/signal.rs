//! Signals as readable events: `signalfd(2)`.

use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};

use rustix::io::Errno;

use crate::{Call as _, Error, Result};

/// Signals taken away from their default action, to be read one by one.
///
/// They are blocked in the calling thread while this lives. A child inherits that: it must reset its signal mask
/// before it executes a program.
#[derive(Debug)]
pub struct Signals {
    fd: OwnedFd,
    old: Mask,
}

/// A signal mask of a thread.
struct Mask(libc::sigset_t);

impl std::fmt::Debug for Mask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Mask")
    }
}

impl Signals {
    /// Blocks the signals and opens a descriptor that is readable when one of them is pending.
    pub fn take(numbers: &[i32]) -> Result<Self> {
        let wanted = set(numbers)?;
        let mut old = MaybeUninit::uninit();
        // SAFETY: both pointers are to live sets of this frame; sigprocmask fills `old` when it succeeds.
        let result = unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const wanted, old.as_mut_ptr()) };
        if result != 0 {
            return Err(Error::new(
                format!("sigprocmask(SIG_BLOCK, {numbers:?})"),
                Errno::from_raw_os_error(result),
            ));
        }
        // SAFETY: filled by the call above.
        let old = Mask(unsafe { old.assume_init() });
        // SAFETY: the set is initialized; -1 asks for a new descriptor.
        let fd = unsafe { libc::signalfd(-1, &raw const wanted, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) };
        if fd < 0 {
            let error = last(format!("signalfd(-1, {numbers:?})"));
            old.restore();
            return Err(error);
        }
        // SAFETY: a new descriptor that nothing else owns.
        Ok(Self { fd: unsafe { OwnedFd::from_raw_fd(fd) }, old })
    }

    /// The number of the next pending signal; `None` when there is none.
    pub fn next(&self) -> Result<Option<i32>> {
        const SIZE: usize = size_of::<libc::signalfd_siginfo>();
        let mut buffer = [0u8; SIZE];
        match rustix::io::read(&self.fd, &mut buffer) {
            Ok(SIZE) => {
                // `ssi_signo` is the structure's first field.
                let [a, b, c, d, ..] = buffer;
                Ok(i32::try_from(u32::from_ne_bytes([a, b, c, d])).ok())
            }
            Ok(_) | Err(Errno::AGAIN | Errno::INTR) => Ok(None),
            Err(errno) => Err(errno).call(|| format!("read(signalfd {})", self.fd.as_raw_fd())),
        }
    }
}

/// Sends a signal to the calling thread (`raise(3)`).
pub fn raise(number: i32) -> Result<()> {
    // SAFETY: touches no memory; a wrong number is refused.
    if unsafe { libc::raise(number) } == 0 { Ok(()) } else { Err(last(format!("raise({number})"))) }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        self.old.restore();
    }
}

impl Mask {
    /// Makes this the thread's mask again. Cannot fail: the arguments are right by construction.
    fn restore(&self) {
        // SAFETY: the set is initialized and lives; no old mask is asked for.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.0, std::ptr::null_mut()) };
    }
}

fn set(numbers: &[i32]) -> Result<libc::sigset_t> {
    let mut set = MaybeUninit::uninit();
    // SAFETY: sigemptyset initializes the set it is given.
    let mut set: libc::sigset_t = unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        set.assume_init()
    };
    for number in numbers {
        // SAFETY: the set is initialized; a wrong number is refused.
        if unsafe { libc::sigaddset(&raw mut set, *number) } != 0 {
            return Err(last(format!("sigaddset({number})")));
        }
    }
    Ok(set)
}

fn last(call: String) -> Error {
    Error::new(call, Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::INVAL))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_was_raised_and_nothing_else() {
        let signals = Signals::take(&[libc::SIGUSR1, libc::SIGWINCH]).unwrap();
        assert_eq!(signals.next().unwrap(), None);
        raise(libc::SIGWINCH).unwrap();
        assert_eq!(signals.next().unwrap(), Some(libc::SIGWINCH));
        raise(libc::SIGUSR1).unwrap();
        assert_eq!(signals.next().unwrap(), Some(libc::SIGUSR1));
        assert_eq!(signals.next().unwrap(), None);
    }

    #[test]
    fn refuses_a_number_that_is_no_signal() {
        let error = Signals::take(&[1000]).unwrap_err();
        assert_eq!(error.errno(), Errno::INVAL, "{error}");
    }
}
