//! What a process is and may: ids, attributes, the end of it, and the program it becomes.

use std::ffi::CString;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, WaitId, WaitIdOptions};

use crate::{Call as _, Error, Result};

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It returned a code.
    Code(i32),
    /// A signal ended it.
    Signal(i32),
}

impl Exit {
    /// The code a shell would show: the code itself, or 128 and the signal's number.
    pub fn code(self) -> i32 {
        match self {
            Self::Code(code) => code,
            Self::Signal(signal) => 128 + signal,
        }
    }
}

/// Waits for the child that a pidfd stands for, and reaps it.
pub fn wait(pidfd: impl AsFd) -> Result<Exit> {
    let pidfd = pidfd.as_fd();
    loop {
        match rustix::process::waitid(WaitId::PidFd(pidfd), WaitIdOptions::EXITED) {
            Err(Errno::INTR) => {}
            Ok(Some(status)) => {
                let code = status.exit_status();
                let signal = status.terminating_signal();
                return Ok(signal.map_or_else(|| Exit::Code(code.unwrap_or(0)), Exit::Signal));
            }
            Ok(None) => {
                return Err(Error::new(format!("waitid(P_PIDFD, {})", pidfd.as_raw_fd()), Errno::CHILD));
            }
            Err(errno) => return Err(Error::new(format!("waitid(P_PIDFD, {})", pidfd.as_raw_fd()), errno)),
        }
    }
}

/// A descriptor for the process with an id (`pidfd_open(2)`).
pub fn open(pid: Pid) -> Result<OwnedFd> {
    rustix::process::pidfd_open(pid, PidfdFlags::empty())
        .call(|| format!("pidfd_open({})", pid.as_raw_nonzero()))
}

/// Sends a signal to the process a pidfd stands for.
pub fn signal(pidfd: impl AsFd, signal: i32) -> Result<()> {
    let pidfd = pidfd.as_fd();
    // SAFETY: pidfd_send_signal with a null siginfo touches no memory; an unknown number is refused with EINVAL.
    let result = unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            pidfd.as_raw_fd(),
            signal,
            std::ptr::null::<libc::siginfo_t>(),
            0,
        )
    };
    check(result).call(|| format!("pidfd_send_signal({}, {signal})", pidfd.as_raw_fd()))
}

/// Whether a pidfd's process has ended (it may still be a zombie).
pub fn has_ended(pidfd: impl AsFd) -> Result<bool> {
    let mut fds = [rustix::event::PollFd::from_borrowed_fd(pidfd.as_fd(), rustix::event::PollFlags::IN)];
    let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
    let ready = rustix::event::poll(&mut fds, Some(&now)).call(|| "poll(pidfd)")?;
    Ok(ready > 0)
}

/// Asks the kernel to send this process a signal when its parent ends (`PR_SET_PDEATHSIG`); none takes it back.
pub fn set_parent_death_signal(signal: Option<Signal>) -> Result<()> {
    rustix::process::set_parent_process_death_signal(signal)
        .call(|| format!("prctl(PR_SET_PDEATHSIG, {signal:?})"))
}

/// Whether others may look into this process (`PR_SET_DUMPABLE`). Off before a namespace of a running container is
/// entered: a process inside could otherwise reach our memory and descriptors through `/proc` (CVE-2016-9962).
pub fn set_dumpable(dumpable: bool) -> Result<()> {
    // SAFETY: a prctl that takes a plain number.
    let result = unsafe { libc::prctl(libc::PR_SET_DUMPABLE, libc::c_ulong::from(dumpable), 0, 0, 0) };
    check(result.into()).call(|| format!("prctl(PR_SET_DUMPABLE, {dumpable})"))
}

/// Makes orphaned descendants this process's children (`PR_SET_CHILD_SUBREAPER`).
pub fn set_subreaper() -> Result<()> {
    // SAFETY: a prctl that takes a plain number.
    let result = unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) };
    check(result.into()).call(|| "prctl(PR_SET_CHILD_SUBREAPER, 1)")
}

/// `PR_SET_NO_NEW_PRIVS`: no program executed from now on gains anything by its file's mode or capabilities.
pub fn set_no_new_privileges() -> Result<()> {
    rustix::thread::set_no_new_privs(true).call(|| "prctl(PR_SET_NO_NEW_PRIVS, 1)")
}

