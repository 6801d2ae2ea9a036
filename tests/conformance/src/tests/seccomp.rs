//! `linux.seccomp`: actions, conditions, architectures, flags, the listener.

use std::fs;
use std::os::fd::AsRawFd;

use serde_json::{Value, json};

use crate::bundle::Bundle;
use crate::case::Level::{Must, Should};
use crate::case::{Case, Verdict, case, check, same};
use crate::lab::Lab;

use super::terminal::{accept, listen, receive};

pub(crate) const CASES: &[Case] = &[
    case(
        "seccomp::errno_default",
        "config-linux.md#seccomp",
        Must,
        "`SCMP_ACT_ERRNO` fails the call with EPERM when no errno is given",
        errno_default,
    ),
    case(
        "seccomp::errno_ret",
        "config-linux.md#seccomp",
        Must,
        "`errnoRet` is the error that the call returns",
        errno_ret,
    ),
    case(
        "seccomp::default_errno_ret",
        "config-linux.md#seccomp",
        Must,
        "`defaultErrnoRet` is that of the default action",
        default_errno_ret,
    ),
    case(
        "seccomp::kill",
        "config-linux.md#seccomp",
        Must,
        "`SCMP_ACT_KILL`, `_KILL_PROCESS`, `_KILL_THREAD` end the process with SIGSYS",
        kill,
    ),
    case("seccomp::trap", "config-linux.md#seccomp", Must, "`SCMP_ACT_TRAP` sends SIGSYS", |lab| {
        ends_with_sigsys(lab, "SCMP_ACT_TRAP")
    }),
    case("seccomp::log", "config-linux.md#seccomp", Must, "`SCMP_ACT_LOG` allows the call", |lab| {
        mkdir_gives(lab, &json!({"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_LOG"}), &json!(true))
    }),
    case(
        "seccomp::trace",
        "config-linux.md#seccomp",
        Must,
        "`SCMP_ACT_TRACE` without a tracer gives ENOSYS",
        |lab| {
            mkdir_gives(
                lab,
                &json!({"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_TRACE", "errnoRet": 1}),
                &json!({"error": "ENOSYS"}),
            )
        },
    ),
    case(
        "seccomp::allow_list",
        "config-linux.md#seccomp",
        Must,
        "a default of ERRNO with allowed calls allows those only",
        allow_list,
    ),
    case(
        "seccomp::operators",
        "config-linux.md#seccomp",
        Must,
        "NE LT LE EQ GE GT MASKED_EQ compare an argument, in 64 bits",
        operators,
    ),
    case(
        "seccomp::conditions_are_and",
        "config-linux.md#seccomp",
        Must,
        "the conditions of one rule must all hold; rules for one call are alternatives",
        conditions,
    ),
    case(
        "seccomp::status",
        "config-linux.md#seccomp",
        Must,
        "the program runs in filter mode; without `seccomp` it does not",
        status,
    ),
    case(
        "seccomp::without_no_new_privs",
        "config-linux.md#seccomp",
        Must,
        "a filter does not need noNewPrivileges, nor does it set it",
        without_no_new_privs,
    ),
    case(
        "seccomp::early_calls",
        "config-linux.md#seccomp",
        Must,
        "a filter of calls that a runtime makes for itself (getcwd, chdir, setgroups …) does not break the start",
        early_calls,
    ),
    case(
        "seccomp::architectures",
        "config-linux.md#seccomp",
        Must,
        "the known architectures are accepted, others refused",
        architectures,
    ),
    case(
        "seccomp::flags",
        "config-linux.md#seccomp",
        Must,
        "TSYNC, LOG and SPEC_ALLOW are accepted, unknown flags refused",
        flags,
    ),
    case("seccomp::unknown_action", "config.md#valid-values", Must, "an unknown action is an error", |lab| {
        refused(lab, "the action does not exist", &json!({"names": ["mkdir"], "action": "SCMP_ACT_NO_SUCH"}))
    }),
    case(
        "seccomp::unknown_operator",
        "config.md#valid-values",
        Must,
        "an unknown operator is an error",
        |lab| {
            refused(
                lab,
                "the operator does not exist",
                &json!({"names": ["mkdir"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_NO_SUCH"}]}),
            )
        },
    ),
    case(
        "seccomp::names_required",
        "config-linux.md#seccomp",
        Must,
        "`names` has at least one entry",
        |lab| refused(lab, "names is empty", &json!({"names": [], "action": "SCMP_ACT_ERRNO"})),
    ),
    case(
        "seccomp::errno_of_an_action_without",
        "config-linux.md#seccomp",
        Must,
        "`errnoRet` with an action that has none is an error",
        |lab| {
            refused(
                lab,
                "ALLOW has no errno",
                &json!({"names": ["mkdir"], "action": "SCMP_ACT_KILL", "errnoRet": 5}),
            )
        },
    ),
    case(
        "seccomp::unknown_syscall",
        "config-linux.md#seccomp",
        Should,
        "a call that this kernel's architecture does not have is passed over",
        unknown_syscall,
    ),
    case(
        "seccomp::exec",
        "config-linux.md#seccomp",
        Should,
        "the filter holds for exec'd processes too",
        exec,
    ),
    case(
        "seccomp::listener",
        "config-linux.md#the-container-process-state",
        Must,
        "`SCMP_ACT_NOTIFY`: the listener gets the state, the metadata and the descriptor",
        listener,
    ),
    case(
        "seccomp::listener_missing",
        "config-linux.md#seccomp",
        Must,
        "a listener that cannot be reached is an error",
        listener_missing,
    ),
    case(
        "seccomp::listener_ignored",
        "config-linux.md#seccomp",
        Must,
        "without a NOTIFY action `listenerPath` is ignored",
        listener_ignored,
    ),
];

fn filtered(lab: &Lab, rules: &[Value]) -> Verdict<Bundle> {
    let mut bundle = lab.bundle()?;
    bundle.set("/linux/seccomp", json!({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": rules}));
    Ok(bundle)
}

fn mkdir_gives(lab: &Lab, rule: &Value, want: &Value) -> Verdict {
    let report =
        lab.probe(&mut filtered(lab, std::slice::from_ref(rule))?, &["mkdir=/tmp/made", "create=/tmp/file"])?;
    same("mkdir", &report["mkdir=/tmp/made"], want)?;
    same("another call", &report["create=/tmp/file"], &json!(true))
}

fn errno_default(lab: &Lab) -> Verdict {
    mkdir_gives(
        lab,
        &json!({"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}),
        &json!({"error": "EPERM"}),
    )
}

fn errno_ret(lab: &Lab) -> Verdict {
    mkdir_gives(
        lab,
        &json!({"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28}),
        &json!({"error": "ENOSPC"}),
    )
}

/// Every call of a small program, and those that a runtime makes between loading the filter and exec.
const ENOUGH: &[&str] = &[
    "access",
    "arch_prctl",
    "brk",
    "capget",
    "capset",
    "chdir",
    "clone",
    "clone3",
    "close",
    "close_range",
    "dup",
    "dup2",
    "dup3",
    "epoll_create1",
    "epoll_ctl",
    "epoll_pwait",
    "epoll_wait",
    "eventfd2",
    "execve",
    "exit",
    "exit_group",
    "faccessat",
    "faccessat2",
    "fchdir",
    "fcntl",
    "fstat",
    "fstatfs",
    "futex",
    "getcwd",
    "getdents64",
    "getegid",
    "geteuid",
    "getgid",
    "getpid",
    "getppid",
    "getrandom",
    "getrlimit",
    "gettid",
    "getuid",
    "ioctl",
    "lseek",
    "lstat",
    "madvise",
    "mmap",
    "mprotect",
    "mremap",
    "munmap",
    "nanosleep",
    "clock_nanosleep",
    "clock_gettime",
    "newfstatat",
    "open",
    "openat",
    "openat2",
    "pipe2",
    "poll",
    "ppoll",
    "prctl",
    "pread64",
    "prlimit64",
    "read",
    "readlink",
    "readlinkat",
    "readv",
    "recvmsg",
    "restart_syscall",
    "rseq",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "sched_getaffinity",
    "sched_yield",
    "seccomp",
    "sendmsg",
    "sendto",
    "set_robust_list",
    "set_tid_address",
    "setgid",
    "setgroups",
    "setuid",
    "sigaltstack",
    "socketpair",
    "stat",
    "statfs",
    "statx",
    "tgkill",
    "tkill",
    "kill",
    "uname",
    "wait4",
    "waitid",
    "write",
    "writev",
    "setresuid",
    "setresgid",
    "keyctl",
    "umask",
    "setsid",
    "fchown",
    "getpgrp",
    "getpgid",
    "unlink",
    "recvfrom",
];

fn default_errno_ret(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.set("/linux/seccomp", json!({"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 16, "syscalls": [{"names": ENOUGH, "action": "SCMP_ACT_ALLOW"}]}));
    let report = lab.probe(&mut bundle, &["mkdir=/tmp/made", "read=/etc/issue"])?;
    same("mkdir", &report["mkdir=/tmp/made"]["error"], &json!("EBUSY"))?;
    same("an allowed call", &report["read=/etc/issue"], &json!("the root filesystem\n"))
}

fn allow_list(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    let enough: Vec<&str> = ENOUGH.iter().copied().chain(["mkdir"]).collect();
    bundle.set("/linux/seccomp", json!({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"names": enough, "action": "SCMP_ACT_ALLOW"}]}));
    let report = lab.probe(&mut bundle, &["mkdir=/tmp/made", "hostname=x", "remove=/etc/issue"])?;
    same("an allowed call", &report["mkdir=/tmp/made"], &json!(true))?;
    same("another", &report["hostname=x"]["error"], &json!("EPERM"))
}

fn ends_with_sigsys(lab: &Lab, action: &str) -> Verdict {
    let mut bundle = filtered(lab, &[json!({"names": ["mkdir", "mkdirat"], "action": action})])?;
    bundle.probe(&["create=/tmp/before", "mkdir=/tmp/made", "create=/tmp/after"]);
    let done = lab.call(&["run", "--bundle", &bundle.write()?, &lab.id])?;
    same(&format!("{action}: exit status"), done.code, 128 + 31)?;
    check(bundle.root("/tmp/before").exists(), || "the program did not run".to_owned())?;
    check(!bundle.root("/tmp/after").exists(), || "the program went on".to_owned())?;
    Ok(fs::remove_file(bundle.root("/tmp/before"))?)
}

fn kill(lab: &Lab) -> Verdict {
    let mut bundle = filtered(lab, &[])?;
    for action in ["SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD"] {
        bundle.set("/linux/seccomp/syscalls", json!([{"names": ["mkdir", "mkdirat"], "action": action}]));
        bundle.probe(&["mkdir=/tmp/made", "create=/tmp/after"]);
        let done = lab.call(&["run", "--bundle", &bundle.write()?, &lab.id])?;
        same(&format!("{action}: exit status"), done.code, 128 + 31)?;
        check(!bundle.root("/tmp/after").exists(), || format!("{action}: the program went on"))?;
    }
    Ok(())
}

/// `lseek`'s second argument is a 64-bit number that a test can choose: which of the offsets are refused.
fn refused_offsets(lab: &Lab, args: &[Value], offsets: &[u64]) -> Verdict<Vec<u64>> {
    let rules: Vec<Value> = args
        .iter()
        .map(|args| json!({"names": ["lseek"], "action": "SCMP_ACT_ERRNO", "args": args}))
        .collect();
    let mut bundle = lab.next_bundle()?;
    bundle.set("/linux/seccomp", json!({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": rules}));
    let facts: Vec<String> = offsets.iter().map(|offset| format!("seek={offset}")).collect();
    let report = lab.probe(&mut bundle, &facts.iter().map(String::as_str).collect::<Vec<_>>())?;
    Ok(offsets
        .iter()
        .copied()
        .filter(|offset| report[format!("seek={offset}")]["error"] == "EPERM")
        .collect())
}

fn operators(lab: &Lab) -> Verdict {
    const BIG: u64 = 1 << 32;
    let offsets = [5, 1000, 2000, BIG + 999, BIG + 1000, BIG + 1001, 2 * BIG + 1000];
    for (operator, value, value_two) in [
        ("SCMP_CMP_EQ", BIG + 1000, 0),
        ("SCMP_CMP_NE", BIG + 1000, 0),
        ("SCMP_CMP_LT", BIG + 1000, 0),
        ("SCMP_CMP_LE", BIG + 1000, 0),
        ("SCMP_CMP_GE", BIG + 1000, 0),
        ("SCMP_CMP_GT", BIG + 1000, 0),
        ("SCMP_CMP_MASKED_EQ", BIG | 1023, BIG | 1000),
    ] {
        let holds = |offset: u64| match operator {
            "SCMP_CMP_EQ" => offset == value,
            "SCMP_CMP_NE" => offset != value,
            "SCMP_CMP_LT" => offset < value,
            "SCMP_CMP_LE" => offset <= value,
            "SCMP_CMP_GE" => offset >= value,
            "SCMP_CMP_GT" => offset > value,
            _ => offset & value == value_two,
        };
        let want: Vec<u64> = offsets.iter().copied().filter(|offset| holds(*offset)).collect();
        let args = json!([{"index": 1, "value": value, "valueTwo": value_two, "op": operator}]);
        same(operator, refused_offsets(lab, &[args], &offsets)?, want)?;
    }
    Ok(())
}

fn conditions(lab: &Lab) -> Verdict {
    let equal = |index: u32, value: u64| json!({"index": index, "value": value, "op": "SCMP_CMP_EQ"});
    let offsets = [1, 2, 3];
    let both = refused_offsets(lab, &[json!([equal(1, 1), equal(2, 0)])], &offsets)?;
    same("both hold", both, [1])?;
    let one = refused_offsets(lab, &[json!([equal(1, 1), equal(2, 7)])], &offsets)?;
    check(one.is_empty(), || format!("one of two holds: refused {one:?}"))?;
    let two_rules = refused_offsets(lab, &[json!([equal(1, 1)]), json!([equal(1, 3)])], &offsets)?;
    same("two rules", two_rules, [1, 3])
}

fn status(lab: &Lab) -> Verdict {
    let report = lab.probe(
        &mut filtered(lab, &[json!({"names": ["swapon"], "action": "SCMP_ACT_ERRNO"})])?,
        &["status"],
    )?;
    same("with a filter", &report["status"]["Seccomp"], &json!("2"))?;
    let report = lab.probe(&mut lab.bundle_named("without")?, &["status"])?;
    same("without", &report["status"]["Seccomp"], &json!("0"))
}

fn without_no_new_privs(lab: &Lab) -> Verdict {
    let mut bundle = filtered(lab, &[json!({"names": ["mkdir"], "action": "SCMP_ACT_ERRNO"})])?;
    bundle
        .set("/process/noNewPrivileges", json!(false))
        .set("/process/user", json!({"uid": 1000, "gid": 1000}));
    let report = lab.probe(&mut bundle, &["status", "mkdir=/tmp/made"])?;
    same("Seccomp", &report["status"]["Seccomp"], &json!("2"))?;
    same("NoNewPrivs", &report["status"]["NoNewPrivs"], &json!("0"))
}

fn early_calls(lab: &Lab) -> Verdict {
    let names = [
        "getcwd",
        "chdir",
        "setgroups",
        "setsid",
        "mount",
        "umount2",
        "pivot_root",
        "sethostname",
        "mknod",
        "unshare",
        "setns",
    ];
    let mut bundle = filtered(lab, &[json!({"names": names, "action": "SCMP_ACT_ERRNO"})])?;
    // Without no_new_privs the filter must be loaded early, while there still is CAP_SYS_ADMIN: start with it on.
    let report = lab.probe(&mut bundle, &["cwd", "pid"])?;
    same("getcwd in the program", &report["cwd"]["error"], &json!("EPERM"))
}

fn architectures(lab: &Lab) -> Verdict {
    let mut bundle = filtered(lab, &[json!({"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"})])?;
    let known = ["X86", "X86_64", "X32", "ARM", "AARCH64", "MIPSEL", "PPC64LE"];
    bundle.set("/linux/seccomp/architectures", json!(known.map(|name| format!("SCMP_ARCH_{name}"))));
    let report = lab.probe(&mut bundle, &["mkdir=/tmp/made"])?;
    same("mkdir", &report["mkdir=/tmp/made"]["error"], &json!("EPERM"))?;
    bundle.set("/linux/seccomp/architectures", json!(["SCMP_ARCH_NO_SUCH"])).probe(&[]);
    lab.refused("the architecture does not exist", &["run", "--bundle", &bundle.write()?, &lab.id]).map(drop)
}

fn flags(lab: &Lab) -> Verdict {
    let mut bundle = filtered(lab, &[json!({"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"})])?;
    for flag in ["SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW"] {
        bundle.set("/linux/seccomp/flags", json!([flag]));
        let report = lab.probe(&mut bundle, &["mkdir=/tmp/made"])?;
        same(flag, &report["mkdir=/tmp/made"]["error"], &json!("EPERM"))?;
    }
    bundle.set("/linux/seccomp/flags", json!(["SECCOMP_FILTER_FLAG_NO_SUCH"])).probe(&[]);
    lab.refused("the flag does not exist", &["run", "--bundle", &bundle.write()?, &lab.id]).map(drop)
}

fn refused(lab: &Lab, why: &str, rule: &Value) -> Verdict {
    let mut bundle = filtered(lab, std::slice::from_ref(rule))?;
    bundle.probe(&[]);
    lab.refused(why, &["run", "--bundle", &bundle.write()?, &lab.id]).map(drop)
}

fn unknown_syscall(lab: &Lab) -> Verdict {
    let rule = json!({"names": ["no_such_syscall", "mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"});
    mkdir_gives(lab, &rule, &json!({"error": "EPERM"}))
}

fn exec(lab: &Lab) -> Verdict {
    lab.idle(&mut filtered(lab, &[json!({"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"})])?)?;
    let report = crate::lab::parse(&lab.ok(&["exec", &lab.id, "/probe", "mkdir=/tmp/made"])?)?;
    same("mkdir", &report["mkdir=/tmp/made"]["error"], &json!("EPERM"))
}

fn notifying(lab: &Lab) -> Verdict<Bundle> {
    let mut bundle = filtered(lab, &[json!({"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_NOTIFY"})])?;
    bundle
        .set("/linux/seccomp/listenerPath", json!(lab.text("s.sock")))
        .set("/linux/seccomp/listenerMetadata", json!("some metadata"));
    Ok(bundle)
}

fn listener(lab: &Lab) -> Verdict {
    let socket = listen(lab, "s.sock")?;
    let mut bundle = notifying(lab)?;
    bundle.probe(&["mkdir=/tmp/made"]);
    let path = bundle.write()?;
    let (_, out) = lab.spawn(lab.command(&["run", "--bundle", &path, &lab.id]))?;
    let (data, descriptors) = receive(&accept(lab, &socket)?)?;
    let state: Value = serde_json::from_slice(&data)?;
    same("fds", &state["fds"], &json!(["seccompFd"]))?;
    same("metadata", &state["metadata"], &json!("some metadata"))?;
    check(state["ociVersion"].is_string(), || format!("no ociVersion in {state}"))?;
    check(state["pid"].as_u64().is_some_and(|pid| pid > 1), || format!("pid is {}", state["pid"]))?;
    same("state.id", &state["state"]["id"], &json!(lab.id))?;
    same("state.bundle", &state["state"]["bundle"], &json!(path))?;
    same("descriptors", descriptors.len(), 1)?;
    let link = fs::read_link(format!("/proc/self/fd/{}", descriptors[0].as_raw_fd()))?;
    same("descriptor", link.to_string_lossy().as_ref(), "anon_inode:seccomp notify")?;
    // The listener's end leaves the waiting call with ENOSYS.
    drop(descriptors);
    lab.until("the program's report", || fs::read_to_string(&out).ok()?.contains("ENOSYS").then_some(()))
}

fn listener_missing(lab: &Lab) -> Verdict {
    let mut bundle = notifying(lab)?;
    bundle.probe(&[]);
    lab.refused("nobody listens", &["run", "--bundle", &bundle.write()?, &lab.id]).map(drop)
}

fn listener_ignored(lab: &Lab) -> Verdict {
    let mut bundle = notifying(lab)?;
    bundle.set("/linux/seccomp/syscalls/0/action", json!("SCMP_ACT_ERRNO"));
    let report = lab.probe(&mut bundle, &["mkdir=/tmp/made"])?;
    same("mkdir", &report["mkdir=/tmp/made"]["error"], &json!("EPERM"))
}
