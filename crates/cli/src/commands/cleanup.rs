//! Taking a container away after its end, when nobody waits for it any more.

use barque_runtime::container::{Created, Store};
use barque_sys::clone::{Clone, Forked};
use barque_sys::namespace::{self, Namespaces};
use barque_sys::process;

use super::join::Leaving;
use crate::Result;

/// Lets go of a container's mount namespace in a process of its own: whoever holds it last waits for all its unmounts,
/// and the caller of this command should not.
pub fn release_mounts(created: Created) -> Result<()> {
    if created.mounts.is_some() {
        barque_sys::linger::linger()?;
    }
    Ok(())
}

/// Removes what a container that has ended leaves, in a process of its own that outlives the command. It takes the
/// container's mount namespace along: whoever lets go of that last waits for the unmount.
pub(super) fn later(store: Store, id: &str, created: Created, leaving: Option<Leaving>) -> Result<()> {
    match Clone::default().fork()? {
        Forked::Parent(_) => Ok(()),
        Forked::Child => {
            process::start_session();
            process::detach_stdio();
            if let Some(users) = &created.users {
                // What the container wrote belongs to ids that only its own root can remove.
                drop(namespace::join(users, Namespaces::USER));
            }
            drop(store.open(id).and_then(|container| container.delete(true)));
            drop(created);
            leaving.iter().for_each(Leaving::finish);
            process::exit_now(0)
        }
    }
}
