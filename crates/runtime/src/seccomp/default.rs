//! The profile of containers that ask for none: what Docker's default profile allows, in our words.
//!
//! A list of what is allowed; everything else is `EPERM`, and what is newer than the list `ENOSYS`. Absent are
//! calls that reach the kernel's own state (modules, clocks, swap, reboot, keys), calls with a history of holes
//! that programs do without (`userfaultfd`, `io_uring`, `bpf`), and calls that make namespaces. Capabilities bring
//! back the calls that are of no use without them.
//!
//! One hole is known and Docker's too: on 32-bit x86, `socketcall` opens the socket families that `socket` does not,
//! since a filter cannot see its arguments, and old programs need it.

use super::Arch;
use super::precompiled;
use super::program::Program;
use crate::Result;
use crate::spec::{ArgumentRule, Seccomp, Str, SyscallRule};

/// The capabilities of a container that asks for no others, as in Docker.
pub const DEFAULT_CAPABILITIES: &[&str] = &[
    "CAP_AUDIT_WRITE",
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_MKNOD",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_RAW",
    "CAP_SETFCAP",
    "CAP_SETGID",
    "CAP_SETPCAP",
    "CAP_SETUID",
    "CAP_SYS_CHROOT",
];

/// Allowed always, by subject. Names of all architectures: each takes those that it has.
const ALWAYS: &[&str] = &[
    // Opening, reading, writing.
    "open openat openat2 creat close close_range read readv pread64 preadv preadv2 write writev pwrite64 pwritev \
     pwritev2 lseek _llseek dup dup2 dup3 fcntl fcntl64 ioctl flock pipe pipe2 splice tee vmsplice sendfile \
     sendfile64 copy_file_range",
    // Files and directories.
    "access faccessat faccessat2 stat stat64 lstat lstat64 fstat fstat64 fstatat64 newfstatat statx statfs statfs64 \
     fstatfs fstatfs64 statmount listmount chdir fchdir getcwd getdents getdents64 mkdir mkdirat rmdir mknod mknodat \
     link linkat unlink unlinkat symlink symlinkat readlink readlinkat rename renameat renameat2 chmod fchmod fchmodat \
     fchmodat2 chown chown32 fchown fchown32 fchownat lchown lchown32 umask truncate truncate64 ftruncate ftruncate64 \
     fallocate utime utimes utimensat utimensat_time64 futimesat name_to_handle_at",
    // To disk, and from it ahead of time.
    "sync syncfs fsync fdatasync sync_file_range readahead fadvise64 fadvise64_64 cachestat",
    // Extended attributes.
    "getxattr lgetxattr fgetxattr getxattrat setxattr lsetxattr fsetxattr setxattrat listxattr llistxattr flistxattr \
     listxattrat removexattr lremovexattr fremovexattr removexattrat",
    // Waiting for files and events.
    "poll ppoll ppoll_time64 select _newselect pselect6 pselect6_time64 epoll_create epoll_create1 epoll_ctl \
     epoll_ctl_old epoll_wait epoll_wait_old epoll_pwait epoll_pwait2 eventfd eventfd2 signalfd signalfd4 inotify_init \
     inotify_init1 inotify_add_watch inotify_rm_watch fanotify_mark",
    // Asynchronous input and output of the old kind; io_uring is left out.
    "io_setup io_submit io_cancel io_destroy io_getevents io_pgetevents io_pgetevents_time64",
    // Memory.
    "brk mmap mmap2 munmap mremap mprotect madvise mincore msync mlock mlock2 mlockall munlock munlockall mseal \
     remap_file_pages membarrier memfd_create memfd_secret map_shadow_stack pkey_alloc pkey_free pkey_mprotect",
    // Processes and threads.
    "fork vfork execve execveat exit exit_group wait4 waitid waitpid getpid getppid gettid getpgid getpgrp setpgid \
     getsid setsid set_tid_address pidfd_open pidfd_send_signal process_mrelease prctl arch_prctl modify_ldt \
     set_thread_area get_thread_area rseq set_robust_list get_robust_list restart_syscall uretprobe",
    // Watching and debugging one's own processes: safe since Linux 4.8, when seccomp came to look after the tracer.
    "ptrace process_vm_readv process_vm_writev",
    // Who one is.
    "getuid getuid32 geteuid geteuid32 getgid getgid32 getegid getegid32 getresuid getresuid32 getresgid getresgid32 \
     setuid setuid32 setgid setgid32 setreuid setreuid32 setregid setregid32 setresuid setresuid32 setresgid \
     setresgid32 setfsuid setfsuid32 setfsgid setfsgid32 getgroups getgroups32 setgroups setgroups32 capget capset",
    // Signals.
    "kill tkill tgkill pause sigaltstack sigprocmask sigreturn rt_sigaction rt_sigpending rt_sigprocmask \
     rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo",
    // Threads waiting for one another.
    "futex futex_time64 futex_wait futex_waitv futex_wake futex_requeue",
    // Scheduling and limits.
    "sched_yield sched_getaffinity sched_setaffinity sched_getattr sched_setattr sched_getparam sched_setparam \
     sched_getscheduler sched_setscheduler sched_get_priority_max sched_get_priority_min sched_rr_get_interval \
     sched_rr_get_interval_time64 getpriority setpriority ioprio_get ioprio_set getrlimit setrlimit ugetrlimit \
     prlimit64 getrusage getcpu",
    // Time. Setting the clock fails without its capability.
    "time times gettimeofday nanosleep alarm getitimer setitimer adjtimex clock_adjtime clock_adjtime64 clock_getres \
     clock_getres_time64 clock_gettime clock_gettime64 clock_nanosleep clock_nanosleep_time64 timer_create timer_delete \
     timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime \
     timerfd_gettime64 timerfd_settime timerfd_settime64",
    // Sockets; `socket` has conditions of its own.
    "socketcall socketpair bind connect listen accept accept4 shutdown getsockname getpeername getsockopt setsockopt \
     send sendto sendmsg sendmmsg recv recvfrom recvmsg recvmmsg recvmmsg_time64",
    // System V and POSIX interprocess communication.
    "ipc msgctl msgget msgrcv msgsnd semctl semget semop semtimedop semtimedop_time64 shmat shmctl shmdt shmget \
     mq_open mq_unlink mq_notify mq_getsetattr mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64",
    // The machine, chance, and confining oneself further.
    "uname sysinfo getrandom seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self riscv_hwprobe \
     riscv_flush_icache s390_pci_mmio_read s390_pci_mmio_write s390_runtime_instr",
];

