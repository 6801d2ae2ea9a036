//! The state of a container, as `state` prints it and hooks read it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Str;

/// <https://github.com/opencontainers/runtime-spec/blob/main/runtime.md#state>
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct State<'a> {
    /// Version of the specification.
    #[serde(borrow)]
    pub oci_version: Str<'a>,
    /// The container's id, unique on this host.
    #[serde(borrow)]
    pub id: Str<'a>,
    /// Where in its life it is.
    pub status: Status,
    /// Process id as the host sees it; absent unless created or running.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<i32>,
    /// Absolute path of the bundle.
    #[serde(borrow)]
    pub bundle: Str<'a>,
    /// The configuration's annotations.
    #[serde(borrow, default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<Str<'a>, Str<'a>>,
}

/// Where in its life a container is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Being made.
    Creating,
    /// Made, its program not yet started.
    Created,
    /// Its program runs.
    Running,
    /// Its program runs, frozen (an extension that every runtime has).
    Paused,
    /// Its program has ended.
    Stopped,
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Creating => "creating",
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
        })
    }
}
