//! Control groups: where they are, what is planned for one container, doing it, and what comes after.
//!
//! [`Layout::read`] finds the hierarchies, [`plan`] turns `linux.resources` into [`Op`]s, which are values: each
//! can be executed, undone, and printed as the shell commands that a person would type. Every controller is
//! served where it is, on v1 or on v2, so that a hybrid machine needs no mode of its own. There the cgroup v2 tree
//! beside v1 is joined too: it has nearly no controllers, but `cgroup.kill`, socket matching by nftables, BPF
//! hooks and the pressure files work through it, and being born there costs the child nothing.
//!
//! Where systemd keeps the cgroups, it is asked for a scope first ([`Systemd`]); the rest is the same.
//!
//! [`Group`] is the container's cgroup later: processes, signals, freezing, statistics, removal.

mod convert;
mod device_filter;
mod devices;
mod execute;
mod group;
mod io;
mod join;
mod layout;
mod limits;
mod oom;
mod op;
mod permission;
mod plan;
mod processes;
mod remove;
mod stats;
mod systemd;
mod v1;
mod v2;

pub use devices::{Access as DeviceAccess, Kind as DeviceKind, Rule as DeviceRule};
pub use group::{Access, Group, Place, V1Dir};
pub use layout::{Hierarchy, Layout, Mode, Tree, Unified};
pub use oom::OomWatch;
pub use op::{Done, Op, Value};
pub use plan::{Plan, Request, plan, update};
pub(crate) use stats::fuzz as fuzz_stats;
pub use stats::{
    BlkioEntry, BlkioStats, CpuStats, CpuUsage, CpusetStats, HugetlbStats, IntelRdtStats, MemoryStats,
    MemoryUsage, PidsStats, Psi, PsiData, Stats, Throttling,
};
pub use systemd::{Property, Scope, Setting, Systemd};
