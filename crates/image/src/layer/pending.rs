//! What a layer needs from the layers below it.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A hard link to a file that is not in the layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The new name, below the layer's root.
    pub path: PathBuf,
    /// The file it names, below the root of the layers together.
    pub target: PathBuf,
}

/// What of a layer depends on the layers below. To be kept beside the layer, for [`super::settle`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// Directories that were made because something is in them, while the archive says nothing of their mode and owner.
    /// The empty path is the root.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<PathBuf>,
    /// Hard links that could not be made, in the archive's order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
}

impl Pending {
    /// Whether the layer is whole by itself.
    pub fn is_empty(&self) -> bool {
        self.parents.is_empty() && self.links.is_empty()
    }
}

pub(super) fn path_buf(bytes: &[u8]) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(bytes))
}
