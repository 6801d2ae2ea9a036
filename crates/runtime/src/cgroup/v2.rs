//! The specification's resources as writes to cgroup v2 files.

use std::path::Path;

use super::convert::{bytes_or_max, cpu_max, io_weight, swap_max, weight};
use super::limits::Limits;
use super::op::{Op, Value};
use super::v1::throttles;
use crate::spec::{BlockIo, Cpu, HugepageLimit, Memory};
use crate::{Error, Result};

pub(super) fn cpu(cpu: &Cpu<'_>, dir: &Path, limits: &mut Limits) -> Result<()> {
    let at = |field, file: &str, value: String| Value::new(field, dir.join(file), value);
    if cpu.realtime_runtime.unwrap_or(0) != 0 || cpu.realtime_period.unwrap_or(0) != 0 {
        return Err(Error::unsupported(
            "linux.resources.cpu.realtimeRuntime and realtimePeriod on cgroup v2",
        )
        .hint("cgroup v2 has no real-time limits: leave them out"));
    }
    let mut values = Vec::new();
    if let Some(shares) = cpu.shares.filter(|shares| *shares != 0) {
        if cpu.idle == Some(1) {
            limits.warn("linux.resources.cpu.shares is left out: cpu.idle gives the group the least weight");
        } else {
            values.push(at("linux.resources.cpu.shares", "cpu.weight", weight(shares).to_string()));
        }
    }
    if let Some(idle) = cpu.idle {
        values.insert(0, at("linux.resources.cpu.idle", "cpu.idle", idle.to_string()));
    }
    let quota = cpu.quota.filter(|quota| *quota != 0);
    if let Some(max) = cpu_max(quota, cpu.period.filter(|period| *period != 0)) {
        let field = if quota.is_some() { "linux.resources.cpu.quota" } else { "linux.resources.cpu.period" };
        values.push(at(field, "cpu.max", max));
    }
    if let Some(burst) = cpu.burst {
        values.push(at("linux.resources.cpu.burst", "cpu.max.burst", burst.to_string()));
    }
    limits.write(values);
    Ok(())
}

pub(super) fn memory(memory: &Memory, dir: &Path, limits: &mut Limits) -> Result<()> {
    let at = |field, file: &str, value: String| Value::new(field, dir.join(file), value);
    for (given, what) in [
        (memory.swappiness.is_some(), "swappiness"),
        (memory.disable_oom_killer == Some(true), "disableOOMKiller"),
        (memory.kernel_tcp.unwrap_or(0) != 0, "kernelTCP"),
    ] {
        if given {
            limits.warn(&format!("linux.resources.memory.{what} is left out: cgroup v2 has no such setting"));
        }
    }
    if let (Some(true), Some(limit)) =
        (memory.check_before_update, memory.limit.and_then(|limit| u64::try_from(limit).ok()))
        && limit != 0
    {
        limits.ops.push(Op::CheckUsage { file: dir.join("memory.current"), limit });
    }
    // Swap first: a limit lowered below the present use must find swap allowed, or the kernel kills at once.
    if let Some(swap) = swap_max(memory.swap, memory.limit)? {
        let value = at("linux.resources.memory.swap", "memory.swap.max", swap.clone());
        // A kernel without swap accounting, or swap, has no such file, and gives none.
        limits.write(vec![if swap == "max" || swap == "0" { value.optional() } else { value }]);
    }
    if let Some(bytes) = bytes_or_max(memory.limit) {
        limits.write(vec![at("linux.resources.memory.limit", "memory.max", bytes)]);
    }
    if let Some(bytes) = bytes_or_max(memory.reservation) {
        limits.write(vec![at("linux.resources.memory.reservation", "memory.low", bytes)]);
    }
    Ok(())
}

pub(super) fn block_io(io: &BlockIo, dir: &Path, limits: &mut Limits) {
    let at = |field, file: &str, value: String| Value::new(field, dir.join(file), value);
    if let Some(weight) = io.weight.filter(|weight| *weight != 0) {
        let field = "linux.resources.blockIO.weight";
        // BFQ where a disk uses it takes the specification's own range; the cost model takes v2's.
        limits.ops.push(Op::WriteFirst {
            choices: vec![
                at(field, "io.bfq.weight", weight.to_string()),
                at(field, "io.weight", io_weight(weight).to_string()),
            ],
        });
    }
    for device in io.weight_device.iter().flatten() {
        let field = "linux.resources.blockIO.weightDevice";
        let number = format!("{}:{}", device.major, device.minor);
        if let Some(weight) = device.weight.filter(|weight| *weight != 0) {
            limits.ops.push(Op::WriteFirst {
                choices: vec![
                    at(field, "io.bfq.weight", format!("{number} {weight}")),
                    at(field, "io.weight", format!("{number} {}", io_weight(weight))),
                ],
            });
        }
    }
    let leaf = io.leaf_weight.unwrap_or(0) != 0;
    if leaf || io.weight_device.iter().flatten().any(|device| device.leaf_weight.unwrap_or(0) != 0) {
        limits.warn("linux.resources.blockIO.leafWeight is left out: cgroup v2 has no such setting");
    }
    for (field, direction, devices) in throttles(io) {
        let key = match direction {
            "read_bps" => "rbps",
            "write_bps" => "wbps",
            "read_iops" => "riops",
            _ => "wiops",
        };
        for device in devices {
            // v1 takes 0 for no limit.
            let rate = if device.rate == 0 { "max".to_owned() } else { device.rate.to_string() };
            limits.write(vec![at(
                field,
                "io.max",
                format!("{}:{} {key}={rate}", device.major, device.minor),
            )]);
        }
    }
}

pub(super) fn hugetlb(limit: &HugepageLimit<'_>, dir: &Path, limits: &mut Limits) {
    let field = "linux.resources.hugepageLimits";
    let at = |name: &str| {
        Value::new(field, dir.join(format!("hugetlb.{}.{name}", limit.page_size.as_str())), limit.limit)
    };
    limits.write(vec![at("max")]);
    limits.write(vec![at("rsvd.max").optional()]);
}
