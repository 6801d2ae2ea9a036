//! Removing what a container has made.

use std::os::fd::OwnedFd;
use std::path::Path;

use barque_sys::clone::{Clone, Forked};
use barque_sys::namespace::{self, Namespaces};
use barque_sys::process;

/// Removes a directory with all it holds. Files that belong to ids of a user namespace, and the closed work directory of
/// an overlay mounted there, can be removed by an unprivileged user only from inside of it.
pub(super) fn tree(path: &Path, users: Option<&OwnedFd>) {
    let gone = std::fs::remove_dir_all(path).is_ok();
    let (false, Some(users)) = (gone, users) else { return };
    match Clone::default().fork() {
        Ok(Forked::Child) => {
            let removed =
                namespace::join(users, Namespaces::USER).is_ok() && std::fs::remove_dir_all(path).is_ok();
            process::exit_now(i32::from(!removed))
        }
        Ok(Forked::Parent(child)) => drop(process::wait(&child.pidfd)),
        Err(_) => {}
    }
}
