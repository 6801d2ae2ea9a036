//! Taking a container away after its end, when nobody waits for it any more.

use barque_runtime::container::{Created, Store};
use barque_sys::clone::{Clone, Forked};
use barque_sys::process;

use crate::Result;

/// Removes what a container that has ended leaves, in a process of its own that outlives the command. It takes the
/// container's mount namespace along: whoever lets go of that last waits for the unmount.
pub(super) fn later(store: Store, id: &str, created: Created) -> Result<()> {
    match Clone::default().fork()? {
        Forked::Parent(_) => Ok(()),
        Forked::Child => {
            process::start_session();
            process::detach_stdio();
            drop(store.open(id).and_then(|container| container.delete(true)));
            drop(created);
            process::exit_now(0)
        }
    }
}
