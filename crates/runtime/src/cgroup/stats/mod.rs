//! What a container uses: the data of `events --stats`, in runc's format.
//!
//! runc leaves out zeros in some places and writes them in others; programs that read it (containerd's shim,
//! podman) take either, so here every number is written and only what does not exist at all is left out.

mod parse;
mod read;

use std::collections::BTreeMap;

use serde::Serialize;

/// Everything that is counted.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Stats {
    /// Processor time.
    pub cpu: CpuStats,
    /// Processors and memory nodes.
    pub cpuset: CpusetStats,
    /// Memory.
    pub memory: MemoryStats,
    /// Number of tasks.
    pub pids: PidsStats,
    /// Block devices.
    pub blkio: BlkioStats,
    /// Huge pages by size.
    pub hugetlb: BTreeMap<String, HugetlbStats>,
    /// RDMA objects by device.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub rdma: BTreeMap<String, BTreeMap<String, u64>>,
    /// Cache allocation: none.
    pub intel_rdt: IntelRdtStats,
    /// Interfaces: not a cgroup's to count.
    pub network_interfaces: Option<()>,
}

/// Present in runc's format; without content here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct IntelRdtStats {}

/// Processor time.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct CpuStats {
    /// How much was used.
    pub usage: CpuUsage,
    /// How often the quota stopped it.
    pub throttling: Throttling,
    /// Waiting for a processor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub psi: Option<Psi>,
}

/// Processor time in nanoseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CpuUsage {
    /// All of it.
    pub total: u64,
    /// By processor; v1 only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub percpu: Vec<u64>,
    /// In the kernel, by processor; v1 only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub percpu_kernel: Vec<u64>,
    /// In programs, by processor; v1 only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub percpu_user: Vec<u64>,
    /// In the kernel.
    pub kernel: u64,
    /// In programs.
    pub user: u64,
}

/// How often the quota stopped the container.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Throttling {
    /// Periods in which it ran.
    pub periods: u64,
    /// Of these, those in which it was stopped.
    pub throttled_periods: u64,
    /// For how many nanoseconds.
    pub throttled_time: u64,
}

/// Processors and memory nodes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CpusetStats {
    /// Processors it may run on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cpus: Vec<u16>,
    /// Memory nodes it may use.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mems: Vec<u16>,
    /// v1's switches, by runc's names.
    pub cpu_exclusive: u64,
    /// v1.
    pub mem_hardwall: u64,
    /// v1.
    pub mem_exclusive: u64,
    /// v1.
    pub memory_migrate: u64,
    /// v1.
    pub memory_spread_page: u64,
    /// v1.
    pub memory_spread_slab: u64,
    /// v1.
    pub memory_pressure: u64,
    /// v1.
    pub sched_load_balance: u64,
    /// v1; −1 is the system's default.
    pub sched_relax_domain_level: i64,
}

/// Memory in bytes.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct MemoryStats {
    /// Page cache.
    pub cache: u64,
    /// Memory.
    pub usage: MemoryUsage,
    /// Memory and swap together, as v1 counts, on v2 too.
    pub swap: MemoryUsage,
    /// The kernel's own, for it.
    pub kernel: MemoryUsage,
    /// TCP buffers; v1 only.
    #[serde(rename = "kernelTCP")]
    pub kernel_tcp: MemoryUsage,
    /// `memory.stat`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub raw: BTreeMap<String, u64>,
    /// Waiting for memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub psi: Option<Psi>,
}

/// One kind of memory in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct MemoryUsage {
    /// At most; 2⁶⁴−1 on v2 when unlimited.
    pub limit: u64,
    /// Now.
    pub usage: u64,
    /// The most there ever was.
    pub max: u64,
    /// How often the limit was hit.
    pub failcnt: u64,
}

/// Number of tasks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct PidsStats {
    /// Now.
    pub current: u64,
    /// At most; 0 is unlimited.
    pub limit: u64,
}

/// Block devices.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BlkioStats {
    /// Bytes by device and operation.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub io_service_bytes_recursive: Vec<BlkioEntry>,
    /// Operations by device and kind.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub io_serviced_recursive: Vec<BlkioEntry>,
    /// Waiting for input and output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub psi: Option<Psi>,
}

/// One count of one device.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct BlkioEntry {
    /// Device number.
    pub major: u64,
    /// Device number.
    pub minor: u64,
    /// `Read`, `Write`, `Sync`, `Async`, `Discard`, `Total`.
    pub op: String,
    /// The count.
    pub value: u64,
}

/// Huge pages of one size, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct HugetlbStats {
    /// Now.
    pub usage: u64,
    /// The most there ever was; v1 only.
    pub max: u64,
    /// How often the limit was hit.
    pub failcnt: u64,
}

/// Pressure: how long tasks wait for something.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Psi {
    /// At least one waits.
    pub some: PsiData,
    /// All wait.
    pub full: PsiData,
}

/// Shares of time in percent, and the whole time in microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct PsiData {
    /// Of the last ten seconds.
    pub avg10: f64,
    /// Of the last minute.
    pub avg60: f64,
    /// Of the last five minutes.
    pub avg300: f64,
    /// Since the beginning, in microseconds.
    pub total: u64,
}

/// Reads a text as each of the kernel's files (`crate::fuzz`).
pub(crate) fn fuzz(text: &str) {
    drop((parse::number(text), parse::table(text), parse::numbers(text), parse::list(text)));
    drop((parse::usage_all(text), parse::blkio_v1(text), parse::psi(text)));
    drop(parse::io_stat(text, [("rbytes", "Read"), ("wbytes", "Write"), ("rios", "Read")]));
}
