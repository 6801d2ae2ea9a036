//! `linux`: namespaces, id mappings, devices, cgroups and the rest of the platform.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Resources, Seccomp, Str};

/// What is particular to Linux.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Linux<'a> {
    /// User ids of the new user namespace.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uid_mappings: Vec<IdMapping>,
    /// Group ids of the new user namespace.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gid_mappings: Vec<IdMapping>,
    /// Kernel parameters of the container's namespaces.
    #[serde(borrow, default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sysctl: BTreeMap<Str<'a>, Str<'a>>,
    /// Limits.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources<'a>>,
    /// Where in the cgroup tree; `slice:prefix:name` with the systemd driver.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub cgroups_path: Option<Str<'a>>,
    /// Namespaces to make, or to join by path; those not named are inherited.
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub namespaces: Vec<Namespace<'a>>,
    /// Device nodes beyond the default ones.
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<LinuxDevice<'a>>,
    /// Network devices of the host to move in (runtime-spec 1.3).
    #[serde(borrow, default, skip_serializing_if = "BTreeMap::is_empty")]
    pub net_devices: BTreeMap<Str<'a>, NetDevice<'a>>,
    /// System call filter.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub seccomp: Option<Seccomp<'a>>,
    /// `shared`, `slave`, `private`, `unbindable`, each also with an `r` before.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub rootfs_propagation: Option<Str<'a>>,
    /// Paths made unreadable.
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub masked_paths: Vec<Str<'a>>,
    /// Paths made read-only.
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub readonly_paths: Vec<Str<'a>>,
    /// SELinux context of the mounts.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub mount_label: Option<Str<'a>>,
    /// Cache and memory bandwidth allocation.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub intel_rdt: Option<IntelRdt<'a>>,
    /// NUMA memory policy, `set_mempolicy(2)` (runtime-spec 1.3).
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub memory_policy: Option<MemoryPolicy<'a>>,
    /// `personality(2)`.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub personality: Option<Personality<'a>>,
    /// Offsets of `monotonic` and `boottime` in the time namespace.
    #[serde(borrow, default, skip_serializing_if = "BTreeMap::is_empty")]
    pub time_offsets: BTreeMap<Str<'a>, TimeOffset>,
}

/// A range of ids and what it stands for outside.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct IdMapping {
    /// First id inside.
    #[serde(rename = "containerID")]
    pub container_id: u32,
    /// First id outside.
    #[serde(rename = "hostID")]
    pub host_id: u32,
    /// How many.
    pub size: u32,
}

/// One namespace of the container.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct Namespace<'a> {
    /// Which.
    #[serde(rename = "type")]
    pub kind: NamespaceKind,
    /// The namespace to join; a new one is made when absent.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub path: Option<Str<'a>>,
}

/// The eight kinds of namespaces, `namespaces(7)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum NamespaceKind {
    /// User and group ids.
    User,
    /// Mount points.
    Mount,
    /// Process ids.
    Pid,
    /// Network devices, addresses, ports.
    Network,
    /// System V IPC and POSIX message queues.
    Ipc,
    /// Host and domain name.
    Uts,
    /// The root of the cgroup tree.
    Cgroup,
    /// Boot and monotonic clocks.
    Time,
}

/// A device node to make.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LinuxDevice<'a> {
    /// Where, inside the container.
    #[serde(borrow)]
    pub path: Str<'a>,
    /// `c`, `u` (unbuffered character), `b` or `p` (fifo).
    #[serde(borrow, rename = "type")]
    pub kind: Str<'a>,
    /// Major number; unused for fifos.
    #[serde(default)]
    pub major: i64,
    /// Minor number; unused for fifos.
    #[serde(default)]
    pub minor: i64,
    /// Permission bits; 0666 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_mode: Option<u32>,
    /// Owner; 0 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// Group; 0 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gid: Option<u32>,
}

/// A network device of the host to move in.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
pub struct NetDevice<'a> {
    /// Its name inside; unchanged when absent.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Str<'a>>,
}

/// Intel Resource Director Technology: a group of the `resctrl` file system.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IntelRdt<'a> {
    /// Class of service; the container's id when absent.
    #[serde(borrow, rename = "closID", default, skip_serializing_if = "Option::is_none")]
    pub clos_id: Option<Str<'a>>,
    /// Lines for the `schemata` file (runtime-spec 1.3).
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub schemata: Vec<Str<'a>>,
    /// L3 cache allocation.
    #[serde(borrow, rename = "l3CacheSchema", default, skip_serializing_if = "Option::is_none")]
    pub l3_cache_schema: Option<Str<'a>>,
    /// Memory bandwidth allocation.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub mem_bw_schema: Option<Str<'a>>,
    /// Measure the use of the cache (CMT; until runtime-spec 1.2).
    #[serde(rename = "enableCMT", default, skip_serializing_if = "std::ops::Not::not")]
    pub enable_cmt: bool,
    /// Measure the bandwidth of memory (MBM; until runtime-spec 1.2).
    #[serde(rename = "enableMBM", default, skip_serializing_if = "std::ops::Not::not")]
    pub enable_mbm: bool,
    /// Make a monitoring group of its own (runtime-spec 1.3).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub enable_monitoring: bool,
}

/// NUMA memory policy, `set_mempolicy(2)`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
pub struct MemoryPolicy<'a> {
    /// `MPOL_BIND` and so on.
    #[serde(borrow)]
    pub mode: Str<'a>,
    /// Node list, `0-3,7`.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub nodes: Option<Str<'a>>,
    /// `MPOL_F_STATIC_NODES` and so on.
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<Str<'a>>,
}

/// Execution domain, `personality(2)`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
pub struct Personality<'a> {
    /// `LINUX` or `LINUX32`.
    #[serde(borrow)]
    pub domain: Str<'a>,
    /// None is defined.
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<Str<'a>>,
}

/// Offset of a clock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct TimeOffset {
    /// Seconds.
    #[serde(default)]
    pub secs: i64,
    /// Nanoseconds, added to the seconds.
    #[serde(default)]
    pub nanosecs: u32,
}
