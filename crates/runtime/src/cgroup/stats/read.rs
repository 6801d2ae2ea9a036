//! Reading the statistics of a container's cgroup.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::super::group::Group;
use super::super::io::{errno, read};
use super::parse::{blkio_v1, io_stat, list, number, numbers, psi, table, usage_all};
use super::{
    BlkioStats, CpuStats, CpuUsage, CpusetStats, HugetlbStats, MemoryStats, MemoryUsage, PidsStats, Psi,
    Stats, Throttling,
};
use crate::Result;

impl Group {
    /// What the container uses now. What this kernel does not count stays zero.
    pub fn stats(&self) -> Result<Stats> {
        let v2 = self.unified.as_deref();
        let psi = |resource: &str| -> Result<Option<Psi>> {
            v2.map_or(Ok(None), |dir| Ok(psi(&text(dir, &format!("{resource}.pressure"))?)))
        };
        let mut cpu = match v2.filter(|_| self.v1_dir("cpuacct").is_none()) {
            Some(dir) => cpu_v2(dir)?,
            None => self.cpu_v1()?,
        };
        cpu.psi = psi("cpu")?;
        let mut memory = self.either("memory", memory_v1, memory_v2)?;
        memory.psi = psi("memory")?;
        let mut blkio = self.either("blkio", blkio, |dir| Ok(io_v2(&text(dir, "io.stat")?)))?;
        blkio.psi = psi("io")?;
        Ok(Stats {
            cpu,
            cpuset: self.either("cpuset", cpuset_v1, cpuset_v2)?,
            memory,
            pids: self.either("pids", pids, pids)?,
            blkio,
            hugetlb: self.either("hugetlb", hugetlb, hugetlb)?,
            rdma: self.either("rdma", rdma, rdma)?,
            ..Stats::default()
        })
    }

    /// How many processes of the container the kernel killed because memory ran out.
    pub fn oom_kills(&self) -> Result<u64> {
        let (dir, file) = match (self.v1_dir("memory"), &self.unified) {
            (Some(dir), _) => (dir, "memory.oom_control"),
            (None, Some(dir)) => (dir.as_path(), "memory.events"),
            (None, None) => return Ok(0),
        };
        Ok(table(&text(dir, file)?).get("oom_kill").copied().unwrap_or(0))
    }

    /// What memory the container uses and has used; a few files instead of the dozens of all statistics.
    pub fn memory_usage(&self) -> Result<MemoryUsage> {
        self.either("memory", |dir| usage_v1(dir, ""), usage_v2)
    }

    /// From the v1 hierarchy that has the controller, else from v2.
    fn either<T: Default>(
        &self,
        controller: &str,
        v1: impl Fn(&Path) -> Result<T>,
        v2: impl Fn(&Path) -> Result<T>,
    ) -> Result<T> {
        match (self.v1_dir(controller), &self.unified) {
            (Some(dir), _) => v1(dir),
            (None, Some(dir)) => v2(dir),
            (None, None) => Ok(T::default()),
        }
    }

    fn cpu_v1(&self) -> Result<CpuStats> {
        let mut cpu = CpuStats::default();
        if let Some(dir) = self.v1_dir("cpuacct") {
            let (percpu_user, percpu_kernel) = usage_all(&text(dir, "cpuacct.usage_all")?);
            cpu.usage = CpuUsage {
                total: value(dir, "cpuacct.usage")?,
                percpu: numbers(&text(dir, "cpuacct.usage_percpu")?),
                percpu_kernel,
                percpu_user,
                kernel: value(dir, "cpuacct.usage_sys")?,
                user: value(dir, "cpuacct.usage_user")?,
            };
        }
        if let Some(dir) = self.v1_dir("cpu") {
            cpu.throttling = throttling(&table(&text(dir, "cpu.stat")?), "throttled_time", 1);
        }
        Ok(cpu)
    }
}

/// The text of a file; empty when the kernel has none.
fn text(dir: &Path, name: &str) -> Result<String> {
    match read(&dir.join(name)) {
        // A pressure file is there but does not open when pressure is switched off.
        Err(error) if matches!(errno(&error), "ENOENT" | "EOPNOTSUPP" | "ENODEV") => Ok(String::new()),
        result => Ok(result?),
    }
}

fn value(dir: &Path, name: &str) -> Result<u64> {
    Ok(number(&text(dir, name)?))
}

fn throttling(stat: &BTreeMap<String, u64>, time: &str, nanoseconds: u64) -> Throttling {
    let field = |name: &str| stat.get(name).copied().unwrap_or(0);
    Throttling {
        periods: field("nr_periods"),
        throttled_periods: field("nr_throttled"),
        throttled_time: field(time) * nanoseconds,
    }
}

fn cpu_v2(dir: &Path) -> Result<CpuStats> {
    let stat = table(&text(dir, "cpu.stat")?);
    let field = |name: &str| stat.get(name).copied().unwrap_or(0) * 1000;
    let usage = CpuUsage {
        total: field("usage_usec"),
        kernel: field("system_usec"),
        user: field("user_usec"),
        ..CpuUsage::default()
    };
    Ok(CpuStats { usage, throttling: throttling(&stat, "throttled_usec", 1000), psi: None })
}

fn usage_v1(dir: &Path, kind: &str) -> Result<MemoryUsage> {
    let value = |name: &str| value(dir, &format!("memory.{kind}{name}"));
    Ok(MemoryUsage {
        limit: value("limit_in_bytes")?,
        usage: value("usage_in_bytes")?,
        max: value("max_usage_in_bytes")?,
        failcnt: value("failcnt")?,
    })
}

