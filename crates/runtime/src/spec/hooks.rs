//! `hooks`: programs run at points of the container's life.

use serde::{Deserialize, Serialize};

use super::Str;

/// Programs to run, by the point of the life at which they run; each list in order.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Hooks<'a> {
    /// Deprecated by the specification; runs before `create_runtime`.
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub prestart: Vec<Hook<'a>>,
    /// After the namespaces are made, before the root is switched; in the runtime's namespaces.
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub create_runtime: Vec<Hook<'a>>,
    /// After the mounts, before the root is switched; in the container's namespaces.
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub create_container: Vec<Hook<'a>>,
    /// In the container, right before its program is executed.
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub start_container: Vec<Hook<'a>>,
    /// After the program has started; in the runtime's namespaces.
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub poststart: Vec<Hook<'a>>,
    /// After the container was deleted; in the runtime's namespaces.
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub poststop: Vec<Hook<'a>>,
}

/// One program to run. The container's state arrives on its standard input.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
pub struct Hook<'a> {
    /// Absolute path.
    #[serde(borrow)]
    pub path: Str<'a>,
    /// `argv`, its first element included; empty means the path alone.
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<Str<'a>>,
    /// `KEY=value` pairs; nothing else is inherited.
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<Str<'a>>,
    /// Seconds after which it is killed; must be positive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<i64>,
}