/// Calls of Arm and PowerPC under names of their own.
const ARM: &str = "arm_fadvise64_64 arm_sync_file_range sync_file_range2 breakpoint cacheflush set_tls";
const POWERPC: &str = "sync_file_range2 swapcontext";

/// What each capability brings back.
const BY_CAPABILITY: &[(&str, &str)] = &[
    ("CAP_DAC_READ_SEARCH", "open_by_handle_at"),
    (
        SYS_ADMIN,
        "bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie lsm_get_self_attr \
         lsm_list_modules lsm_set_self_attr mount mount_setattr move_mount open_tree perf_event_open quotactl \
         quotactl_fd setdomainname sethostname setns syslog umount umount2 unshare",
    ),
    ("CAP_SYS_BOOT", "reboot"),
    ("CAP_SYS_CHROOT", "chroot"),
    ("CAP_SYS_MODULE", "delete_module init_module finit_module"),
    ("CAP_SYS_PACCT", "acct"),
    ("CAP_SYS_PTRACE", "kcmp pidfd_getfd process_madvise"),
    ("CAP_SYS_RAWIO", "iopl ioperm"),
    ("CAP_SYS_TIME", "settimeofday stime clock_settime clock_settime64"),
    ("CAP_SYS_TTY_CONFIG", "vhangup"),
    ("CAP_SYS_NICE", "get_mempolicy mbind set_mempolicy set_mempolicy_home_node"),
    ("CAP_SYSLOG", "syslog"),
    ("CAP_BPF", "bpf"),
    ("CAP_PERFMON", "perf_event_open"),
];

const SYS_ADMIN: &str = "CAP_SYS_ADMIN";

/// Sockets into the kernel's cryptography and to the hypervisor, which no namespace confines.
const AF_ALG: u64 = 38;
const AF_VSOCK: u64 = 40;

/// Execution domains that weaken nothing: Linux and its 32-bit form, each with and without the old version number
/// (`UNAME26`), and the question which one it is.
const PERSONALITIES: &[u64] = &[0, 0x0008, 0x2_0000, 0x2_0008, 0xffff_ffff];

/// Flags of `clone` that make a namespace: mount, cgroup, uts, ipc, user, pid, network.
const NEW_NAMESPACES: u64 = 0x7e02_0000;

/// The default profile for a container with these capabilities, on this machine's architecture.
pub fn default_profile(capabilities: &[&str]) -> Seccomp<'static> {
    profile_for(Arch::NATIVE, capabilities)
}

