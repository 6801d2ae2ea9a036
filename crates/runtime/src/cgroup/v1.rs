//! The specification's resources as writes to cgroup v1 files.

use std::path::Path;

use super::limits::Limits;
use super::op::{Op, Value};
use crate::spec::{BlockIo, Cpu, HugepageLimit, Memory, Network, ThrottleDevice};
use crate::{Error, Result};

pub(super) fn cpu(cpu: &Cpu<'_>, dir: &Path, limits: &mut Limits) {
    let at = |field, file: &str, value: String| Value::new(field, dir.join(file), value);
    let mut values = Vec::new();
    if let Some(shares) = cpu.shares.filter(|shares| *shares != 0) {
        // An idle group has no weight, and the kernel refuses to give it one.
        if cpu.idle == Some(1) {
            limits.warn("linux.resources.cpu.shares is left out: cpu.idle gives the group the least weight");
        } else {
            values.push(at("linux.resources.cpu.shares", "cpu.shares", shares.to_string()));
        }
    }
    if let Some(idle) = cpu.idle {
        values.insert(0, at("linux.resources.cpu.idle", "cpu.idle", idle.to_string()));
    }
    if let Some(period) = cpu.period.filter(|period| *period != 0) {
        values.push(at("linux.resources.cpu.period", "cpu.cfs_period_us", period.to_string()));
    }
    if let Some(quota) = cpu.quota.filter(|quota| *quota != 0) {
        values.push(at("linux.resources.cpu.quota", "cpu.cfs_quota_us", quota.max(-1).to_string()));
    }
    if let Some(burst) = cpu.burst {
        values.push(at("linux.resources.cpu.burst", "cpu.cfs_burst_us", burst.to_string()));
    }
    if let Some(period) = cpu.realtime_period.filter(|period| *period != 0) {
        values.push(at("linux.resources.cpu.realtimePeriod", "cpu.rt_period_us", period.to_string()));
    }
    if let Some(runtime) = cpu.realtime_runtime.filter(|runtime| *runtime != 0) {
        values.push(at("linux.resources.cpu.realtimeRuntime", "cpu.rt_runtime_us", runtime.to_string()));
    }
    limits.write(values);
}

pub(super) fn memory(memory: &Memory, dir: &Path, limits: &mut Limits) -> Result<()> {
    let at = |field, file: &str, value: String| Value::new(field, dir.join(file), value);
    let given = |bytes: Option<i64>| bytes.filter(|bytes| *bytes != 0).map(|bytes| bytes.max(-1));
    let (limit, mut swap) = (given(memory.limit), given(memory.swap));
    if let (Some(limit), Some(swap)) = (limit, swap)
        && swap > 0
        && (limit < 0 || swap < limit)
    {
        return Err(Error::invalid(format!(
            "linux.resources.memory.swap {swap} is below linux.resources.memory.limit {limit}"
        ))
        .hint("it counts memory and swap together: give at least the memory limit"));
    }
    if limit == Some(-1) && swap.is_none() {
        // Memory cannot be raised above memory and swap: unlimited memory means both.
        swap = Some(-1);
    }
    if let (Some(true), Some(limit)) =
        (memory.check_before_update, limit.and_then(|limit| u64::try_from(limit).ok()))
    {
        limits.ops.push(Op::CheckUsage { file: dir.join("memory.usage_in_bytes"), limit });
    }
    let mut values = Vec::new();
    if let Some(limit) = limit {
        values.push(at("linux.resources.memory.limit", "memory.limit_in_bytes", limit.to_string()));
    }
    if let Some(swap) = swap {
        let value = at("linux.resources.memory.swap", "memory.memsw.limit_in_bytes", swap.to_string());
        // Without swap accounting there is no such file, and no limit to lift.
        values.push(if swap < 0 { value.optional() } else { value });
    }
    limits.write(values);
    let mut single = |value: Value| limits.write(vec![value]);
    if let Some(bytes) = given(memory.reservation) {
        single(at("linux.resources.memory.reservation", "memory.soft_limit_in_bytes", bytes.to_string()));
    }
    if let Some(bytes) = given(memory.kernel_tcp) {
        single(at("linux.resources.memory.kernelTCP", "memory.kmem.tcp.limit_in_bytes", bytes.to_string()));
    }
    if let Some(swappiness) = memory.swappiness {
        swappiness_range(swappiness)?;
        single(at("linux.resources.memory.swappiness", "memory.swappiness", swappiness.to_string()));
    }
    if let Some(disable) = memory.disable_oom_killer {
        let value = u8::from(disable).to_string();
        single(at("linux.resources.memory.disableOOMKiller", "memory.oom_control", value));
    }
    Ok(())
}

