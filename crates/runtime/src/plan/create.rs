//! The plan of a container, from top to bottom.

use std::path::{Path, PathBuf};

use super::beside::{self, Beside};
use super::input::{HostFile, Input, NamespacePlan};
use super::mount::{Mount, MountIds, Part, RootSource, Source};
use super::op::{HookPoint, IdMaps, Mark, Op};
use super::process::ProcessOp;
use super::{Plan, devices, init, mounts, processes, validate};
use crate::Result;
use crate::cgroup;
use crate::spec::{Hook, Hooks, NamespaceKind};

/// Makes the plan of a container. Pure: it reads nothing but its input, and needs no privileges.
pub fn make(input: &Input<'_>) -> Result<Plan> {
    validate::spec(input.spec)?;
    let namespaces = NamespacePlan::from_spec(input.spec)?;
    validate::namespaces(input, &namespaces)?;
    let mut plan = Plan::default();
    host_files(&mut plan, input);
    for op in input.rdt.iter().flat_map(|rdt| &rdt.ops) {
        plan.creator(Op::Rdt(op.clone()));
    }
    make_cgroups(&mut plan, input, true);
    if !namespaces.joined.is_empty() {
        plan.creator(Op::ReleaseExecutable);
    }
    clone(&mut plan, input, &namespaces);
    make_cgroups(&mut plan, input, false);
    if let Some(rdt) = &input.rdt {
        // First, while it has the creator's ids and has forked nothing.
        plan.init(Op::Rdt(rdt.join.clone()));
    }
    enter_namespaces(&mut plan, input, &namespaces);
    let beside = Beside::new(input, &namespaces);
    if !beside.can_wait {
        beside.meet(&mut plan, input, &namespaces);
    }
    let readonly_dev = prepare_root(&mut plan, input, &namespaces, &beside)?;
    let_go(&mut plan, input, &namespaces);
    adjust_kernel(&mut plan, input, &namespaces)?;
    runtime_hooks(&mut plan, input);
    if let Some(process) = &input.spec.process {
        processes::through_proc(&mut plan, process);
    }
    switch_root(&mut plan, input, readonly_dev);
    processes::first(&mut plan, input)?;
    Ok(plan)
}

fn host_files(plan: &mut Plan, input: &Input<'_>) {
    for file in &input.files {
        plan.creator(match file.clone() {
            HostFile::Directory { path, mode, owner, kept } => Op::MakeDirectory { path, mode, owner, kept },
            HostFile::Shared(path) => Op::MakeSharedDirectory { path },
            HostFile::Archive { archive, directory } => {
                Op::UnpackArchive { archive, directory, ids: archive_ids(input) }
            }
            HostFile::File(path, text) => Op::WriteFile { path, text },
        });
    }
    if let Some(path) = init::copy(input) {
        plan.creator(Op::CopyProgram { path });
    }
    if let (true, RootSource::Overlay { lower, mount_point, .. }) = (input.options.map_root_ids, &input.root)
    {
        for index in 0..lower.len() {
            let path = layer_place(mount_point, index);
            plan.creator(Op::MakeDirectory { path, mode: 0o711, owner: None, kept: false });
        }
    }
}

/// An unprivileged caller gives files to its subordinate ids from inside a user namespace that has them.
fn archive_ids(input: &Input<'_>) -> Option<IdMaps> {
    let ids = IdMaps::new(input.spec.linux.as_ref()?, &input.host);
    ids.by_tools.then_some(ids)
}

/// On v2 the process is born into its cgroup, so that is made and limited before. On v1 the cgroups are made beside what
/// the new process does meanwhile; of a hybrid machine's v2 tree only the directory is needed before. A scope of
/// systemd's is started around the process.
fn make_cgroups(plan: &mut Plan, input: &Input<'_>, before_clone: bool) {
    let Some(cgroup) = &input.cgroup else { return };
    let is_early = |op: &cgroup::Op| {
        cgroup.born_into().is_some_and(|born| {
            cgroup.group.is_unified || matches!(op, cgroup::Op::Create { dir } if dir == born)
        })
    };
    for op in cgroup.ops.iter().filter(|op| is_early(op) == before_clone && !beside::is_late(op)) {
        plan.creator(Op::Cgroup(op.clone()));
    }
}