/// The default profile on any architecture.
pub fn profile_for(arch: Option<Arch>, capabilities: &[&str]) -> Seccomp<'static> {
    let can = |name: &str| capabilities.contains(&name);
    let mut allowed = Vec::with_capacity(384);
    ALWAYS.iter().for_each(|names| split(names, &mut allowed));
    match arch {
        Some(Arch::Aarch64 | Arch::Arm) => split(ARM, &mut allowed),
        Some(Arch::Ppc64Le) => split(POWERPC, &mut allowed),
        _ => {}
    }
    for (_, names) in BY_CAPABILITY.iter().filter(|(capability, _)| can(capability)) {
        split(names, &mut allowed);
    }
    let mut syscalls = vec![allow(allowed, None)];
    for (operator, family) in [("LT", AF_ALG), ("EQ", AF_ALG + 1), ("GT", AF_VSOCK)] {
        syscalls.push(allow(vec!["socket".into()], Some(argument(0, operator, family, 0))));
    }
    for domain in PERSONALITIES {
        syscalls.push(allow(vec!["personality".into()], Some(argument(0, "EQ", *domain, 0))));
    }
    if !can(SYS_ADMIN) {
        // s390 has the flags second.
        let flags = if matches!(arch, Some(Arch::S390 | Arch::S390x)) { 1 } else { 0 };
        let clone = argument(flags, "MASKED_EQ", NEW_NAMESPACES, 0);
        syscalls.push(allow(vec!["clone".into()], Some(clone)));
        // Its flags are in memory, where a filter cannot look: programs fall back to `clone`.
        syscalls.push(SyscallRule {
            names: vec!["clone3".into()],
            action: "SCMP_ACT_ERRNO".into(),
            errno_ret: Some(38),
            args: Vec::new(),
        });
    }
    Seccomp {
        default_action: "SCMP_ACT_ERRNO".into(),
        default_errno_ret: Some(1),
        architectures: family(arch).iter().map(|arch| arch.name().into()).collect(),
        syscalls,
        ..Seccomp::default()
    }
}

/// The program of the default profile with the default capabilities, if that is what a profile is: compiled when
/// Barque was built.
pub(super) fn precompiled(profile: &Seccomp<'_>) -> Option<Result<Program>> {
    let instructions = precompiled::NATIVE?;
    // Most other profiles are told apart without a look at their names.
    if profile.syscalls.len() != precompiled::RULES || *profile != default_profile(DEFAULT_CAPABILITIES) {
        return None;
    }
    Some(Program::new(instructions, barque_sys::seccomp::Flags::SPEC_ALLOW, false))
}

/// An architecture and those whose programs its processors run too.
fn family(arch: Option<Arch>) -> &'static [Arch] {
    match arch {
        Some(Arch::X86_64) => &[Arch::X86_64, Arch::X86, Arch::X32],
        Some(Arch::Aarch64) => &[Arch::Aarch64, Arch::Arm],
        Some(Arch::Mips64) => &[Arch::Mips64, Arch::Mips, Arch::Mips64N32],
        Some(Arch::Mips64N32) => &[Arch::Mips64N32, Arch::Mips, Arch::Mips64],
        Some(Arch::Mipsel64) => &[Arch::Mipsel64, Arch::Mipsel, Arch::Mipsel64N32],
        Some(Arch::Mipsel64N32) => &[Arch::Mipsel64N32, Arch::Mipsel, Arch::Mipsel64],
        Some(Arch::S390x) => &[Arch::S390x, Arch::S390],
        _ => &[],
    }
}

fn split(names: &'static str, into: &mut Vec<Str<'static>>) {
    into.extend(names.split_ascii_whitespace().map(Str::from));
}

fn allow(names: Vec<Str<'static>>, argument: Option<ArgumentRule<'static>>) -> SyscallRule<'static> {
    SyscallRule {
        names,
        action: "SCMP_ACT_ALLOW".into(),
        errno_ret: None,
        args: argument.into_iter().collect(),
    }
}

