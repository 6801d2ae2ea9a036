//! What a container uses at one moment: for `stats`.

use std::time::Instant;

use barque_runtime::cgroup::{BlkioEntry, MemoryStats};
use barque_sys::file;

use crate::{Container, ErrorKind, Result};

/// What a container uses, and since its start has used.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// When it was looked at.
    pub at: Instant,
    /// Processor time so far, in nanoseconds.
    pub cpu: u64,
    /// Memory in bytes, without what the kernel takes back at will.
    pub memory: u64,
    /// How much it may have at most: its limit, or the machine's memory.
    pub memory_limit: u64,
    /// Bytes received and sent on the interfaces of its own network.
    pub network: (u64, u64),
    /// Bytes read from and written to block devices.
    pub block: (u64, u64),
    /// Its tasks.
    pub pids: u64,
}

/// Looks at a container. None of one that does not run.
pub fn sample(container: &Container) -> Result<Option<Sample>> {
    let looked = container.running().and_then(|runtime| {
        let pid = runtime.process.as_ref().map(|process| process.pid);
        Ok((pid, runtime.cgroup()?.stats()?))
    });
    let (pid, stats) = match looked {
        // It has ended, if only just now.
        Err(_) if !container.now().is_ok_and(|now| now.status.is_up()) => return Ok(None),
        looked => looked?,
    };
    let bytes = &stats.blkio.io_service_bytes_recursive;
    // A network that is not its own says nothing of it.
    let own = container.definition.network.mode != "host";
    Ok(Some(Sample {
        at: Instant::now(),
        cpu: stats.cpu.usage.total,
        memory: used(&stats.memory),
        memory_limit: limit(&stats.memory, || file::read("/proc/meminfo".as_ref()).unwrap_or_default()),
        network: match pid.filter(|_| own) {
            Some(pid) => traffic(pid)?,
            None => (0, 0),
        },
        block: (sum(bytes, "Read"), sum(bytes, "Write")),
        pids: stats.pids.current,
    }))
}

impl Sample {
    /// Share of one processor since an earlier look, in percent.
    pub fn cpu_percent(&self, earlier: &Self) -> f64 {
        let used = self.cpu.saturating_sub(earlier.cpu);
        let time = self.at.saturating_duration_since(earlier.at).as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "two digits are shown")]
        let used = used as f64 / 1e9;
        if time > 0.0 { used / time * 100.0 } else { 0.0 }
    }
}

/// As Docker counts: pages of files that nobody has touched for a while are not used.
fn used(memory: &MemoryStats) -> u64 {
    let idle = memory.raw.get("total_inactive_file").or_else(|| memory.raw.get("inactive_file"));
    memory.usage.usage - idle.copied().filter(|idle| *idle < memory.usage.usage).unwrap_or(0)
}

fn limit(memory: &MemoryStats, meminfo: impl Fn() -> String) -> u64 {
    let meminfo = meminfo();
    let total = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:")?.split_whitespace().next());
    let total = total.and_then(|kib| kib.parse::<u64>().ok()).map_or(u64::MAX, |kib| kib * 1024);
    match memory.usage.limit {
        0 => total,
        limit => limit.min(total),
    }
}

fn sum(entries: &[BlkioEntry], operation: &str) -> u64 {
    entries.iter().filter(|entry| entry.op == operation).map(|entry| entry.value).sum()
}

/// Of all interfaces but the loopback, in the network namespace of a process.
fn traffic(pid: i32) -> Result<(u64, u64)> {
    match file::read(format!("/proc/{pid}/net/dev").as_ref()) {
        Ok(text) => Ok(total(&text)),
        // It has just ended: a zombie has no namespaces (EINVAL), one that is reaped no files.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::InvalidArgument) => Ok((0, 0)),
        Err(error) => Err(error.into()),
    }
}

fn total(text: &str) -> (u64, u64) {
    let mut total = (0, 0);
    for (name, counts) in text.lines().filter_map(|line| line.split_once(':')) {
        let counts: Vec<u64> = counts.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        if let (false, [received, .., sent, _, _, _, _, _, _, _]) = (name.trim() == "lo", &counts[..]) {
            total = (total.0 + received, total.1 + sent);
        }
    }
    total
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn interfaces_together() {
        let text = "Inter-|   Receive                                                |  Transmit\n \
            face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n    \
            lo:    9000      90    0    0    0     0          0         0     9000      90    0    0    0     0       0          0\n  \
            eth0:    1000      10    0    0    0     0          0         0      200       2    0    0    0     0       0          0\n  \
            eth1:      11       1    0    0    0     0          0         0        7       1    0    0    0     0       0          0\n";
        assert_eq!(total(text), (1011, 207));
        assert_eq!(total(""), (0, 0));
    }

    #[test]
    fn memory_as_docker_counts_it() {
        for (key, idle, expected) in [
            ("total_inactive_file", 300, 700),
            ("inactive_file", 300, 700),
            ("inactive_file", 2000, 1000),
            ("cache", 300, 1000),
        ] {
            let mut memory = MemoryStats::default();
            memory.usage.usage = 1000;
            memory.raw.insert(key.to_owned(), idle);
            assert_eq!(used(&memory), expected, "{key} {idle}");
        }
        let meminfo = || "MemTotal:        2 kB\nMemFree: 1 kB\n".to_owned();
        for (own, expected) in [(u64::MAX, 2048), (0, 2048), (1000, 1000)] {
            let mut memory = MemoryStats::default();
            memory.usage.limit = own;
            assert_eq!(limit(&memory, meminfo), expected);
        }
    }

    #[test]
    fn a_share_of_a_processor() {
        let at = Instant::now();
        let sample =
            |at, cpu| Sample { at, cpu, memory: 0, memory_limit: 0, network: (0, 0), block: (0, 0), pids: 0 };
        let earlier = sample(at, 1_000_000_000);
        let percent = sample(at + Duration::from_secs(2), 4_000_000_000).cpu_percent(&earlier);
        assert!((percent - 150.0).abs() < 0.001, "{percent}");
        assert!(earlier.cpu_percent(&earlier).abs() < 0.001);
    }
}