/// The new process: a pid namespace can be entered only by being born into it, and a user namespace comes before all
/// others, so that they belong to it. The rest the new process makes itself, beside the creator's work.
fn clone(plan: &mut Plan, input: &Input<'_>, namespaces: &NamespacePlan) {
    if let Some((kind, path)) = namespaces.joined.iter().find(|(kind, _)| *kind == NamespaceKind::Pid) {
        plan.creator(Op::Join { kind: *kind, path: path.clone() });
    }
    let joins_user = namespaces.is_joined(NamespaceKind::User);
    let born_into = |kind: &NamespaceKind| match kind {
        NamespaceKind::User => true,
        NamespaceKind::Pid => !joins_user,
        _ => false,
    };
    plan.creator(Op::Clone {
        namespaces: namespaces.new.iter().copied().filter(born_into).collect(),
        cgroup: input.cgroup.as_ref().and_then(|cgroup| cgroup.born_into()).map(Path::to_owned),
    });
    if namespaces.is_new(NamespaceKind::User) {
        map_ids(plan, input);
    }
}

fn map_ids(plan: &mut Plan, input: &Input<'_>) {
    let Some(linux) = &input.spec.linux else { return };
    plan.creator(Op::MapIds(IdMaps::new(linux, &input.host)));
    plan.creator_reaches(Mark::IdsMapped);
}

fn enter_namespaces(plan: &mut Plan, input: &Input<'_>, namespaces: &NamespacePlan) {
    let joins_user = namespaces.is_joined(NamespaceKind::User);
    if joins_user && input.host.privileged && !input.keeps_groups() {
        plan.init(Op::DropGroups);
    }
    for (kind, path) in &namespaces.joined {
        // The creator has joined the pid namespace already; the mount namespace is joined last of all.
        if !matches!(kind, NamespaceKind::Pid | NamespaceKind::Mount) {
            plan.init(Op::Join { kind: *kind, path: path.clone() });
        }
    }
    if joins_user && namespaces.is_new(NamespaceKind::Pid) {
        plan.init(Op::CloneAgain { new_pid_namespace: true });
    }
    let by_itself = |kind: &NamespaceKind| match kind {
        NamespaceKind::Mount | NamespaceKind::Uts => true,
        NamespaceKind::Network => !beside::makes_network(input, namespaces),
        // Its /dev/mqueue belongs to whoever makes it: not before the user namespace's root is who we are.
        NamespaceKind::Ipc => !namespaces.is_own(NamespaceKind::User),
        _ => false,
    };
    let kinds: Vec<_> = namespaces.new.iter().copied().filter(by_itself).collect();
    if !kinds.is_empty() {
        plan.init(Op::Unshare { kinds: kinds.clone() });
    }
    if kinds.contains(&NamespaceKind::Network) {
        plan.init(Op::LoopbackUp);
    }
    net_devices(plan, input);
    if kinds.contains(&NamespaceKind::Network) && input.options.connection.is_some() {
        plan.init_reaches(Mark::NamespacesMade);
        beside::connect(plan, input);
    }
    if namespaces.is_new(NamespaceKind::Time) {
        let offset = |clock: &str| {
            let offsets = input.spec.linux.as_ref().map(|linux| &linux.time_offsets);
            offsets.and_then(|offsets| offsets.get(clock)).copied().unwrap_or_default()
        };
        plan.init(Op::SetTimeOffsets { monotonic: offset("monotonic"), boottime: offset("boottime") });
    }
}

fn net_devices(plan: &mut Plan, input: &Input<'_>) {
    let Some(linux) = input.spec.linux.as_ref().filter(|linux| !linux.net_devices.is_empty()) else { return };
    plan.init_reaches(Mark::NamespacesMade);
    for (name, device) in &linux.net_devices {
        let inside = device.name.as_ref().unwrap_or(name).to_string();
        plan.creator(Op::MoveNetDevice { name: name.to_string(), inside });
    }
}

/// What the creator does beside the container's own steps, so that on the last ones to its program nobody waits.
fn let_go(plan: &mut Plan, input: &Input<'_>, namespaces: &NamespacePlan) {
    if namespaces.joined.is_empty() {
        plan.creator(Op::ReleaseExecutable);
    }
    let starts_now = input.spec.process.is_some() && !input.options.start_later;
    if starts_now {
        // It was recorded as soon as it existed.
        plan.creator(Op::Signal(Mark::Recorded));
    }
}

