//! `mounts`.

use serde::{Deserialize, Serialize};

use super::{IdMapping, Str};

/// One mount beyond the root filesystem.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Mount<'a> {
    /// Where, inside the container. A relative one is taken from `/`.
    #[serde(borrow)]
    pub destination: Str<'a>,
    /// The file system type; `bind` is implied by a `bind` or `rbind` option.
    #[serde(borrow, rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Str<'a>>,
    /// A device, a path of the host (relative to the bundle), or a name.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Str<'a>>,
    /// Options as `mount(8)` spells them, with the specification's own (`rro`, `idmap`, `tmpcopyup` …).
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<Str<'a>>,
    /// User ids as the mount shows them (an idmapped mount).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uid_mappings: Vec<IdMapping>,
    /// Group ids as the mount shows them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gid_mappings: Vec<IdMapping>,
}
