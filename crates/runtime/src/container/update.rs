//! `update`: limits changed while the container runs.

use barque_sys::file;
use serde_json::Value;

use super::{Container, store};
use crate::cgroup::{self, Layout};
use crate::rdt;
use crate::spec::{Cpu, HugepageLimit, IntelRdt, Memory, Resources, Status};
use crate::{Error, ErrorKind, Result};

impl Container {
    /// Changes the limits that `resources` names; the others stay. What the container has from then on is kept in its
    /// configuration, so that later updates start from there. Returns what the user should know.
    pub fn update(&self, resources: &Resources<'_>) -> Result<Vec<String>> {
        self.locked()?.update_locked(resources)
    }

    fn update_locked(&self, resources: &Resources<'_>) -> Result<Vec<String>> {
        match self.status() {
            Status::Running | Status::Created | Status::Paused => {}
            status => return Err(self.wrong_status("updated", status)),
        }
        let spec = self.spec()?;
        let stored = spec.linux.and_then(|linux| linux.resources).unwrap_or_default();
        let merged = merged_limits(&stored, resources);
        let (ops, warnings) = cgroup::update(&Layout::read()?, self.cgroup()?, &changed(resources, &merged))?;
        let mut before = Vec::new();
        for op in ops {
            before.extend(op.present());
            if let Err(error) = op.execute() {
                // What the kernel has taken is given back: all of an update is done, or nothing of it.
                before.iter().rev().for_each(|op| drop(op.execute()));
                return Err(error);
            }
        }
        self.keep(&merged)?;
        Ok(warnings)
    }

    /// Changes the shares of cache and memory bandwidth.
    pub fn update_rdt(&self, config: &IntelRdt<'_>) -> Result<()> {
        let group = self.record.as_ref().and_then(|record| record.rdt.as_ref()).ok_or_else(|| {
            Error::new(ErrorKind::Conflict, format!("container {:?} has no linux.intelRdt", self.id()))
                .hint("it must have been created with one")
        })?;
        match rdt::shares(config)? {
            Some(text) => group.write(&text),
            None => Ok(()),
        }
    }

    fn keep(&self, resources: &Resources<'_>) -> Result<()> {
        let broken = |error: serde_json::Error| Error::new(ErrorKind::Internal, error.to_string());
        // As a value, so that members that this version does not know stay.
        let mut config: Value = serde_json::from_str(&self.config).map_err(broken)?;
        let resources = serde_json::to_vec(resources).map_err(broken)?;
        config["linux"]["resources"] = serde_json::from_slice(&resources).map_err(broken)?;
        let text = serde_json::to_vec(&config).map_err(broken)?;
        Ok(file::replace(self.directory(), store::CONFIG, &text)?)
    }
}

/// What a container has when what it had is overridden by what an update names. Lists are replaced, except those whose
/// entries have a name.
pub fn merged_limits<'a>(old: &Resources<'a>, new: &Resources<'a>) -> Resources<'a> {
    let mut merged = Resources {
        devices: if new.devices.is_empty() { old.devices.clone() } else { new.devices.clone() },
        memory: both(old.memory, new.memory, memory),
        cpu: both(old.cpu.clone(), new.cpu.clone(), cpu),
        pids: new.pids.or(old.pids),
        block_io: both(old.block_io.clone(), new.block_io.clone(), |old, new| crate::spec::BlockIo {
            weight: new.weight.or(old.weight),
            leaf_weight: new.leaf_weight.or(old.leaf_weight),
            weight_device: new.weight_device.or(old.weight_device),
            throttle_read_bps_device: new.throttle_read_bps_device.or(old.throttle_read_bps_device),
            throttle_write_bps_device: new.throttle_write_bps_device.or(old.throttle_write_bps_device),
            throttle_read_iops_device: new.throttle_read_iops_device.or(old.throttle_read_iops_device),
            throttle_write_iops_device: new.throttle_write_iops_device.or(old.throttle_write_iops_device),
        }),
        hugepage_limits: hugepages(&old.hugepage_limits, &new.hugepage_limits),
        network: both(old.network.clone(), new.network.clone(), |old, new| crate::spec::Network {
            class_id: new.class_id.or(old.class_id),
            priorities: if new.priorities.is_empty() { old.priorities } else { new.priorities },
        }),
        rdma: old.rdma.clone(),
        unified: old.unified.clone(),
    };
    merged.rdma.extend(new.rdma.iter().map(|(device, limits)| (device.clone(), *limits)));
    merged.unified.extend(new.unified.iter().map(|(file, text)| (file.clone(), text.clone())));
    merged
}

fn both<T>(old: Option<T>, new: Option<T>, merge: impl FnOnce(T, T) -> T) -> Option<T> {
    match (old, new) {
        (Some(old), Some(new)) => Some(merge(old, new)),
        (old, new) => new.or(old),
    }
}

fn memory(old: Memory, new: Memory) -> Memory {
    // Unlimited memory means unlimited swap too, unless the update says otherwise.
    let lifted = (new.limit == Some(-1)).then_some(-1);
    Memory {
        limit: new.limit.or(old.limit),
        reservation: new.reservation.or(old.reservation),
        swap: new.swap.or(lifted).or(old.swap),
        kernel: new.kernel.or(old.kernel),
        kernel_tcp: new.kernel_tcp.or(old.kernel_tcp),
        swappiness: new.swappiness.or(old.swappiness),
        disable_oom_killer: new.disable_oom_killer.or(old.disable_oom_killer),
        use_hierarchy: new.use_hierarchy.or(old.use_hierarchy),
        check_before_update: new.check_before_update.or(old.check_before_update),
    }
}

