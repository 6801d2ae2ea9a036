//! User namespaces for work on a container's files.

use std::os::fd::OwnedFd;
use std::path::Path;

use super::create::host;
use crate::execute::ids;
use crate::plan::IdMaps;
use crate::spec::Linux;
use crate::{Error, Result};

/// A user namespace with the ids of a container that does not run. It lives as long as the descriptor.
pub fn user_namespace(linux: &Linux<'_>) -> Result<OwnedFd> {
    ids::namespace(&IdMaps::new(linux, &host()))
}

/// The user namespace of a process.
pub fn user_namespace_of(pid: i32) -> Result<OwnedFd> {
    let path = format!("/proc/{pid}/ns/user");
    barque_sys::namespace::open(Path::new(&path)).map_err(Error::from)
}

/// Makes this process, which must have one thread, root of a user namespace.
pub fn enter_user_namespace(users: &OwnedFd) -> Result<()> {
    ids::enter(users)
}
