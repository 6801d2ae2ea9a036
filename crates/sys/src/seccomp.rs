//! System call filters: `seccomp(2)`.

use std::os::fd::{FromRawFd as _, OwnedFd};

use rustix::io::Errno;

use crate::{Call as _, Error, Result};

/// The most instructions the kernel takes in one program (`BPF_MAXINSNS`).
pub const MAX_INSTRUCTIONS: usize = 4096;

/// One instruction of classic BPF, laid out as the kernel's `struct sock_filter`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct Instruction {
    /// What to do: `BPF_LD`, `BPF_JMP` … with its modifiers.
    pub code: u16,
    /// How many instructions a conditional jump skips when its condition holds.
    pub on_true: u8,
    /// How many it skips when it does not.
    pub on_false: u8,
    /// The constant operand.
    pub value: u32,
}

/// `struct sock_fprog`.
#[repr(C)]
struct Program {
    length: u16,
    instructions: *const Instruction,
}

bitflags::bitflags! {
    /// `SECCOMP_FILTER_FLAG_*`.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub struct Flags: u32 {
        /// Filter all threads of the process, not only the caller (Linux 3.17).
        const TSYNC = 1 << 0;
        /// Log every action but `ALLOW` (4.14).
        const LOG = 1 << 1;
        /// Do not turn the Speculative Store Bypass mitigation on (4.17).
        const SPEC_ALLOW = 1 << 2;
        /// Return a descriptor that gets the calls of `USER_NOTIF` (5.0).
        const NEW_LISTENER = 1 << 3;
        /// Fail with `ESRCH` where `TSYNC` cannot, instead of returning a thread id (5.7).
        const TSYNC_ESRCH = 1 << 4;
        /// A call that a listener has received waits for it, not to be interrupted by signals (5.19).
        const WAIT_KILLABLE_RECV = 1 << 5;
    }
}

/// Loads a filter for the calling thread (all threads with [`Flags::TSYNC`]), for good.
///
/// Needs `no_new_privs`, or `CAP_SYS_ADMIN` in the caller's user namespace. Returns the listener's descriptor,
/// which the kernel makes close-on-exec, when [`Flags::NEW_LISTENER`] is given. Allocates nothing unless it
/// fails, so a forked child may call it.
pub fn load(instructions: &[Instruction], flags: Flags) -> Result<Option<OwnedFd>> {
    let name = || format!("seccomp(SECCOMP_SET_MODE_FILTER, {flags:?}, {} instructions)", instructions.len());
    let length = u16::try_from(instructions.len()).map_err(|_| Errno::INVAL).call(name)?;
    let program = Program { length, instructions: instructions.as_ptr() };
    // SAFETY: `program` and the instructions it points to outlive the call; the kernel only reads them.
    let result = unsafe {
        libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags.bits(), &raw const program)
    };
    let value = returned(result).call(name)?;
    if flags.contains(Flags::NEW_LISTENER) {
        // SAFETY: with this flag the kernel returns a new descriptor, which nobody else owns.
        return Ok(Some(unsafe { OwnedFd::from_raw_fd(value) }));
    }
    match value {
        0 => Ok(None),
        // Without TSYNC_ESRCH, a positive result is the thread that could not be synchronised.
        thread => Err(Error::new(format!("{} (thread {thread})", name()), Errno::SRCH)),
    }
}

/// Whether the kernel knows a return value of filters, `SECCOMP_RET_*` (Linux 4.14).
pub fn action_is_available(action: u32) -> bool {
    // SAFETY: the kernel reads one u32 from the address of a live one.
    let result =
        unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_GET_ACTION_AVAIL, 0, &raw const action) };
    result == 0
}

/// Which of the flags the kernel knows.
pub fn available_flags() -> Flags {
    Flags::all().iter().filter(|flag| flag_is_available(*flag)).collect()
}

/// Flags are checked before the program is read: a known one fails at the null program, with `EFAULT`.
fn flag_is_available(flag: Flags) -> bool {
    // WAIT_KILLABLE_RECV is refused without a listener to receive.
    let flags = match flag {
        Flags::WAIT_KILLABLE_RECV => flag | Flags::NEW_LISTENER,
        flag => flag,
    };
    // SAFETY: a null program cannot be read, so nothing is loaded.
    let result = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            flags.bits(),
            std::ptr::null::<Program>(),
        )
    };
    returned(result) == Err(Errno::FAULT)
}

/// The result of `syscall(3)`, whose failures are in `errno`.
fn returned(result: libc::c_long) -> std::result::Result<i32, Errno> {
    match i32::try_from(result) {
        Ok(-1) => Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)),
        Ok(value) => Ok(value),
        Err(_) => Err(Errno::OVERFLOW),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RET: u16 = 0x06;
    const ALLOW: u32 = 0x7fff_0000;

    /// Runs in a thread of its own, because a filter without TSYNC is that thread's alone, and for good.
    fn in_thread<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> T {
        std::thread::spawn(move || {
            rustix::thread::set_no_new_privs(true).unwrap();
            body()
        })
        .join()
        .unwrap()
    }

    fn allow_all() -> Vec<Instruction> {
        vec![Instruction { code: RET, on_true: 0, on_false: 0, value: ALLOW }]
    }

    #[test]
    fn known_actions_and_flags_are_told_from_unknown_ones() {
        for action in [0x8000_0000, 0, 0x0003_0000, 0x0005_0000, ALLOW] {
            assert!(action_is_available(action), "{action:#x}");
        }
        assert!(!action_is_available(0x1234_0000));
        assert!(available_flags().contains(Flags::TSYNC | Flags::LOG));
        assert!(!flag_is_available(Flags::from_bits_retain(1 << 30)));
    }

    #[test]
    fn a_filter_loads_and_only_new_listener_returns_a_descriptor() {
        in_thread(|| assert!(load(&allow_all(), Flags::empty()).unwrap().is_none()));
        in_thread(|| assert!(load(&allow_all(), Flags::LOG | Flags::SPEC_ALLOW).unwrap().is_none()));
        in_thread(|| {
            let listener = load(&allow_all(), Flags::NEW_LISTENER).unwrap().unwrap();
            let flags = rustix::io::fcntl_getfd(&listener).unwrap();
            assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
        });
    }

    #[test]
    fn a_refused_filter_is_an_error_with_its_size() {
        let error = in_thread(|| load(&[], Flags::empty()).unwrap_err());
        assert_eq!(error.errno(), Errno::INVAL);
        let jump_out = Instruction { code: 0x05, on_true: 0, on_false: 0, value: 9 };
        let error = in_thread(move || load(&[jump_out], Flags::LOG).unwrap_err());
        assert_eq!(error.errno(), Errno::INVAL);
        assert!(error.to_string().contains("1 instructions"), "{error}");
    }
}