/// Keeps the permitted capabilities over the next change of user id (`PR_SET_KEEPCAPS`).
pub fn keep_capabilities(keep: bool) -> Result<()> {
    rustix::thread::set_keep_capabilities(keep).call(|| format!("prctl(PR_SET_KEEPCAPS, {keep})"))
}

/// Sets real, effective and saved user id of this thread.
pub fn set_user(uid: u32) -> Result<()> {
    // SAFETY: plain numbers. The raw call, because glibc's wrapper signals every thread, and there is only this one.
    let result = unsafe { libc::syscall(libc::SYS_setresuid, uid, uid, uid) };
    check(result).call(|| format!("setresuid({uid}, {uid}, {uid})"))
}

/// Sets real, effective and saved group id of this thread.
pub fn set_group(gid: u32) -> Result<()> {
    // SAFETY: as in `set_user`.
    let result = unsafe { libc::syscall(libc::SYS_setresgid, gid, gid, gid) };
    check(result).call(|| format!("setresgid({gid}, {gid}, {gid})"))
}

/// Sets the supplementary groups of this thread.
pub fn set_groups(groups: &[u32]) -> Result<()> {
    // SAFETY: the pointer and the length are those of one slice that outlives the call.
    let result = unsafe { libc::syscall(libc::SYS_setgroups, groups.len(), groups.as_ptr()) };
    check(result).call(|| format!("setgroups({groups:?})"))
}

/// Sets a resource limit: soft and hard, `RLIM_INFINITY` as `u64::MAX`.
pub fn set_limit(resource: u32, soft: u64, hard: u64) -> Result<()> {
    let limit = libc::rlimit64 { rlim_cur: soft, rlim_max: hard };
    // SAFETY: `limit` outlives the call; no old limit is asked for.
    let result = unsafe {
        libc::syscall(
            libc::SYS_prlimit64,
            0,
            resource,
            &raw const limit,
            std::ptr::null_mut::<libc::rlimit64>(),
        )
    };
    check(result).call(|| format!("prlimit64(0, {resource}, {{{soft}, {hard}}})"))
}

