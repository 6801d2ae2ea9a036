//! Removing what a container has made.

use std::path::Path;

use barque_sys::Call as _;

use super::ids;
use crate::plan::IdMaps;
use crate::{ErrorKind, Result};

/// Removes a directory with all it holds. Files that belong to ids of a user namespace, and the closed work directory of
/// an overlay mounted there, can be removed by an unprivileged user only from inside of such a one.
pub(crate) fn tree(path: &Path, ids: Option<&IdMaps>) -> Result<()> {
    let remove = || -> Result<()> {
        match std::fs::remove_dir_all(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            result => Ok(result.call(|| format!("rmdir({path:?})"))?),
        }
    };
    match (remove(), ids) {
        (Err(error), Some(ids)) if error.kind() == ErrorKind::PermissionDenied => {
            // The directory itself may lie where that namespace's root may not write: it is removed here.
            ids::inside(ids, || {
                drop(remove());
                Ok(Vec::new())
            })?;
            remove()
        }
        (result, _) => result,
    }
}
