//! The part of a plan that changes the process itself: the same for a container's first process and for `exec`.

use serde::Serialize;

use crate::seccomp;

/// A change of the calling process.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProcessOp {
    /// Joins a new session keyring, so that keys of the caller stay out of reach.
    NewKeyring {
        /// Its name.
        name: String,
    },
    /// `/proc/self/oom_score_adj`, while the host's procfs is in sight.
    SetOomScore {
        /// −1000 to 1000.
        value: i32,
    },
    /// `setrlimit(2)`.
    SetLimit {
        /// The name without `RLIMIT_`, lower case: `nofile`.
        name: String,
        /// The kernel's number of it.
        resource: u32,
        /// The limit in force.
        soft: u64,
        /// The ceiling of the soft limit.
        hard: u64,
    },
    /// `sched_setattr(2)`.
    SetScheduler {
        /// The kernel's number of the policy.
        policy: u32,
        /// `SCHED_FLAG_*`.
        flags: u64,
        /// For time-sharing policies.
        nice: i32,
        /// For real-time policies.
        priority: u32,
        /// Nanoseconds, for `SCHED_DEADLINE`: runtime, deadline and period.
        deadline: [u64; 3],
    },
    /// `ioprio_set(2)`.
    SetIoPriority {
        /// 1 real time, 2 best effort, 3 idle.
        class: u8,
        /// 0 (highest) to 7.
        level: u8,
    },
    /// `sched_setaffinity(2)`.
    SetAffinity {
        /// CPU numbers.
        cpus: Vec<usize>,
    },
    /// `set_mempolicy(2)`.
    SetMemoryPolicy {
        /// Mode and its flags, as the kernel numbers them.
        mode: i32,
        /// Node numbers.
        nodes: Vec<usize>,
    },
    /// `personality(2)`.
    SetPersonality {
        /// `PER_LINUX` or `PER_LINUX32`.
        persona: u32,
    },
    /// Writes the label the program gets on exec to `/proc/self/attr/…`, while the host's procfs is in sight.
    SetLabel {
        /// `apparmor` or `selinux`.
        module: String,
        /// Profile or context.
        label: String,
    },
    /// Becomes a user with its groups; capabilities are kept until [`ProcessOp::SetCapabilities`].
    SetUser {
        /// User id.
        uid: u32,
        /// Group id.
        gid: u32,
        /// Supplementary groups; absent where `setgroups(2)` is denied and none are asked for.
        groups: Option<Vec<u32>>,
        /// File mode creation mask.
        umask: u32,
    },
    /// Goes to the working directory, and makes sure that it lies inside the root (CVE-2024-21626).
    ChangeDirectory {
        /// Where in the container.
        path: String,
    },
    /// Finds the program to execute, so that a missing one is told before anything is started.
    FindProgram {
        /// As given: a path, or a name to look up.
        name: String,
        /// The `PATH` to look it up in.
        search: String,
    },
    /// Drops from the bounding set what is not named.
    DropBounding {
        /// Names (`CAP_CHOWN`) that stay.
        keep: Vec<String>,
    },
    /// Sets effective, permitted, inheritable and ambient capabilities.
    SetCapabilities {
        /// What the kernel checks.
        effective: Vec<String>,
        /// What can be made effective.
        permitted: Vec<String>,
        /// What survives the exec of files with inheritable capabilities.
        inheritable: Vec<String>,
        /// What survives the exec of ordinary programs.
        ambient: Vec<String>,
    },
    /// `PR_SET_NO_NEW_PRIVS`.
    SetNoNewPrivileges,
    /// Loads the system call filter.
    LoadSeccomp(Box<LoadSeccomp>),
}

/// A system call filter, and who is asked about calls that it refers to somebody.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LoadSeccomp {
    /// The filter, in hexadecimal `struct sock_filter`s.
    #[serde(serialize_with = "hexadecimal")]
    pub program: seccomp::Program,
    /// The socket whose other end gets the notification descriptor.
    pub listener_path: Option<String>,
    /// Opaque text handed over with it.
    pub listener_metadata: String,
}

fn hexadecimal<S: serde::Serializer>(program: &seccomp::Program, serializer: S) -> Result<S::Ok, S::Error> {
    use std::fmt::Write as _;
    let text = program.to_bytes().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    });
    serializer.serialize_str(&text)
}