fn cpu<'a>(old: Cpu<'a>, new: Cpu<'a>) -> Cpu<'a> {
    Cpu {
        shares: new.shares.or(old.shares),
        quota: new.quota.or(old.quota),
        burst: new.burst.or(old.burst),
        period: new.period.or(old.period),
        realtime_runtime: new.realtime_runtime.or(old.realtime_runtime),
        realtime_period: new.realtime_period.or(old.realtime_period),
        cpus: new.cpus.or(old.cpus),
        mems: new.mems.or(old.mems),
        idle: new.idle.or(old.idle),
    }
}

fn hugepages<'a>(old: &[HugepageLimit<'a>], new: &[HugepageLimit<'a>]) -> Vec<HugepageLimit<'a>> {
    let is_new = |limit: &&HugepageLimit<'_>| new.iter().any(|other| other.page_size == limit.page_size);
    old.iter().filter(|limit| !is_new(limit)).chain(new).cloned().collect()
}

/// What an update must write: what it names, and beside it what that depends on. A memory limit is written together
/// with that of swap (on v2 the one counts into the other), a quota with its period and burst.
fn changed<'a>(new: &Resources<'a>, merged: &Resources<'a>) -> Resources<'a> {
    let mut changed = new.clone();
    if let (Some(memory), Some(all)) = (&mut changed.memory, merged.memory) {
        memory.check_before_update = all.check_before_update;
        if memory.limit.is_some() || memory.swap.is_some() {
            (memory.limit, memory.swap) = (all.limit, all.swap);
        }
    }
    if let (Some(cpu), Some(all)) = (&mut changed.cpu, &merged.cpu) {
        if cpu.shares.is_some() || cpu.idle.is_some() {
            (cpu.shares, cpu.idle) = (all.shares, all.idle);
        }
        if cpu.quota.is_some() || cpu.period.is_some() || cpu.burst.is_some() {
            (cpu.quota, cpu.period, cpu.burst) = (all.quota, all.period, all.burst);
        }
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(old: &str, new: &str) -> (Value, Value) {
        let parse = |text| serde_json::from_str::<Resources<'_>>(text).unwrap();
        let (old, new) = (parse(old), parse(new));
        let all = merged_limits(&old, &new);
        let value = |resources: &Resources<'_>| serde_json::to_value(resources).unwrap();
        (value(&all), value(&changed(&new, &all)))
    }

    #[test]
    fn an_update_leaves_what_it_does_not_name() {
        for (old, new, all, written) in [
            (
                r#"{"memory":{"limit":10,"swap":20},"pids":{"limit":5}}"#,
                r#"{"memory":{"reservation":3}}"#,
                r#"{"memory":{"limit":10,"swap":20,"reservation":3},"pids":{"limit":5}}"#,
                r#"{"memory":{"reservation":3}}"#,
            ),
            (
                r#"{"memory":{"limit":10,"swap":20}}"#,
                r#"{"memory":{"limit":15}}"#,
                r#"{"memory":{"limit":15,"swap":20}}"#,
                r#"{"memory":{"limit":15,"swap":20}}"#,
            ),
            (
                r#"{"memory":{"limit":10,"swap":20}}"#,
                r#"{"memory":{"limit":-1}}"#,
                r#"{"memory":{"limit":-1,"swap":-1}}"#,
                r#"{"memory":{"limit":-1,"swap":-1}}"#,
            ),
            (
                r#"{"cpu":{"quota":5000,"period":10000,"cpus":"0"}}"#,
                r#"{"cpu":{"quota":7000}}"#,
                r#"{"cpu":{"quota":7000,"period":10000,"cpus":"0"}}"#,
                r#"{"cpu":{"quota":7000,"period":10000}}"#,
            ),
            (
                r#"{"cpu":{"idle":1}}"#,
                r#"{"cpu":{"shares":7}}"#,
                r#"{"cpu":{"idle":1,"shares":7}}"#,
                r#"{"cpu":{"idle":1,"shares":7}}"#,
            ),
            (
                r#"{"unified":{"a.b":"1"},"hugepageLimits":[{"pageSize":"2MB","limit":1}]}"#,
                r#"{"unified":{"c.d":"2"},"hugepageLimits":[{"pageSize":"2MB","limit":9},{"pageSize":"1GB","limit":2}]}"#,
                r#"{"unified":{"a.b":"1","c.d":"2"},"hugepageLimits":[{"pageSize":"2MB","limit":9},{"pageSize":"1GB","limit":2}]}"#,
                r#"{"unified":{"c.d":"2"},"hugepageLimits":[{"pageSize":"2MB","limit":9},{"pageSize":"1GB","limit":2}]}"#,
            ),
            (
                r#"{"devices":[{"allow":false}]}"#,
                r#"{"blockIO":{"weight":100}}"#,
                r#"{"devices":[{"allow":false}],"blockIO":{"weight":100}}"#,
                r#"{"blockIO":{"weight":100}}"#,
            ),
        ] {
            let value = |text| serde_json::from_str::<Value>(text).unwrap();
            assert_eq!(merged(old, new), (value(all), value(written)), "{old} {new}");
        }
    }
}
