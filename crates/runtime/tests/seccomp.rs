//! Filters in the kernel. Needs no root: `no_new_privs` lets anyone load one.
#![expect(clippy::unwrap_used, reason = "tests; clippy sees only the functions marked as one")]

use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;

use barque_runtime::seccomp::{self, Program};
use barque_runtime::spec;
use rustix::io::Errno;

/// Marks the process that a test starts to have it killed.
const CHILD: &str = "BARQUE_TEST_SECCOMP_CHILD";

fn compile(json: &str) -> Program {
    let profile: spec::Seccomp<'_> = serde_json::from_str(json).unwrap();
    seccomp::compile(&profile).unwrap()
}

/// Runs a body under a filter, in a thread of its own: a filter is its thread's alone, and for good.
fn under<T: Send + 'static>(program: Program, body: impl FnOnce() -> T + Send + 'static) -> T {
    std::thread::spawn(move || {
        rustix::thread::set_no_new_privs(true).unwrap();
        assert!(program.load().unwrap().is_none());
        body()
    })
    .join()
    .unwrap()
}

fn mkdir(path: &str) -> Result<(), Errno> {
    rustix::fs::mkdir(path, rustix::fs::Mode::RWXU)
}

#[test]
fn a_refused_call_gets_its_errno_and_others_pass() {
    let program = compile(
        r#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
            {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28},
            {"names": ["rmdir", "unlinkat"], "action": "SCMP_ACT_ERRNO"}]}"#,
    );
    under(program, || {
        assert_eq!(mkdir("/nowhere/at/all"), Err(Errno::NOSPC));
        assert_eq!(rustix::fs::rmdir("/nowhere/at/all"), Err(Errno::PERM));
        assert_eq!(rustix::fs::access("/nowhere", rustix::fs::Access::EXISTS), Err(Errno::NOENT));
    });
}

#[test]
fn a_condition_looks_at_the_argument() {
    // prctl(PR_SET_NAME) is refused, prctl(PR_GET_NAME) passes.
    let program = compile(
        r#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["prctl"], "action": "SCMP_ACT_ERRNO",
            "errnoRet": 95, "args": [{"index": 0, "value": 15, "op": "SCMP_CMP_EQ"}]}]}"#,
    );
    under(program, || {
        assert_eq!(rustix::thread::set_name(c"other"), Err(Errno::OPNOTSUPP));
        assert!(rustix::thread::name().is_ok());
    });
}

#[test]
fn under_the_default_profile_files_work_and_mounts_do_not() {
    let program = seccomp::compile(&seccomp::default_profile(seccomp::DEFAULT_CAPABILITIES)).unwrap();
    under(program, || {
        assert!(std::fs::read_to_string("/proc/thread-self/status").unwrap().contains("Seccomp:\t2"));
        // Without the filter these are ENOENT for root.
        assert_eq!(rustix::process::pivot_root("/nowhere", "/nowhere"), Err(Errno::PERM));
        assert!(std::thread::spawn(|| 1).join().is_ok());
    });
}

#[test]
fn a_listener_comes_back_as_a_descriptor() {
    let program = compile(
        r#"{"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/run/agent.sock",
            "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_NOTIFY"}]}"#,
    );
    let result = std::thread::spawn(move || {
        rustix::thread::set_no_new_privs(true).unwrap();
        let listener = program.load().unwrap().unwrap();
        // Nobody answers any more: the kernel does.
        drop(listener);
        mkdir("/nowhere/at/all")
    });
    assert_eq!(result.join().unwrap(), Err(Errno::NOSYS));
}

#[test]
fn kill_process_kills_the_process() {
    if std::env::var_os(CHILD).is_some() {
        let program = compile(
            r#"{"defaultAction": "SCMP_ACT_ALLOW",
                "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_KILL_PROCESS"}]}"#,
        );
        under(program, || mkdir("/nowhere/at/all")).unwrap();
        return;
    }
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill_process_kills_the_process"])
        .env(CHILD, "1")
        .status()
        .unwrap();
    assert_eq!(status.signal(), Some(rustix::process::Signal::SYS.as_raw()), "{status}");
}
