//! The OCI runtime specification's types (`config.json`), version 1.2 with the additions of 1.3.
//!
//! Strings borrow from the file's text where JSON allows it ([`Str`]): parsing a typical `config.json` cold costs
//! a quarter of what owned strings cost. No `flatten`, no `untagged`: an error always names its field. Unknown
//! fields are ignored, as the specification asks ("Extensibility").

mod hooks;
mod json;
mod linux;
mod mount;
mod process;
mod resources;
mod seccomp;
mod state;
mod template;
mod text;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use hooks::{Hook, Hooks};
#[cfg(test)]
pub(crate) use json::from_json;
pub use json::{process_from_json, resources_from_json, spec_from_json};
pub use linux::{
    IdMapping, IntelRdt, Linux, LinuxDevice, MemoryPolicy, Namespace, NamespaceKind, NetDevice, Personality,
    TimeOffset,
};
pub use mount::Mount;
pub use process::{Capabilities, ConsoleSize, CpuAffinity, IoPriority, Process, Rlimit, Scheduler, User};
pub use resources::{
    BlockIo, Cpu, DeviceRule, HugepageLimit, InterfacePriority, Memory, Network, Pids, Rdma, Resources,
    ThrottleDevice, WeightDevice,
};
pub use seccomp::{ArgumentRule, Seccomp, SyscallRule};
pub use state::{State, Status};
pub use template::{Rootless, template};
pub use text::Str;

/// A whole `config.json`.
///
/// <https://github.com/opencontainers/runtime-spec/blob/main/config.md>
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Spec<'a> {
    /// The version of the specification the bundle follows, SemVer 2.0.
    #[serde(borrow)]
    pub oci_version: Str<'a>,
    /// The container's process; absent for a container that is only created.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub process: Option<Process<'a>>,
    /// The root filesystem.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub root: Option<Root<'a>>,
    /// The host name inside the container's UTS namespace.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<Str<'a>>,
    /// The NIS domain name inside the container's UTS namespace.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub domainname: Option<Str<'a>>,
    /// Mounts beyond the root, in order.
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub mounts: Vec<Mount<'a>>,
    /// Programs to run at points of the container's life.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub hooks: Option<Hooks<'a>>,
    /// Free metadata.
    #[serde(borrow, default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<Str<'a>, Str<'a>>,
    /// What is particular to Linux.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub linux: Option<Linux<'a>>,
}

/// The root filesystem: `root` of `config.json`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
pub struct Root<'a> {
    /// Absolute, or relative to the bundle.
    #[serde(borrow)]
    pub path: Str<'a>,
    /// Whether the container sees it read-only.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub readonly: bool,
}
