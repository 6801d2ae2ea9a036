//! From the specification's resources to operations. Pure: no privileges, no I/O.

use std::path::Path;

use super::group::{Access, Group};
use super::join::joins;
use super::layout::Layout;
use super::limits::Limits;
use super::op::Op;
use super::permission;
use super::systemd::{self, Systemd};
use crate::Result;
use crate::spec::Resources;

/// What the caller wants.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// `linux.cgroupsPath`.
    pub cgroups_path: Option<&'a str>,
    /// The container's id.
    pub id: &'a str,
    /// `linux.resources`.
    pub resources: &'a Resources<'a>,
    /// Who asks.
    pub access: Access,
    /// The systemd to ask for a scope; without it the cgroup file system is written directly.
    pub systemd: Option<&'a Systemd>,
}

/// A plan: the container's cgroup, what to do in which order, and what was asked but cannot be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The container's cgroup.
    pub group: Group,
    /// The parent's part: making the cgroup and setting its limits.
    pub ops: Vec<Op>,
    /// The child's part: entering. On v2 the child is better born inside (`CLONE_INTO_CGROUP`).
    pub joins: Vec<Op>,
    /// For the user, one sentence each.
    pub warnings: Vec<String>,
    /// Whether the container can do without: nothing is limited, and the one who asks may have no cgroup of his own
    /// to make others in ([`Plan::permitted`]).
    pub optional: bool,
}

impl Plan {
    /// The v2 directory that the container's process is born into (`CLONE_INTO_CGROUP`): it is there before the process.
    /// With a scope it is the other way round, and all operations follow the process's birth.
    pub fn born_into(&self) -> Option<&Path> {
        self.group.unified.as_deref().filter(|_| self.group.scope.is_none())
    }

    /// The plan, but nothing where it is optional and this process may not carry it out: the container then stays in
    /// the caller's cgroup, as every process of that user does. Looks at the files' permissions, so that it is settled
    /// before anything is made; a plan with limits is kept, and fails with its reason.
    pub fn permitted(self, layout: &Layout) -> Option<Self> {
        (!self.optional || permission::may_make(layout, &self.group)).then_some(self)
    }
}

/// Plans a new container's cgroup.
pub fn plan(layout: &Layout, request: &Request<'_>) -> Result<Plan> {
    let group = match request.systemd {
        Some(systemd) => systemd::locate(layout, systemd, request.cgroups_path, request.id)?,
        None => Group::locate(layout, request.cgroups_path, request.id, request.access)?,
    };
    let mut limits = Limits::new(layout, &group);
    limits.resources(request.resources)?;
    if request.access == Access::Full {
        limits.devices(request.resources)?;
    }
    limits.unified(request.resources)?;
    let Limits { ops, warnings, needs, .. } = limits;
    let optional = request.access == Access::Delegated && ops.is_empty() && group.scope.is_none();
    let mut all: Vec<Op> = group.own_dirs().map(|dir| Op::Create { dir: dir.to_owned() }).collect();
    if let Some(scope) = &group.scope {
        let mut properties = systemd::basics(scope, request.id);
        properties.extend(systemd::properties(&ops));
        all.push(Op::StartScope { scope: scope.clone(), properties });
    }
    all.extend(enables(layout, &group, &needs));
    all.extend(inherits(&group));
    all.extend(ops);
    let joins = joins(&group).map(|file| Op::Join { file }).collect();
    Ok(Plan { ops: all, joins, warnings, optional, group })
}

/// Plans new limits for a container that runs. What `resources` does not name stays as it is; device rules are
/// changed only when there are some.
pub fn update(layout: &Layout, group: &Group, resources: &Resources<'_>) -> Result<(Vec<Op>, Vec<String>)> {
    let mut limits = Limits::new(layout, group);
    limits.resources(resources)?;
    if !resources.devices.is_empty() {
        limits.devices(resources)?;
    }
    limits.unified(resources)?;
    let Limits { mut ops, warnings, .. } = limits;
    if let Some(scope) = &group.scope {
        let properties = systemd::properties(&ops);
        if !properties.is_empty() {
            ops.insert(0, Op::SetProperties { scope: scope.clone(), properties });
        }
    }
    Ok((ops, warnings))
}

/// v2: the controllers that each directory above the container's hands down, from the top.
fn enables(layout: &Layout, group: &Group, needs: &[String]) -> Vec<Op> {
    let (Some(unified), Some(dir)) = (&layout.unified, &group.unified) else { return Vec::new() };
    // Beside v1, only what was asked for: a controller in use on v2 cannot be mounted on v1 any more.
    let wanted = |name: &&String| group.is_unified || needs.contains(name);
    let (required, optional): (Vec<String>, Vec<String>) =
        unified.controllers.iter().filter(wanted).cloned().partition(|name| needs.contains(name));
    if required.is_empty() && optional.is_empty() {
        return Vec::new();
    }
    let mut above: Vec<&Path> =
        dir.ancestors().skip(1).take_while(|above| above.starts_with(&unified.tree.mount_point)).collect();
    above.reverse();
    let enable = |dir: &Path| Op::Enable {
        dir: dir.to_owned(),
        required: required.clone(),
        optional: optional.clone(),
    };
    above.into_iter().map(enable).collect()
}

fn inherits(group: &Group) -> Vec<Op> {
    let inherit =
        |dir: &Path| ["cpuset.cpus", "cpuset.mems"].map(|name| Op::Inherit { file: dir.join(name) });
    group.v1_dir("cpuset").map(inherit).into_iter().flatten().collect()
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
