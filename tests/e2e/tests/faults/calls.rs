//! The system calls of `create`, `start`, `run`, `exec`, `kill` and `delete`, as `strace -f` shows them.
//!
//! Not here: what the C library does before `main` (`brk`, `mprotect`, `arch_prctl`, `set_tid_address` …), `execve`,
//! by which the filter's own loader goes on, and `exit_group`; nor what only terminals, host names, filters and the
//! waiting side of `start` take, which the tests' containers do not have. A call that no command makes fails the suite.

/// A call's name and number.
pub(crate) type Call = (&'static str, i64);

macro_rules! calls {
    ($($name:ident)*) => { &[$((stringify!($name), libc::$name)),*] };
}

/// All of them.
pub(crate) const ALL: &[Call] = calls!(
    SYS_bind SYS_capget SYS_capset SYS_chdir SYS_clone3 SYS_close SYS_close_range SYS_connect
    SYS_faccessat2 SYS_fchdir SYS_fcntl SYS_flock SYS_fsconfig SYS_fsmount SYS_fsopen SYS_fstat
    SYS_getcwd SYS_getdents64 SYS_getegid SYS_geteuid SYS_getpid SYS_getrandom SYS_getuid
    SYS_keyctl SYS_listen SYS_mkdir SYS_mknodat SYS_mount_setattr SYS_move_mount
    SYS_newfstatat SYS_open SYS_open_tree SYS_openat SYS_openat2 SYS_pidfd_open SYS_pidfd_send_signal
    SYS_pivot_root SYS_ppoll SYS_prctl SYS_prlimit64 SYS_read SYS_readlink SYS_recvmsg SYS_rename SYS_renameat SYS_rmdir
    SYS_rt_sigaction SYS_rt_sigprocmask SYS_sendto SYS_setgroups SYS_setns SYS_setresgid
    SYS_setresuid SYS_setsid SYS_signalfd4 SYS_socket SYS_socketpair SYS_statfs SYS_statx SYS_symlinkat SYS_umask
    SYS_umount2 SYS_unlinkat SYS_unshare SYS_waitid SYS_write
);

/// Without these nothing can be taken away: what is left after they failed is for the next command.
pub(crate) const OF_CLEANING_UP: &[&str] = &[
    "SYS_getdents64",
    "SYS_rmdir",
    "SYS_unlinkat",
    "SYS_openat",
    "SYS_open",
    "SYS_close",
    "SYS_read",
    "SYS_statx",
    "SYS_fstat",
    "SYS_newfstatat",
    "SYS_write",
    "SYS_waitid",
    "SYS_ppoll",
    "SYS_umount2",
    "SYS_pidfd_open",
    "SYS_flock",
    "SYS_pidfd_send_signal",
    "SYS_fcntl",
];

/// These cannot fail in these ways, and are not asked whether they did; or the test's own loader needs them. They only
/// kill.
pub(crate) const NEVER_FAIL: &[&str] = &[
    "SYS_close",
    "SYS_getegid",
    "SYS_geteuid",
    "SYS_getpid",
    "SYS_getuid",
    "SYS_rt_sigaction",
    "SYS_rt_sigprocmask",
    "SYS_umask",
];
