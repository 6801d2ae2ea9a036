//! What is slow to take away, and nobody should wait for.

use barque_runtime::container::Created;

use crate::Result;

/// Lets go of a container's mount namespace in a process of its own: whoever holds it last waits for all its unmounts,
/// and the caller of this command should not.
pub fn release_mounts(created: Created) -> Result<()> {
    if created.mounts.is_some() {
        barque_sys::linger::linger()?;
    }
    Ok(())
}