/// Returns the change that makes a read-only `/dev` what it is to be: other mounts and devices still go into it.
fn prepare_root(
    plan: &mut Plan,
    input: &Input<'_>,
    namespaces: &NamespacePlan,
    beside: &Beside,
) -> Result<Option<Mount>> {
    let own_mounts = namespaces.is_new(NamespaceKind::Mount);
    let user = namespaces.is_own(NamespaceKind::User);
    let mut spec_mounts = mounts::from_spec(input, namespaces)?;
    spec_mounts.extend(devices::mounted(input, namespaces)?);
    spec_mounts.extend(init::mount(input));
    let mut root = input.root.clone();
    let mut layers = Vec::new();
    // An unprivileged creator has no right to make mounts that its container's root would lack.
    let by_creator = user && input.host.privileged;
    if by_creator && input.options.map_root_ids {
        layers = mapped_layers(input, &mut root);
    }
    let mapped = input.spec.linux.as_ref().filter(|_| by_creator);
    let (spec_mounts, attached) = mounts::prepared(plan, spec_mounts, layers, mapped);
    if user {
        // Later, as another user, its own /proc files are not its own any more: they stay the host root's.
        if let Some(value) = input.spec.process.as_ref().and_then(|process| process.oom_score_adj) {
            plan.init(Op::Process(ProcessOp::SetOomScore { value }));
        }
        if !input.keeps_groups() {
            plan.init(Op::DropGroups);
        }
        plan.init(Op::BecomeRoot);
        if namespaces.is_new(NamespaceKind::Ipc) {
            plan.init(Op::Unshare { kinds: vec![NamespaceKind::Ipc] });
        }
    }
    let propagation = input.spec.linux.as_ref().and_then(|linux| linux.rootfs_propagation.as_deref());
    if own_mounts {
        plan.init(Op::SetPropagation {
            propagation: mounts::host_propagation(propagation).to_owned(),
            after_pivot: false,
        });
        for (slot, path) in attached {
            plan.init(Op::AttachPrepared { slot, path });
        }
        plan.init(Op::AttachRoot(root));
    } else if let Some((kind, path)) =
        namespaces.joined.iter().find(|(kind, _)| *kind == NamespaceKind::Mount)
    {
        plan.init(Op::Join { kind: *kind, path: path.clone() });
        plan.init(Op::AttachRoot(input.root.clone()));
    }
    let mut readonly_dev = None;
    let mut waits = beside.can_wait;
    for mut mount in spec_mounts {
        if waits && !beside::is_independent(&mount) {
            beside.meet(plan, input, namespaces);
            waits = false;
        }
        readonly_dev = mounts::split_readonly_dev(&mut mount).or(readonly_dev);
        plan.init(Op::Mount(mount));
    }
    if waits {
        beside.meet(plan, input, namespaces);
    }
    devices::default_and_listed(plan, input, namespaces)?;
    if let Some(process) = &input.spec.process {
        plan.init(Op::MakeWorkingDirectory { path: process.cwd.to_string() });
    }
    Ok(readonly_dev)
}

/// The lower layers of the root filesystem, to be seen with the container's ids: each becomes a mount of its own beside
/// the overlay's mount point, as overlayfs takes descriptors of detached mounts only since Linux 6.13.
fn mapped_layers(input: &Input<'_>, root: &mut RootSource) -> Vec<Mount> {
    let (Some(linux), RootSource::Overlay { lower, mount_point, .. }) = (&input.spec.linux, root) else {
        return Vec::new();
    };
    let layer = |(index, layer): (usize, &mut PathBuf)| {
        let place = layer_place(mount_point, index);
        let path = std::mem::replace(layer, place.clone());
        let ids =
            MountIds { uids: linux.uid_mappings.clone(), gids: linux.gid_mappings.clone(), recursive: false };
        Mount {
            id_mapping: Some(ids),
            ..Mount::new(Source::Bind { path, recursive: false, subdirectory: None }, place.to_string_lossy())
        }
    };
    lower.iter_mut().enumerate().map(layer).collect()
}

fn layer_place(mount_point: &Path, index: usize) -> PathBuf {
    mount_point.with_file_name(format!("lower{index}"))
}