fn argument(index: u32, operator: &str, value: u64, value_two: u64) -> ArgumentRule<'static> {
    ArgumentRule { index, value, value_two, op: format!("SCMP_CMP_{operator}").into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seccomp::simulator::{Call, run};
    use crate::seccomp::{compile, compile_for, tables};

    #[test]
    fn precompiled_programs_are_what_the_compiler_makes() {
        for (arch, instructions) in precompiled::ALL {
            let profile = profile_for(Some(*arch), DEFAULT_CAPABILITIES);
            assert_eq!(profile.syscalls.len(), precompiled::RULES);
            let program = compile_for(&profile, *arch).unwrap();
            assert_eq!(program.instructions(), *instructions, "{arch:?}: run `cargo xtask seccomp`");
        }
        let profile = default_profile(DEFAULT_CAPABILITIES);
        assert_eq!(
            precompiled(&profile).unwrap().unwrap(),
            compile_for(&profile, Arch::NATIVE.unwrap()).unwrap()
        );
        assert_eq!(compile(&profile).unwrap(), precompiled(&profile).unwrap().unwrap());
    }

    #[test]
    fn another_profile_is_not_taken_for_the_default_one() {
        let mut profile = default_profile(DEFAULT_CAPABILITIES);
        profile.syscalls[0].names[7] = "mount".into();
        assert!(precompiled(&profile).is_none());
        let mut profile = default_profile(DEFAULT_CAPABILITIES);
        profile.flags = Some(Vec::new());
        assert!(precompiled(&profile).is_none());
        assert!(precompiled(&default_profile(&["CAP_SYS_ADMIN"])).is_none());
    }

    #[test]
    fn every_name_is_a_system_call_and_listed_once() {
        let everything: Vec<&str> = BY_CAPABILITY.iter().map(|(capability, _)| *capability).collect();
        for arch in [Arch::X86_64, Arch::Aarch64, Arch::Ppc64Le, Arch::S390x] {
            let profile = profile_for(Some(arch), &["CAP_SYS_ADMIN", "CAP_SYS_TIME", "CAP_SYS_PTRACE"]);
            let names = &profile.syscalls[0].names;
            for (place, name) in names.iter().enumerate() {
                assert!(tables::index(name).is_some(), "{name}");
                assert!(!names[..place].contains(name), "{name} twice");
            }
            for name in profile_for(Some(arch), &everything).syscalls.iter().flat_map(|rule| &rule.names) {
                assert!(tables::index(name).is_some(), "{name}");
            }
        }
    }

    #[test]
    fn capabilities_bring_calls_back() {
        const ALLOW: u32 = 0x7fff_0000;
        const EPERM: u32 = 0x0005_0001;
        const ENOSYS: u32 = 0x0005_0026;
        let cases: &[(&str, &[u64], &[&str], u32)] = &[
            ("read", &[], &[], ALLOW),
            ("mount", &[], &[], EPERM),
            ("mount", &[], &["CAP_SYS_ADMIN"], ALLOW),
            ("chroot", &[], &[], EPERM),
            ("chroot", &[], &["CAP_SYS_CHROOT"], ALLOW),
            ("clone", &[0x0011], &[], ALLOW),
            ("clone", &[0x1000_0011], &[], EPERM),
            ("clone", &[0x1000_0011], &["CAP_SYS_ADMIN"], ALLOW),
            ("clone3", &[], &[], ENOSYS),
            ("clone3", &[], &["CAP_SYS_ADMIN"], ALLOW),
            ("personality", &[0x2_0008], &[], ALLOW),
            ("personality", &[0x0004_0000], &[], EPERM),
            ("socket", &[1], &[], ALLOW),
            ("socket", &[38], &["CAP_SYS_ADMIN"], EPERM),
            ("socket", &[39], &[], ALLOW),
            ("socket", &[40], &[], EPERM),
            ("socket", &[45], &[], ALLOW),
            ("socket", &[0x1_0000_0001], &[], ALLOW),
            ("io_uring_setup", &[], &["CAP_SYS_ADMIN"], EPERM),
            ("keyctl", &[], &["CAP_SYS_ADMIN"], EPERM),
            ("syslog", &[], &["CAP_SYSLOG"], ALLOW),
        ];
        for (name, arguments, capabilities, expected) in cases {
            let profile = profile_for(Some(Arch::X86_64), capabilities);
            let program = compile_for(&profile, Arch::X86_64).unwrap();
            let number = Arch::X86_64.numbers()[tables::index(name).unwrap()];
            let mut all = [0; 6];
            all[..arguments.len()].copy_from_slice(arguments);
            let call = Call { number, audit: Arch::X86_64.audit(), arguments: all };
            let answer = run(program.instructions(), &call).0;
            assert_eq!(answer, *expected, "{name}{arguments:x?} with {capabilities:?}");
        }
    }

    #[test]
    fn the_default_filter_is_small_and_quick() {
        let program = compile(&default_profile(DEFAULT_CAPABILITIES)).unwrap();
        assert!(program.instructions().len() < 330, "{} instructions", program.instructions().len());
        let most = (0..500)
            .map(|number| Call { number, audit: Arch::X86_64.audit(), arguments: [0; 6] })
            .map(|call| run(program.instructions(), &call).1)
            .max();
        assert!(most <= Some(17), "{most:?} instructions for one call");
    }
}
