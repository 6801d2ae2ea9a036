//! `barque image diff`.

use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::PathBuf;

use barque_image::layer::changes;

use super::mount::detached;
use super::{Images, told};
use crate::commands::Places;
use crate::flags::Parsed;
use crate::{Result, console};

/// Shows what differs between the files of two images.
pub(super) fn diff(flags: &Parsed, places: &Places) -> Result<i32> {
    let [old, new] = flags.positional() else { return Ok(1) };
    let images = Images::open(places)?;
    let lease = images.store.lease().map_err(told)?;
    let view = |typed: &str| {
        let lowers = images.store.rootfs(&images.find(typed)?).map_err(told)?;
        detached(&lowers)
    };
    // Mounts that nobody else sees, gone with this process.
    let (old, new) = (view(old)?, view(new)?);
    let path = |mount: &OwnedFd| PathBuf::from(format!("/proc/self/fd/{}", mount.as_raw_fd()));
    let changes = changes(&path(&old), &path(&new)).map_err(told)?;
    drop(lease);
    let text: String = changes.iter().map(|change| format!("{change}\n")).collect();
    console::out(&text);
    Ok(0)
}
