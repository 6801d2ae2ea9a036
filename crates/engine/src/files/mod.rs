//! A container's files: copied in and out, compared with its image's, kept as an image, exported.
//!
//! What touches a container's files is a process of its own ([`aside`]): it may enter the container's user namespace and
//! have a mount namespace of its own, and with it goes all that it has mounted, however it ends. Paths of a container are
//! walked by `openat2(2)` inside its root, each component at the moment it is used, so that no link leads out of it, whatever
//! the container does meanwhile.

pub mod aside;
mod commit;
mod copy;
mod diff;
mod export;
mod extract;
pub(crate) mod kept;
mod layer;
mod opened;
mod owners;
mod place;
mod resolve;
mod thaw;
mod tree;
mod view;

pub use commit::{BASE_LABEL, Commit, HOST, commit};
pub use copy::{Copied, Copy, Side, copy};
pub use diff::diff;
pub use export::export;
pub use opened::Opened;

#[cfg(test)]
mod tests;
