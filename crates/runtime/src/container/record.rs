//! What is kept of a container beside its configuration.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::cgroup::Group;

/// The text of `record.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// Version of this format; a newer Barque reads the older ones.
    pub format: u32,
    /// The container's id.
    pub id: String,
    /// Absolute path of the bundle.
    pub bundle: PathBuf,
    /// Absolute path of the root filesystem.
    pub rootfs: PathBuf,
    /// When it was made, in seconds and nanoseconds since 1970.
    pub created: (u64, u32),
    /// The user that made it.
    pub owner: u32,
    /// Its cgroup, where it has one of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cgroup: Option<Group>,
    /// Its group of cache and memory bandwidth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rdt: Option<crate::rdt::Group>,
    /// Directories of the host that are its alone, removed with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub directories: Vec<PathBuf>,
    /// Whether `setgroups(2)` is denied in its user namespace.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub setgroups_denied: bool,
}

impl Record {
    /// The version written.
    pub const FORMAT: u32 = 1;
}