/// The soft and hard value of a resource limit of this process.
pub fn limit(resource: u32) -> Result<(u64, u64)> {
    let mut limit = libc::rlimit64 { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` outlives the call; no new limit is set.
    let result = unsafe {
        libc::syscall(libc::SYS_prlimit64, 0, resource, std::ptr::null::<libc::rlimit64>(), &raw mut limit)
    };
    check(result).call(|| format!("prlimit64(0, {resource})"))?;
    Ok((limit.rlim_cur, limit.rlim_max))
}

/// Sets the execution domain, `personality(2)`.
pub fn set_personality(persona: u32) -> Result<()> {
    // SAFETY: a plain number.
    let result = unsafe { libc::personality(persona.into()) };
    check(result.into()).call(|| format!("personality({persona:#x})"))
}

/// `struct sched_attr`, its first version.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct SchedulerAttributes {
    /// Size of this structure; set by [`set_scheduler`].
    pub size: u32,
    /// `SCHED_*`.
    pub policy: u32,
    /// `SCHED_FLAG_*`.
    pub flags: u64,
    /// For `SCHED_OTHER` and `SCHED_BATCH`.
    pub nice: i32,
    /// For `SCHED_FIFO` and `SCHED_RR`.
    pub priority: u32,
    /// `SCHED_DEADLINE`, nanoseconds.
    pub runtime: u64,
    /// `SCHED_DEADLINE`, nanoseconds.
    pub deadline: u64,
    /// `SCHED_DEADLINE`, nanoseconds.
    pub period: u64,
}

/// Sets the scheduling policy of this thread, `sched_setattr(2)`.
pub fn set_scheduler(attributes: SchedulerAttributes) -> Result<()> {
    let attributes = SchedulerAttributes {
        size: u32::try_from(size_of::<SchedulerAttributes>()).unwrap_or(48),
        ..attributes
    };
    // SAFETY: the structure has the size it says, and outlives the call.
    let result = unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) };
    check(result).call(|| format!("sched_setattr(0, {attributes:?})"))
}

/// Sets the I/O priority of this thread: class 1 (real time), 2 (best effort) or 3 (idle), and level 0 to 7.
pub fn set_io_priority(class: u8, level: u8) -> Result<()> {
    let value = (u32::from(class) << 13) | u32::from(level);
    // SAFETY: plain numbers (1 is IOPRIO_WHO_PROCESS, 0 this thread).
    let result = unsafe { libc::syscall(libc::SYS_ioprio_set, 1, 0, value) };
    check(result).call(|| format!("ioprio_set(IOPRIO_WHO_PROCESS, 0, {value:#x})"))
}

/// Binds this thread to a set of CPUs, `sched_setaffinity(2)`.
pub fn set_affinity(cpus: &[usize]) -> Result<()> {
    let words = cpus.iter().max().map_or(1, |highest| highest / 64 + 1);
    let mut mask = vec![0_u64; words];
    for cpu in cpus {
        mask[cpu / 64] |= 1 << (cpu % 64);
    }
    // SAFETY: the mask is as long as the length says, and outlives the call.
    let result =
        unsafe { libc::syscall(libc::SYS_sched_setaffinity, 0, size_of_val(&mask[..]), mask.as_ptr()) };
    check(result).call(|| format!("sched_setaffinity(0, {cpus:?})"))
}

/// Sets the NUMA memory policy, `set_mempolicy(2)`.
pub fn set_memory_policy(mode: i32, nodes: &[usize]) -> Result<()> {
    let words = nodes.iter().max().map_or(0, |highest| highest / 64 + 1);
    let mut mask = vec![0_u64; words];
    for node in nodes {
        mask[node / 64] |= 1 << (node % 64);
    }
    let pointer = if mask.is_empty() { std::ptr::null() } else { mask.as_ptr() };
    // The kernel takes one bit less than it is told (a quirk that set_mempolicy(2) notes under maxnode).
    let bits = if mask.is_empty() { 0 } else { words * 64 + 1 };
    // SAFETY: the mask has at least `bits - 1` bits, and outlives the call.
    let result = unsafe { libc::syscall(libc::SYS_set_mempolicy, mode, pointer, bits) };
    check(result).call(|| format!("set_mempolicy({mode:#x}, {nodes:?})"))
}

/// Joins a new session keyring of a name (`KEYCTL_JOIN_SESSION_KEYRING`), so that keys of the caller stay out of reach.
pub fn new_session_keyring(name: &str) -> Result<()> {
    let text = CString::new(name)
        .map_err(|_| Errno::INVAL)
        .call(|| format!("keyctl(JOIN_SESSION_KEYRING, {name:?})"))?;
    // SAFETY: the name is NUL-terminated and outlives the call; 1 is KEYCTL_JOIN_SESSION_KEYRING.
    let result = unsafe { libc::syscall(libc::SYS_keyctl, 1, text.as_ptr()) };
    if result >= 0 { Ok(()) } else { check(-1).call(|| format!("keyctl(JOIN_SESSION_KEYRING, {name:?})")) }
}

/// Sets close-on-exec on every descriptor from `first` on (`close_range(2)`, Linux 5.11; before that by
/// `/proc/self/fd`).
pub fn close_on_exec_from(first: u32) -> Result<()> {
    // SAFETY: changes flags of descriptors only.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    if result == 0 {
        return Ok(());
    }
    let directory = std::fs::read_dir("/proc/self/fd").call(|| "open(\"/proc/self/fd\")")?;
    let numbers = directory.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
    for number in numbers.filter(|number| u32::try_from(*number).is_ok_and(|n| n >= first)) {
        // SAFETY: sets a flag; a number that was closed meanwhile is refused with EBADF.
        unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
    Ok(())
}

/// Arguments and environment as `execve(2)` wants them.
#[derive(Debug)]
pub struct Program {
    path: CString,
    arguments: Vec<CString>,
    environment: Vec<CString>,
}

impl Program {
    /// Prepares an exec; fails only on a NUL byte inside a string.
    pub fn new<A, E>(path: &Path, arguments: A, environment: E) -> Result<Self>
    where
        A: IntoIterator<Item: AsRef<str>>,
        E: IntoIterator<Item: AsRef<str>>,
    {
        let text =
            |text: &str| CString::new(text).map_err(|_| Errno::INVAL).call(|| format!("execve({text:?})"));
        Ok(Self {
            path: CString::new(path.as_os_str().as_encoded_bytes())
                .map_err(|_| Errno::INVAL)
                .call(|| format!("execve({path:?})"))?,
            arguments: arguments.into_iter().map(|a| text(a.as_ref())).collect::<Result<_>>()?,
            environment: environment.into_iter().map(|e| text(e.as_ref())).collect::<Result<_>>()?,
        })
    }

    /// Becomes the program. Returns only on failure.
    pub fn exec(&self) -> Error {
        let arguments = pointers(&self.arguments);
        let environment = pointers(&self.environment);
        // SAFETY: all strings are NUL-terminated, both arrays end with a null pointer, all outlive the call.
        unsafe { libc::execve(self.path.as_ptr(), arguments.as_ptr(), environment.as_ptr()) };
        Error::new(format!("execve({:?}, {:?})", self.path, self.arguments), last())
    }

    /// Becomes the program that a descriptor stands for; the path is then only its name. Returns only on failure.
    pub fn exec_fd(&self, fd: impl AsFd) -> Error {
        let fd = fd.as_fd();
        let arguments = pointers(&self.arguments);
        let environment = pointers(&self.environment);
        // SAFETY: as in `exec`; the empty path with AT_EMPTY_PATH means the descriptor itself.
        unsafe {
            libc::syscall(
                libc::SYS_execveat,
                fd.as_raw_fd(),
                c"".as_ptr(),
                arguments.as_ptr(),
                environment.as_ptr(),
                libc::AT_EMPTY_PATH,
            )
        };
        Error::new(format!("execveat({}, \"\", {:?}, AT_EMPTY_PATH)", fd.as_raw_fd(), self.arguments), last())
    }
}

/// The array that `execve(2)` wants: one pointer for each string, and a null pointer.
pub(crate) fn pointers(strings: &[CString]) -> Vec<*const libc::c_char> {
    strings.iter().map(|string| string.as_ptr()).chain([std::ptr::null()]).collect()
}

/// Ends the process at once: no `atexit`, no destructors, no flushing. What a forked child must use.
pub fn exit_now(code: i32) -> ! {
    // SAFETY: _exit has no preconditions.
    unsafe { libc::_exit(code) }
}

/// Puts every signal back to its default action, but those that cannot be changed, and unblocks all.
pub fn reset_signals() {
    for signal in 1..=64 {
        // SAFETY: SIG_DFL needs no code; numbers that cannot be changed are refused.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    // SAFETY: an all-zero sigset_t is what sigemptyset makes; it outlives the call.
    unsafe {
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
    }
}

/// Makes sure that descriptors 0, 1 and 2 are open (on `/dev/null`), so that no file of ours ever takes their number.
pub fn sanitize_stdio() {
    for number in 0..3 {
        // SAFETY: asks for a flag of a descriptor; opens /dev/null with a constant path when it is closed.
        unsafe {
            if libc::fcntl(number, libc::F_GETFD) < 0 {
                libc::open(c"/dev/null".as_ptr(), libc::O_RDWR);
            }
        }
    }
}

fn last() -> Errno {
    Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)
}

fn check(result: i64) -> std::io::Result<()> {
    if result >= 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

/// A descriptor for the process with an id given as a plain number.
pub fn open_raw(pid: i32) -> Result<OwnedFd> {
    let pid = Pid::from_raw(pid).ok_or(Errno::SRCH).call(|| format!("pidfd_open({pid})"))?;
    open(pid)
}

/// The id of the process a pidfd stands for, in the caller's pid namespace, from the descriptor's `fdinfo`.
pub fn id(pidfd: impl AsFd) -> Result<Pid> {
    let path = format!("/proc/self/fdinfo/{}", pidfd.as_fd().as_raw_fd());
    let text = crate::file::read(Path::new(&path))?;
    let pid = text.lines().find_map(|line| line.strip_prefix("Pid:")?.trim().parse::<i32>().ok());
    pid.and_then(Pid::from_raw).ok_or(Errno::SRCH).call(|| format!("read({path:?})"))
}

/// Whether the process a pidfd stands for ends within a time.
pub fn ends_within(pidfd: impl AsFd, time: std::time::Duration) -> Result<bool> {
    let deadline = std::time::Instant::now() + time;
    loop {
        let left = deadline.saturating_duration_since(std::time::Instant::now());
        let timeout = rustix::event::Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: left.subsec_nanos().into(),
        };
        let mut fds = [rustix::event::PollFd::from_borrowed_fd(pidfd.as_fd(), rustix::event::PollFlags::IN)];
        match rustix::event::poll(&mut fds, Some(&timeout)) {
            Err(Errno::INTR) => {}
            result => return result.map(|ready| ready > 0).call(|| "poll(pidfd)"),
        }
    }
}

/// Closes the copy of a descriptor that a fork has left in this process, while the value that owns it stays with the
/// other side's part of the program.
pub fn close_quietly(fd: impl AsFd) {
    // SAFETY: after a fork both processes own a copy; this process never uses or drops the value again, because its
    // part of the program ends with exec or exit_now.
    unsafe { libc::close(fd.as_fd().as_raw_fd()) };
}

/// Closes every descriptor from `first` on but those to keep, in a process that a fork has just made, while the values
/// that own them stay with the other side's part of the program.
pub fn close_all_but(first: u32, keep: &[BorrowedFd<'_>]) -> Result<()> {
    let mut numbers: Vec<u32> = keep.iter().filter_map(|fd| u32::try_from(fd.as_raw_fd()).ok()).collect();
    numbers.sort_unstable();
    let mut next = first;
    for number in numbers.into_iter().filter(|number| *number >= first).chain([u32::MAX]) {
        if number > next {
            close_range(next, number - 1)?;
        }
        next = number.saturating_add(1);
    }
    Ok(())
}

fn close_range(first: u32, last: u32) -> Result<()> {
    // SAFETY: as in `close_quietly`.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
    check(result).call(|| format!("close_range({first}, {last}, 0)"))
}

/// Starts a session of its own, without a controlling terminal. The leader of a session stays what it is.
pub fn start_session() {
    let _ = rustix::process::setsid();
}

/// Sets the file mode creation mask.
pub fn set_umask(mask: u32) {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(mask));
}

/// Sets the file mode creation mask of the calling thread alone, which from then on has a working directory of its own too.
pub fn set_own_umask(mask: u32) -> Result<()> {
    // SAFETY: CLONE_FS touches neither memory nor descriptors: umask, root and working directory become this thread's.
    let result = unsafe { libc::unshare(libc::CLONE_FS) };
    check(result.into()).call(|| "unshare(CLONE_FS)")?;
    set_umask(mask);
    Ok(())
}

/// Goes to a directory.
pub fn change_directory(path: &Path) -> Result<()> {
    rustix::process::chdir(path).call(|| format!("chdir({path:?})"))
}

/// Goes to the directory a descriptor stands for.
pub fn change_directory_to(directory: impl AsFd) -> Result<()> {
    let directory = directory.as_fd();
    rustix::process::fchdir(directory).call(|| format!("fchdir({})", directory.as_raw_fd()))
}

/// Makes the current directory the root.
pub fn change_root_here() -> Result<()> {
    rustix::process::chroot(".").call(|| "chroot(\".\")")
}

/// The current directory as the kernel names it: `(unreachable)` before it when it lies outside of the root.
pub fn current_directory() -> Result<String> {
    let path = rustix::process::getcwd(Vec::new()).call(|| "getcwd()")?;
    Ok(path.to_string_lossy().into_owned())
}

/// Whether this process may execute a file, by its effective ids.
pub fn may_execute(path: &Path) -> bool {
    rustix::fs::accessat(rustix::fs::CWD, path, rustix::fs::Access::EXEC_OK, rustix::fs::AtFlags::EACCESS)
        .is_ok()
}

/// Sets the host name of this process's UTS namespace.
pub fn set_hostname(name: &str) -> Result<()> {
    rustix::system::sethostname(name.as_bytes()).call(|| format!("sethostname({name:?})"))
}

/// Sets the NIS domain name of this process's UTS namespace.
pub fn set_domainname(name: &str) -> Result<()> {
    // SAFETY: pointer and length are those of one string that outlives the call.
    let result = unsafe { libc::setdomainname(name.as_ptr().cast(), name.len()) };
    check(result.into()).call(|| format!("setdomainname({name:?})"))
}

/// Makes a terminal this session's controlling one and its standard streams, and gives it to a user.
pub fn take_terminal(terminal: &OwnedFd, uid: u32) -> Result<()> {
    // SAFETY: TIOCSCTTY takes a plain number; dup2 only makes 0, 1 and 2 copies of an open descriptor.
    unsafe {
        check(libc::ioctl(terminal.as_raw_fd(), libc::TIOCSCTTY, 0).into()).call(|| "ioctl(TIOCSCTTY)")?;
        for number in 0..3 {
            check(libc::dup2(terminal.as_raw_fd(), number).into())
                .call(|| format!("dup2(terminal, {number})"))?;
        }
    }
    give_stdio_to(uid);
    Ok(())
}

/// Gives the standard streams to a user, so that it may open `/dev/stdout`. What is not ours to give, or is `/dev/null`,
/// stays as it is.
pub fn give_stdio_to(uid: u32) {
    let streams = [rustix::stdio::stdin(), rustix::stdio::stdout(), rustix::stdio::stderr()];
    for stream in streams {
        let Ok(stat) = rustix::fs::fstat(stream) else { continue };
        let kind = rustix::fs::FileType::from_raw_mode(stat.st_mode);
        let is_null =
            kind == rustix::fs::FileType::CharacterDevice && stat.st_rdev == rustix::fs::makedev(1, 3);
        // A regular file is one the caller redirected to: it is the caller's.
        if stat.st_uid == uid || is_null || kind == rustix::fs::FileType::RegularFile {
            continue;
        }
        let _ = rustix::fs::fchown(stream, Some(rustix::fs::Uid::from_raw(uid)), None);
    }
}

/// Effective user and group id.
pub fn effective_ids() -> (u32, u32) {
    (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw())
}

/// Whether this process is in the machine's first user namespace: there all ids are mapped to themselves.
pub fn in_first_user_namespace() -> bool {
    let map = crate::file::read(Path::new("/proc/self/uid_map")).unwrap_or_default();
    map.split_ascii_whitespace().eq(["0", "0", "4294967295"])
}

/// The number the next descriptor of this process will get.
pub fn lowest_free_fd() -> Result<i32> {
    let probe = rustix::fs::memfd_create("probe", rustix::fs::MemfdFlags::CLOEXEC)
        .call(|| "memfd_create(\"probe\")")?;
    Ok(probe.as_raw_fd())
}

/// Takes a copy of another process's descriptor (`pidfd_getfd(2)`, Linux 5.6).
pub fn take_fd(pidfd: impl AsFd, number: i32) -> Result<OwnedFd> {
    let pidfd = pidfd.as_fd();
    // SAFETY: plain numbers; the result is a new descriptor that nobody else owns.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_getfd, pidfd.as_raw_fd(), number, 0) };
    check(fd).call(|| format!("pidfd_getfd({}, {number})", pidfd.as_raw_fd()))?;
    let fd = i32::try_from(fd).unwrap_or(-1);
    // SAFETY: as above.
    Ok(unsafe { std::os::fd::FromRawFd::from_raw_fd(fd) })
}

/// Makes `/dev/null` the standard input.
pub fn close_input() -> Result<()> {
    let null = crate::file::open(Path::new("/dev/null"), crate::file::READ)?;
    rustix::stdio::dup2_stdin(&null).call(|| "dup2(/dev/null, 0)")
}

/// Makes `/dev/null` the standard streams, so that whoever waits for their end does not wait for this process.
pub fn detach_stdio() {
    let Ok(null) = crate::file::open(Path::new("/dev/null"), rustix::fs::OFlags::RDWR) else { return };
    let _ = rustix::stdio::dup2_stdin(&null);
    let _ = rustix::stdio::dup2_stdout(&null);
    let _ = rustix::stdio::dup2_stderr(&null);
}

/// A descriptor for this very process, for a child to wait on.
pub fn own() -> Result<OwnedFd> {
    open(rustix::process::getpid())
}
