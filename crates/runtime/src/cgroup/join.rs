//! Entering a cgroup.

use std::path::PathBuf;

use super::group::Group;

/// The files to write `0` to, one for each hierarchy.
///
/// On v1 the child writes to each hierarchy's `tasks` while it has one thread: that moves one task and takes no
/// machine-wide lock, while a pid in `cgroup.procs` waits for an RCU grace period (11 ms measured). It does so before
/// it changes its ids, because the kernel checks the permissions of the one who opens the file (CVE-2021-4197).
/// On v2 the child is better born inside, by `CLONE_INTO_CGROUP`; a shell enters by `cgroup.procs`.
pub(super) fn joins(group: &Group) -> impl Iterator<Item = PathBuf> {
    let v1 = group.v1.iter().map(|dir| dir.dir.join("tasks"));
    v1.chain(group.unified.iter().map(|dir| dir.join("cgroup.procs")))
}
