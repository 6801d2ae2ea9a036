//! What the creator makes beside the container's first mounts, and where the two meet: cgroups and the network namespace.

use super::Plan;
use super::input::{Input, NamespacePlan};
use super::mount::{Mount, Source};
use super::op::{Mark, Op};
use crate::cgroup;
use crate::spec::NamespaceKind;

/// What the container's side waits for, and when.
pub(super) struct Beside {
    /// Whether mounts that need nothing of it may come first.
    pub(super) can_wait: bool,
    /// Whether the creator makes the network namespace.
    network: bool,
}

impl Beside {
    pub(super) fn new(input: &Input<'_>, namespaces: &NamespacePlan) -> Self {
        // With a user namespace the cgroups are joined before the ids change; in a mount namespace that others have made
        // their files may be out of sight.
        let can_wait = namespaces.is_new(NamespaceKind::Mount) && !namespaces.is_own(NamespaceKind::User);
        Self { can_wait, network: makes_network(input, namespaces) }
    }

    /// The container joins its cgroups by itself, while it has one thread and still the creator's ids, and makes its
    /// cgroup namespace only then: the cgroups it is in become the namespace's root. Then it joins its network.
    pub(super) fn meet(&self, plan: &mut Plan, input: &Input<'_>, namespaces: &NamespacePlan) {
        let born_ready = |cgroup: &&cgroup::Plan| cgroup.group.is_unified && cgroup.born_into().is_some();
        if let Some(cgroup) = input.cgroup.as_ref().filter(|cgroup| !born_ready(cgroup)) {
            plan.creator_reaches(Mark::CgroupsReady);
            for op in v1_joins(cgroup) {
                plan.init(Op::Cgroup(op));
            }
        }
        if namespaces.is_new(NamespaceKind::Cgroup) {
            plan.init(Op::Unshare { kinds: vec![NamespaceKind::Cgroup] });
        }
        if self.network {
            plan.creator(Op::MakeNetwork);
            plan.creator_reaches(Mark::NetworkMade);
            plan.init(Op::JoinNetwork);
            connect(plan, input);
        }
        for op in input.cgroup.iter().flat_map(|cgroup| &cgroup.ops).filter(|op| is_late(op)) {
            plan.creator(Op::Cgroup(op.clone()));
        }
    }
}

/// The creator connects the network beside whatever the container does until its program.
pub(super) fn connect(plan: &mut Plan, input: &Input<'_>) {
    if let Some(connection) = input.options.connection.clone() {
        plan.creator(Op::ConnectNetwork(connection));
    }
}

/// Whether the creator makes the network namespace: it takes longer than all others together, and meanwhile the
/// container's side has its mounts to make. It must be the container's user namespace that owns it, so not with a new
/// one; and devices are moved into it by the id of the container's process, which must be in it then.
pub(super) fn makes_network(input: &Input<'_>, namespaces: &NamespacePlan) -> bool {
    let moves_devices = input.spec.linux.as_ref().is_some_and(|linux| !linux.net_devices.is_empty());
    namespaces.is_new(NamespaceKind::Network)
        && input.host.privileged
        && !namespaces.is_own(NamespaceKind::User)
        && !moves_devices
}

/// Whether a mount needs neither the cgroups nor the network namespace: sysfs shows the one it was mounted in, network
/// file systems use it, and files copied into a tmpfs count for the container's memory.
pub(super) fn is_independent(mount: &Mount) -> bool {
    let is_own = |kind: &str| matches!(kind, "proc" | "tmpfs" | "devpts" | "mqueue");
    !mount.copy_up && matches!(&mount.source, Source::New { kind, .. } if is_own(kind))
}

/// Whether an operation may come after the container has joined its cgroups: the list of devices is for its program.
pub(super) fn is_late(op: &cgroup::Op) -> bool {
    matches!(op, cgroup::Op::DeviceList { .. })
}

/// How the v1 hierarchies are joined; into the v2 tree the process was born.
fn v1_joins(cgroup: &cgroup::Plan) -> impl Iterator<Item = cgroup::Op> {
    let unified = cgroup.group.unified.as_deref();
    let is_unified =
        move |op: &cgroup::Op| matches!(op, cgroup::Op::Join { file } if file.parent() == unified);
    cgroup.joins.iter().filter(move |op| !is_unified(op)).cloned()
}