/// What is set while the host's procfs is still in sight: the container's own could be a fake.
fn adjust_kernel(plan: &mut Plan, input: &Input<'_>, namespaces: &NamespacePlan) -> Result<()> {
    if let Some(name) = &input.spec.hostname {
        plan.init(Op::SetHostname { name: name.to_string() });
    }
    if let Some(name) = &input.spec.domainname {
        plan.init(Op::SetDomainname { name: name.to_string() });
    }
    let Some(linux) = &input.spec.linux else { return Ok(()) };
    for (key, value) in &linux.sysctl {
        validate::sysctl(key, namespaces)?;
        plan.init(Op::SetSysctl { key: key.to_string(), value: value.to_string() });
    }
    Ok(())
}

fn runtime_hooks(plan: &mut Plan, input: &Input<'_>) {
    let Some(hooks) = &input.spec.hooks else { return };
    if !hooks.prestart.is_empty() || !hooks.create_runtime.is_empty() {
        plan.init_reaches(Mark::RootPrepared);
        run(plan, hooks, HookPoint::Prestart);
        run(plan, hooks, HookPoint::CreateRuntime);
        plan.creator_reaches(Mark::HooksRun);
    }
    run(plan, hooks, HookPoint::CreateContainer);
}

/// Adds the hooks of one point, done by the side the specification names.
pub(super) fn run(plan: &mut Plan, hooks: &Hooks<'_>, point: HookPoint) {
    let hooks = owned(hooks_of(hooks, point));
    if hooks.is_empty() {
        return;
    }
    let op = Op::RunHooks { point, hooks };
    match point {
        HookPoint::CreateContainer | HookPoint::StartContainer => plan.init(op),
        _ => plan.creator(op),
    }
}

/// The hooks of one point.
pub(crate) fn hooks_of<'h, 'a>(hooks: &'h Hooks<'a>, point: HookPoint) -> &'h [Hook<'a>] {
    match point {
        HookPoint::Prestart => &hooks.prestart,
        HookPoint::CreateRuntime => &hooks.create_runtime,
        HookPoint::CreateContainer => &hooks.create_container,
        HookPoint::StartContainer => &hooks.start_container,
        HookPoint::Poststart => &hooks.poststart,
        HookPoint::Poststop => &hooks.poststop,
    }
}

/// Hooks that borrow from nothing.
pub(crate) fn owned(hooks: &[Hook<'_>]) -> Vec<Hook<'static>> {
    let text = |texts: &[crate::spec::Str<'_>]| texts.iter().map(|text| text.clone().into_static()).collect();
    let one = |hook: &Hook<'_>| Hook {
        path: hook.path.clone().into_static(),
        args: text(&hook.args),
        env: text(&hook.env),
        timeout: hook.timeout,
    };
    hooks.iter().map(one).collect()
}

fn switch_root(plan: &mut Plan, input: &Input<'_>, readonly_dev: Option<Mount>) {
    let Some(linux) = &input.spec.linux else { return };
    for path in &linux.masked_paths {
        plan.init(Op::MaskPath { path: path.to_string() });
    }
    for path in &linux.readonly_paths {
        plan.init(Op::ReadonlyPath { path: path.to_string() });
    }
    if input.spec.process.as_ref().is_some_and(|process| process.terminal) {
        let size = input.spec.process.as_ref().and_then(|process| process.console_size);
        plan.init(Op::MakeConsole { size: size.map(|size| (size.height, size.width)) });
    }
    if let Some(change) = readonly_dev {
        plan.init(Op::Mount(change));
    }
    if input.spec.root.as_ref().is_some_and(|root| root.readonly) {
        read_only_parts(plan, &input.root);
        plan.init(Op::ReadonlyRoot);
    }
    let by_move = input.options.no_pivot || input.host.rootfs_is_initramfs;
    if by_move {
        plan.init(Op::HideHostViews);
    }
    plan.init(Op::PivotRoot { by_move });
    if let Some(propagation) = &linux.rootfs_propagation {
        plan.init(Op::SetPropagation { propagation: propagation.to_string(), after_pivot: true });
    }
}

/// The parts of a composed root are mounts of their own.
fn read_only_parts(plan: &mut Plan, root: &RootSource) {
    let RootSource::Composed { parts, .. } = root else { return };
    for part in parts {
        let Part::Overlay { path, .. } = part else { continue };
        let mut change = Mount::new(Source::Existing { parameters: Vec::new() }, path.to_string_lossy());
        change.attributes.set = super::mount_options::RDONLY;
        plan.init(Op::Mount(change));
    }
}

/// A path of the spec on the host: relative ones start from the bundle.
pub(super) fn host_path(bundle: &Path, path: &str) -> std::path::PathBuf {
    bundle.join(path)
}
