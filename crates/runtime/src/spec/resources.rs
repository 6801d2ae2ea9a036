//! `linux.resources`: limits, kept by control groups.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Str;

/// Limits on what the container uses. Absent fields are left as the kernel has them.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Resources<'a> {
    /// Device access rules, applied in order.
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<DeviceRule<'a>>,
    /// Memory and swap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Memory>,
    /// Processor time and placement.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Cpu<'a>>,
    /// Number of tasks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pids: Option<Pids>,
    /// Block devices.
    #[serde(rename = "blockIO", default, skip_serializing_if = "Option::is_none")]
    pub block_io: Option<BlockIo>,
    /// Huge pages, by page size.
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub hugepage_limits: Vec<HugepageLimit<'a>>,
    /// cgroup v1 network classes and priorities.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub network: Option<Network<'a>>,
    /// RDMA resources, by device.
    #[serde(borrow, default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rdma: BTreeMap<Str<'a>, Rdma>,
    /// cgroup v2 files and the text to write to them.
    #[serde(borrow, default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unified: BTreeMap<Str<'a>, Str<'a>>,
}

/// One device access rule.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
pub struct DeviceRule<'a> {
    /// Grants or denies.
    pub allow: bool,
    /// `a` (all), `c` or `b`.
    #[serde(borrow, rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Str<'a>>,
    /// Absent or −1 means any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub major: Option<i64>,
    /// Absent or −1 means any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minor: Option<i64>,
    /// Of `r`, `w`, `m`; absent means all.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub access: Option<Str<'a>>,
}

/// Memory limits, in bytes; −1 means no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Memory {
    /// The hard limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<i64>,
    /// The soft limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reservation: Option<i64>,
    /// Memory **and** swap together (as cgroup v1 counts).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub swap: Option<i64>,
    /// Kernel memory; deprecated, and ignored by kernels ≥ 5.16.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<i64>,
    /// Kernel memory of TCP buffers.
    #[serde(rename = "kernelTCP", default, skip_serializing_if = "Option::is_none")]
    pub kernel_tcp: Option<i64>,
    /// 0 to 100; cgroup v1 only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub swappiness: Option<u64>,
    /// Tasks wait instead of being killed; cgroup v1 only.
    #[serde(rename = "disableOOMKiller", default, skip_serializing_if = "Option::is_none")]
    pub disable_oom_killer: Option<bool>,
    /// cgroup v1: always on in today's kernels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub use_hierarchy: Option<bool>,
    /// Refuse a limit that is below the present use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check_before_update: Option<bool>,
}

/// Processor limits.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cpu<'a> {
    /// Relative weight, 2 to 262144, 1024 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shares: Option<u64>,
    /// Microseconds of CPU time in each `period`; −1 means no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<i64>,
    /// Microseconds that may be saved up beyond the quota.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<u64>,
    /// Microseconds, 1000 to 1000000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<u64>,
    /// Microseconds of real-time scheduling in each `realtime_period`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub realtime_runtime: Option<i64>,
    /// Microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub realtime_period: Option<u64>,
    /// CPU list, `0-3,7`.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub cpus: Option<Str<'a>>,
    /// Memory node list.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub mems: Option<Str<'a>>,
    /// 1 makes the group `SCHED_IDLE`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle: Option<i64>,
}

/// Limit on the number of tasks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Pids {
    /// 0 or less means no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<i64>,
}

/// Block device limits.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BlockIo {
    /// Relative weight, 10 to 1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<u16>,
    /// Weight against child groups; kernels < 5.0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaf_weight: Option<u16>,
    /// Weights of single devices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight_device: Option<Vec<WeightDevice>>,
    /// Bytes read a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throttle_read_bps_device: Option<Vec<ThrottleDevice>>,
    /// Bytes written a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throttle_write_bps_device: Option<Vec<ThrottleDevice>>,
    /// Reads a second.
    #[serde(rename = "throttleReadIOPSDevice", default, skip_serializing_if = "Option::is_none")]
    pub throttle_read_iops_device: Option<Vec<ThrottleDevice>>,
    /// Writes a second.
    #[serde(rename = "throttleWriteIOPSDevice", default, skip_serializing_if = "Option::is_none")]
    pub throttle_write_iops_device: Option<Vec<ThrottleDevice>>,
}

/// Weight of one block device.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WeightDevice {
    /// Device major number.
    pub major: i64,
    /// Device minor number.
    pub minor: i64,
    /// 10 to 1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<u16>,
    /// 10 to 1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaf_weight: Option<u16>,
}

/// Rate limit of one block device.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct ThrottleDevice {
    /// Device major number.
    pub major: i64,
    /// Device minor number.
    pub minor: i64,
    /// Bytes or operations a second.
    pub rate: u64,
}

/// Limit on huge pages of one size.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HugepageLimit<'a> {
    /// `2MB`, `1GB` …
    #[serde(borrow)]
    pub page_size: Str<'a>,
    /// Bytes.
    pub limit: u64,
}

/// cgroup v1 network classes.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Network<'a> {
    /// Class id of the packets it sends.
    #[serde(rename = "classID", default, skip_serializing_if = "Option::is_none")]
    pub class_id: Option<u32>,
    /// Priorities, by interface.
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub priorities: Vec<InterfacePriority<'a>>,
}

/// Priority of traffic leaving by one interface.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
pub struct InterfacePriority<'a> {
    /// Interface, as the runtime's namespace names it.
    #[serde(borrow)]
    pub name: Str<'a>,
    /// Higher is served first.
    pub priority: u32,
}

/// RDMA limits of one device.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rdma {
    /// Number of handles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hca_handles: Option<u32>,
    /// Number of objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hca_objects: Option<u32>,
}
