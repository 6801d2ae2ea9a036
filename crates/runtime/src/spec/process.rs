//! `process`: what runs in the container.

use serde::{Deserialize, Serialize};

use super::Str;

/// The process to run: by `start`, or by `exec`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Process<'a> {
    /// Whether it gets a terminal of its own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub terminal: bool,
    /// The terminal's size; ignored without `terminal`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub console_size: Option<ConsoleSize>,
    /// Who it runs as, in the container's ids.
    #[serde(borrow, default)]
    pub user: User<'a>,
    /// `argv`; the first element is looked up in the `PATH` of `env`.
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<Str<'a>>,
    /// Windows only; ignored.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub command_line: Option<Str<'a>>,
    /// Its whole environment, `KEY=value`.
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<Str<'a>>,
    /// Its working directory, an absolute path in the container.
    #[serde(borrow)]
    pub cwd: Str<'a>,
    /// Its five capability sets. Absent means none.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub capabilities: Option<Capabilities<'a>>,
    /// Resource limits, `setrlimit(2)`.
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub rlimits: Vec<Rlimit<'a>>,
    /// `PR_SET_NO_NEW_PRIVS`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_new_privileges: bool,
    /// The AppArmor profile it changes to on exec.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub apparmor_profile: Option<Str<'a>>,
    /// `/proc/self/oom_score_adj`, −1000 to 1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oom_score_adj: Option<i32>,
    /// The SELinux label it is executed with.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub selinux_label: Option<Str<'a>>,
    /// `sched_setattr(2)`.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub scheduler: Option<Scheduler<'a>>,
    /// `ioprio_set(2)`.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub io_priority: Option<IoPriority<'a>>,
    /// CPUs for a process of `exec`, before and after it joins its cgroup.
    #[serde(borrow, rename = "execCPUAffinity", default, skip_serializing_if = "Option::is_none")]
    pub exec_cpu_affinity: Option<CpuAffinity<'a>>,
}

/// A terminal's size in characters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct ConsoleSize {
    /// Rows.
    pub height: u16,
    /// Columns.
    pub width: u16,
}

/// Ids, in the container's user namespace.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct User<'a> {
    /// User id.
    pub uid: u32,
    /// Primary group id.
    pub gid: u32,
    /// File mode creation mask; 0022 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub umask: Option<u32>,
    /// Supplementary groups.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub additional_gids: Vec<u32>,
    /// Windows only; ignored.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub username: Option<Str<'a>>,
}

/// The five capability sets, by name (`CAP_CHOWN`).
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
pub struct Capabilities<'a> {
    /// What can ever be gained.
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub bounding: Vec<Str<'a>>,
    /// What the kernel checks.
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub effective: Vec<Str<'a>>,
    /// What survives an exec of a file with inheritable capabilities.
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub inheritable: Vec<Str<'a>>,
    /// What can be made effective.
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub permitted: Vec<Str<'a>>,
    /// What survives the exec of an ordinary program.
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub ambient: Vec<Str<'a>>,
}

/// A resource limit, `getrlimit(2)`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
pub struct Rlimit<'a> {
    /// `RLIMIT_NOFILE` and so on.
    #[serde(borrow, rename = "type")]
    pub kind: Str<'a>,
    /// The limit in force.
    pub soft: u64,
    /// The ceiling of the soft limit.
    pub hard: u64,
}

/// Scheduling policy, `sched_setattr(2)`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
pub struct Scheduler<'a> {
    /// `SCHED_OTHER`, `SCHED_FIFO`, `SCHED_RR`, `SCHED_BATCH`, `SCHED_ISO`, `SCHED_IDLE` or `SCHED_DEADLINE`.
    #[serde(borrow)]
    pub policy: Str<'a>,
    /// For `SCHED_OTHER` and `SCHED_BATCH`: −20 to 19.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nice: Option<i32>,
    /// For `SCHED_FIFO` and `SCHED_RR`: 1 to 99.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<i32>,
    /// `SCHED_FLAG_RESET_ON_FORK` and so on.
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<Str<'a>>,
    /// `SCHED_DEADLINE`: nanoseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<u64>,
    /// `SCHED_DEADLINE`: nanoseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<u64>,
    /// `SCHED_DEADLINE`: nanoseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<u64>,
}

/// I/O priority, `ioprio_set(2)`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
pub struct IoPriority<'a> {
    /// `IOPRIO_CLASS_RT`, `IOPRIO_CLASS_BE` or `IOPRIO_CLASS_IDLE`.
    #[serde(borrow)]
    pub class: Str<'a>,
    /// 0 (highest) to 7.
    pub priority: i32,
}

/// CPU lists (`0-3,7`) for a process of `exec`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CpuAffinity<'a> {
    /// While it still runs outside the container's cgroup.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub initial: Option<Str<'a>>,
    /// Once it is in the container's cgroup.
    #[serde(borrow, rename = "final", default, skip_serializing_if = "Option::is_none")]
    pub final_: Option<Str<'a>>,
}