fn usage_v2(dir: &Path) -> Result<MemoryUsage> {
    let events = table(&text(dir, "memory.events")?);
    Ok(MemoryUsage {
        limit: value(dir, "memory.max")?,
        usage: value(dir, "memory.current")?,
        max: value(dir, "memory.peak")?,
        failcnt: events.get("max").copied().unwrap_or(0),
    })
}

fn memory_v1(dir: &Path) -> Result<MemoryStats> {
    let entry = |kind: &str| usage_v1(dir, kind);
    let raw = table(&text(dir, "memory.stat")?);
    Ok(MemoryStats {
        cache: raw.get("cache").copied().unwrap_or(0),
        usage: entry("")?,
        swap: entry("memsw.")?,
        kernel: entry("kmem.")?,
        kernel_tcp: entry("kmem.tcp.")?,
        raw,
        psi: None,
    })
}

fn memory_v2(dir: &Path) -> Result<MemoryStats> {
    let raw = table(&text(dir, "memory.stat")?);
    let swap_events = table(&text(dir, "memory.swap.events")?);
    let count = |table: &BTreeMap<String, u64>, name: &str| table.get(name).copied().unwrap_or(0);
    let usage = usage_v2(dir)?;
    let swap = MemoryUsage {
        limit: usage.limit.saturating_add(value(dir, "memory.swap.max")?),
        usage: usage.usage + value(dir, "memory.swap.current")?,
        max: usage.max + value(dir, "memory.swap.peak")?,
        failcnt: count(&swap_events, "max"),
    };
    let kernel = MemoryUsage { usage: count(&raw, "kernel"), ..MemoryUsage::default() };
    Ok(MemoryStats { cache: count(&raw, "file"), usage, swap, kernel, raw, ..MemoryStats::default() })
}

fn pids(dir: &Path) -> Result<PidsStats> {
    let limit = value(dir, "pids.max")?;
    Ok(PidsStats { current: value(dir, "pids.current")?, limit: if limit == u64::MAX { 0 } else { limit } })
}

fn cpuset_v1(dir: &Path) -> Result<CpusetStats> {
    let value = |name: &str| value(dir, &format!("cpuset.{name}"));
    Ok(CpusetStats {
        cpus: list(&text(dir, "cpuset.cpus")?),
        mems: list(&text(dir, "cpuset.mems")?),
        cpu_exclusive: value("cpu_exclusive")?,
        mem_hardwall: value("mem_hardwall")?,
        mem_exclusive: value("mem_exclusive")?,
        memory_migrate: value("memory_migrate")?,
        memory_spread_page: value("memory_spread_page")?,
        memory_spread_slab: value("memory_spread_slab")?,
        memory_pressure: value("memory_pressure")?,
        sched_load_balance: value("sched_load_balance")?,
        sched_relax_domain_level: text(dir, "cpuset.sched_relax_domain_level")?.parse().unwrap_or(-1),
    })
}

fn cpuset_v2(dir: &Path) -> Result<CpusetStats> {
    Ok(CpusetStats {
        cpus: list(&text(dir, "cpuset.cpus.effective")?),
        mems: list(&text(dir, "cpuset.mems.effective")?),
        ..CpusetStats::default()
    })
}

/// BFQ's counts where a disk uses it, else the throttle layer's, which sees every request.
fn blkio(dir: &Path) -> Result<BlkioStats> {
    let mut stats = BlkioStats::default();
    for layer in ["bfq", "throttle"] {
        stats.io_service_bytes_recursive =
            blkio_v1(&text(dir, &format!("blkio.{layer}.io_service_bytes_recursive"))?);
        stats.io_serviced_recursive = blkio_v1(&text(dir, &format!("blkio.{layer}.io_serviced_recursive"))?);
        if !stats.io_service_bytes_recursive.is_empty() {
            break;
        }
    }
    Ok(stats)
}

fn io_v2(text: &str) -> BlkioStats {
    BlkioStats {
        io_service_bytes_recursive: io_stat(
            text,
            [("rbytes", "Read"), ("wbytes", "Write"), ("dbytes", "Discard")],
        ),
        io_serviced_recursive: io_stat(text, [("rios", "Read"), ("wios", "Write"), ("dios", "Discard")]),
        psi: None,
    }
}

fn hugetlb(dir: &Path) -> Result<BTreeMap<String, HugetlbStats>> {
    let mut sizes = BTreeMap::new();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let size = name.strip_prefix("hugetlb.").and_then(|rest| rest.split_once('.'));
        match size {
            Some((size, "usage_in_bytes")) => {
                let value = |name: &str| value(dir, &format!("hugetlb.{size}.{name}"));
                let (usage, max) = (value("usage_in_bytes")?, value("max_usage_in_bytes")?);
                sizes.insert(size.to_owned(), HugetlbStats { usage, max, failcnt: value("failcnt")? });
            }
            Some((size, "current")) => {
                let events = table(&text(dir, &format!("hugetlb.{size}.events"))?);
                let failcnt = events.get("max").copied().unwrap_or(0);
                sizes.insert(size.to_owned(), HugetlbStats { usage: value(dir, &name)?, max: 0, failcnt });
            }
            _ => {}
        }
    }
    Ok(sizes)
}

/// `rdma.current`: `device hca_handle=… hca_object=…`.
fn rdma(dir: &Path) -> Result<BTreeMap<String, BTreeMap<String, u64>>> {
    let line = |line: &str| {
        let (device, counts) = line.split_once(' ')?;
        let count = |word: &str| word.split_once('=').map(|(key, value)| (key.to_owned(), number(value)));
        Some((device.to_owned(), counts.split(' ').filter_map(count).collect()))
    };
    Ok(text(dir, "rdma.current")?.lines().filter_map(line).collect())
}
