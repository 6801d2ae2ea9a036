//! `--memory…`, `--cpu…`, `--pids-limit`: limits kept by control groups.

use barque_runtime::spec::{Cpu, Memory, Pids, Resources, Str};

use super::{Caller, CgroupVersion, Host, PathKind, throttle};
use crate::flags::Parsed;
use crate::value::{Inexact, integer, number_list, scaled, size};
use crate::{Error, Result};

/// Docker's smallest memory limit: a process needs about as much to start at all.
pub(super) const LEAST_MEMORY: i64 = 6 << 20;

/// All limits, with warnings about those that this kernel cannot keep.
pub(super) fn limits(
    flags: &Parsed,
    caller: &Caller,
    host: &dyn Host,
    warnings: &mut Vec<String>,
) -> Result<Resources<'static>> {
    let resources = Resources {
        memory: memory(flags, caller, host, warnings)?,
        cpu: cpu(flags, host)?,
        pids: pids(flags)?,
        block_io: throttle::block_io(flags, host)?,
        ..Resources::default()
    };
    if caller.cgroups == CgroupVersion::Unavailable
        && let Some(flag) = LIMITS.iter().find(|flag| flags.has(flag))
    {
        return Err(Error::unsupported(format!("--{flag} cannot be kept: no control group is usable here")).hint(
            "run as root, or have a cgroup delegated to this user (systemd-run --user --scope -p Delegate=yes)",
        ));
    }
    Ok(resources)
}

/// Flags that need a cgroup.
const LIMITS: [&str; 20] = [
    "memory",
    "memory-swap",
    "memory-reservation",
    "memory-swappiness",
    "oom-kill-disable",
    "cpus",
    "cpu-period",
    "cpu-quota",
    "cpu-shares",
    "cpuset-cpus",
    "cpuset-mems",
    "pids-limit",
    "blkio-weight",
    "blkio-weight-device",
    "device-read-bps",
    "device-write-bps",
    "device-read-iops",
    "device-write-iops",
    "device-cgroup-rule",
    "cgroup-parent",
];

/// Memory limits, by Docker's rules.
fn memory(
    flags: &Parsed,
    caller: &Caller,
    host: &dyn Host,
    warnings: &mut Vec<String>,
) -> Result<Option<Memory>> {
    let limit = flags.read("memory", size)?.filter(|limit| *limit != 0);
    let reservation = flags.read("memory-reservation", size)?.filter(|size| *size != 0);
    let given_swap = flags.read("memory-swap", |text| if text == "-1" { Ok(-1) } else { size(text) })?;
    let swappiness = swappiness(flags)?;
    let unkillable = flags.switch("oom-kill-disable");
    if limit.is_some_and(|limit| limit < LEAST_MEMORY) {
        return Err(Error::invalid("Minimum memory limit allowed is 6MB").hint("give --memory 6m or more"));
    }
    if reservation.is_some_and(|size| size < LEAST_MEMORY) {
        return Err(Error::invalid("Minimum memory reservation allowed is 6MB")
            .hint("give --memory-reservation 6m or more"));
    }
    if let (Some(limit), Some(reservation)) = (limit, reservation)
        && limit < reservation
    {
        return Err(Error::invalid(
            "Minimum memory limit can not be less than memory reservation limit, see usage",
        )
        .hint("give --memory a larger size than --memory-reservation"));
    }
    let swap = swap(limit, given_swap.filter(|swap| *swap != 0))?;
    let swap = if swap.is_none() || counts_swap(caller, host) {
        swap
    } else {
        if given_swap.is_some_and(|swap| swap > 0) {
            warnings.push("this kernel does not limit swap: --memory-swap is ignored".to_owned());
        }
        None
    };
    let v1 = caller.cgroups == CgroupVersion::V1;
    let mut only_v1 = |given: bool, flag: &str| {
        if given && !v1 {
            warnings.push(format!("cgroup v2 has nothing like --{flag}: it is ignored"));
        }
        given && v1
    };
    let swappiness = swappiness.filter(|_| only_v1(true, "memory-swappiness"));
    let disable_oom_killer = only_v1(unkillable, "oom-kill-disable").then_some(true);
    if disable_oom_killer.is_some() && limit.is_none() {
        warnings.push(
            "--oom-kill-disable without --memory: the whole machine may hang when its memory is used up"
                .to_owned(),
        );
    }
    let memory = Memory { limit, reservation, swap, swappiness, disable_oom_killer, ..Memory::default() };
    Ok((memory != Memory::default()).then_some(memory))
}

/// Memory and swap together; unset means as much swap again as memory.
fn swap(limit: Option<i64>, swap: Option<i64>) -> Result<Option<i64>> {
    match (limit, swap) {
        (None, None) => Ok(None),
        (None, Some(-1)) => Ok(Some(-1)),
        (None, Some(_)) => Err(Error::invalid(
            "You should always set the Memory limit when using Memoryswap limit, see usage",
        )
        .hint("add --memory")),
        (Some(limit), None) => Ok(Some(limit.saturating_mul(2))),
        (Some(limit), Some(swap)) if swap != -1 && swap < limit => {
            Err(Error::invalid("Minimum memoryswap limit should be larger than memory limit, see usage")
                .hint("--memory-swap is memory and swap together: give it at least the size of --memory"))
        }
        (_, swap) => Ok(swap),
    }
}