fn swappiness_range(swappiness: u64) -> Result<()> {
    if swappiness <= 100 {
        return Ok(());
    }
    Err(Error::invalid(format!("linux.resources.memory.swappiness is {swappiness}")).hint("use 0 to 100"))
}

pub(super) fn block_io(io: &BlockIo, dir: &Path, limits: &mut Limits) {
    let at = |field, file: &str, value: String| Value::new(field, dir.join(file), value);
    // The files of whichever scheduler is there: BFQ's, or before Linux 5.0 CFQ's.
    let mut either = |field, names: &[&str], value: String| {
        limits.ops.push(Op::WriteFirst {
            choices: names.iter().map(|name| at(field, name, value.clone())).collect(),
        });
    };
    if let Some(weight) = io.weight.filter(|weight| *weight != 0) {
        either("linux.resources.blockIO.weight", &["blkio.weight", "blkio.bfq.weight"], weight.to_string());
    }
    if let Some(weight) = io.leaf_weight.filter(|weight| *weight != 0) {
        either("linux.resources.blockIO.leafWeight", &["blkio.leaf_weight"], weight.to_string());
    }
    for device in io.weight_device.iter().flatten() {
        let number = format!("{}:{}", device.major, device.minor);
        if let Some(weight) = device.weight.filter(|weight| *weight != 0) {
            let names = ["blkio.weight_device", "blkio.bfq.weight_device"];
            either("linux.resources.blockIO.weightDevice", &names, format!("{number} {weight}"));
        }
        if let Some(weight) = device.leaf_weight.filter(|weight| *weight != 0) {
            either(
                "linux.resources.blockIO.weightDevice",
                &["blkio.leaf_weight_device"],
                format!("{number} {weight}"),
            );
        }
    }
    for (field, file, devices) in throttles(io) {
        for ThrottleDevice { major, minor, rate } in devices {
            limits.write(vec![at(
                field,
                &format!("blkio.throttle.{file}_device"),
                format!("{major}:{minor} {rate}"),
            )]);
        }
    }
}

/// The four lists of rate limits: field, direction with unit, devices.
pub(super) fn throttles(io: &BlockIo) -> [(&'static str, &'static str, &[ThrottleDevice]); 4] {
    [
        (
            "linux.resources.blockIO.throttleReadBpsDevice",
            "read_bps",
            io.throttle_read_bps_device.as_deref().unwrap_or_default(),
        ),
        (
            "linux.resources.blockIO.throttleWriteBpsDevice",
            "write_bps",
            io.throttle_write_bps_device.as_deref().unwrap_or_default(),
        ),
        (
            "linux.resources.blockIO.throttleReadIOPSDevice",
            "read_iops",
            io.throttle_read_iops_device.as_deref().unwrap_or_default(),
        ),
        (
            "linux.resources.blockIO.throttleWriteIOPSDevice",
            "write_iops",
            io.throttle_write_iops_device.as_deref().unwrap_or_default(),
        ),
    ]
}

pub(super) fn hugetlb(limit: &HugepageLimit<'_>, dir: &Path, limits: &mut Limits) {
    let field = "linux.resources.hugepageLimits";
    let at = |name: &str| {
        Value::new(field, dir.join(format!("hugetlb.{}.{name}", limit.page_size.as_str())), limit.limit)
    };
    // Reservations are counted since Linux 5.7; without a limit on them too, a mapping made in advance slips by.
    limits.write(vec![at("limit_in_bytes")]);
    limits.write(vec![at("rsvd.limit_in_bytes").optional()]);
}

pub(super) fn net_cls(network: &Network<'_>, dir: &Path, limits: &mut Limits) {
    if let Some(class) = network.class_id {
        limits.write(vec![Value::new("linux.resources.network.classID", dir.join("net_cls.classid"), class)]);
    }
}

pub(super) fn net_prio(network: &Network<'_>, dir: &Path, limits: &mut Limits) {
    for priority in &network.priorities {
        let value = format!("{} {}", priority.name.as_str(), priority.priority);
        limits.write(vec![Value::new(
            "linux.resources.network.priorities",
            dir.join("net_prio.ifpriomap"),
            value,
        )]);
    }
}