fn swappiness(flags: &Parsed) -> Result<Option<u64>> {
    match flags.read("memory-swappiness", integer::<i64>)? {
        None | Some(-1) => Ok(None),
        Some(value @ 0..=100) => Ok(u64::try_from(value).ok()),
        Some(value) => {
            Err(Error::invalid(format!("Invalid value: {value}, valid memory swappiness range is 0-100")))
        }
    }
}

/// The default length of a CFS period, in microseconds.
const PERIOD: u64 = 100_000;

/// CPU limits, by Docker's rules.
pub(super) fn cpu(flags: &Parsed, host: &dyn Host) -> Result<Option<Cpu<'static>>> {
    let (mut period, mut quota) = bandwidth(flags)?;
    if let Some(nanos) = flags.read("cpus", nano_cpus)?.filter(|nanos| *nanos != 0) {
        for (given, what) in [(period.is_some(), "CPU Period"), (quota.is_some(), "CPU Quota")] {
            if given {
                return Err(Error::invalid(format!(
                    "conflicting options: Nano CPUs and {what} cannot both be set"
                ))
                .hint("--cpus is both: leave out --cpu-period and --cpu-quota"));
            }
        }
        let online: u64 = number_list(&available(host, CPUS))
            .map_or(1, |list| list.iter().map(|(first, last)| u64::from(last - first) + 1).sum());
        if nanos < 10_000_000 || nanos > online.saturating_mul(1_000_000_000) {
            return Err(Error::invalid(format!(
                "range of CPUs is from 0.01 to {online}.00, as there are only {online} CPUs available"
            )));
        }
        period = Some(PERIOD);
        quota = i64::try_from(nanos / 10_000).ok();
    }
    let shares = flags.read("cpu-shares", integer::<i64>)?.filter(|shares| *shares != 0);
    let shares = match shares {
        Some(shares) => Some(u64::try_from(shares).map_err(|_| {
            Error::invalid(format!("invalid CPU shares ({shares}): value must be a positive integer"))
        })?),
        None => None,
    };
    let cpu = Cpu {
        shares,
        quota,
        period,
        cpus: members(flags, host, "cpuset-cpus", CPUS)?,
        mems: members(flags, host, "cpuset-mems", NODES)?,
        ..Cpu::default()
    };
    Ok((cpu != Cpu::default()).then_some(cpu))
}

fn bandwidth(flags: &Parsed) -> Result<(Option<u64>, Option<i64>)> {
    let period = flags.read("cpu-period", integer::<u64>)?.filter(|period| *period != 0);
    let quota = flags.read("cpu-quota", integer::<i64>)?.filter(|quota| *quota != 0);
    if period.is_some_and(|period| !(1_000..=1_000_000).contains(&period)) {
        return Err(Error::invalid(
            "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)",
        ));
    }
    if quota.is_some_and(|quota| quota > 0 && quota < 1_000) {
        return Err(Error::invalid("CPU cfs quota can not be less than 1ms (i.e. 1000)"));
    }
    Ok((period, quota))
}

/// A number of CPUs in billionths of one.
fn nano_cpus(text: &str) -> std::result::Result<u64, String> {
    match scaled(text, 9) {
        Ok(nanos) => u64::try_from(nanos).map_err(|_| "value is too large".to_owned()),
        Err(Inexact::TooPrecise) => Err("value is too precise".to_owned()),
        Err(Inexact::TooLarge) => Err("value is too large".to_owned()),
        Err(Inexact::NotANumber) => Err(format!("failed to parse {text} as a rational number")),
    }
}

/// The kernel's list of CPUs.
const CPUS: &str = "/sys/devices/system/cpu/online";
/// The kernel's list of memory nodes; missing where there is no NUMA.
const NODES: &str = "/sys/devices/system/node/online";

fn available(host: &dyn Host, path: &str) -> String {
    host.read(path).map_or_else(|_| "0".to_owned(), |text| text.trim().to_owned())
}

/// A set of CPUs or memory nodes, all of which must be there.
fn members(flags: &Parsed, host: &dyn Host, long: &str, path: &str) -> Result<Option<Str<'static>>> {
    let Some(text) = flags.value(long).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let wanted = number_list(text).ok_or_else(|| {
        Error::invalid(format!("Invalid value {text} for {}", long.replace('-', " ")))
            .hint("write a list such as 0-2,4")
    })?;
    let available = available(host, path);
    let there = number_list(&available).unwrap_or_default();
    // Online CPUs are a handful of ranges; each wanted range must lie in one of them.
    let found = |wanted: &(u32, u32)| there.iter().any(|range| range.0 <= wanted.0 && wanted.1 <= range.1);
    if !wanted.iter().all(found) {
        let plural = if path == CPUS { "CPUs" } else { "memory nodes" };
        return Err(Error::invalid(format!(
            "Requested {plural} are not available - requested {text}, available: {available}"
        )));
    }
    Ok(Some(text.to_owned().into()))
}

/// Whether the memory controller counts swap; always so in version 2.
fn counts_swap(caller: &Caller, host: &dyn Host) -> bool {
    const FILE: &str = "/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes";
    caller.cgroups != CgroupVersion::V1 || host.path_kind(FILE) != PathKind::Missing
}

fn pids(flags: &Parsed) -> Result<Option<Pids>> {
    let limit = flags.read("pids-limit", integer::<i64>)?;
    Ok(limit.filter(|limit| *limit > 0).map(|limit| Pids { limit: Some(limit) }))
}
