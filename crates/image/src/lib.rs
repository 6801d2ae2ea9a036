//! Images: documents, content by digest, layers; and root filesystems that lie in a tar archive.
//!
//! Archives come from anywhere. They are read entry by entry and applied through handles of the directory they go to, so
//! that no entry, whatever its name or the links before it, touches anything outside ([`unpack`]).
#![forbid(unsafe_code)]

mod apply;
mod compression;
pub mod content;
pub mod digest;
mod entry;
mod error;
pub mod progress;
pub mod reference;
pub mod rootfs;
pub mod spec;
pub mod store;
mod unpack;

pub use digest::Digest;
pub use error::{Context, Error, ErrorKind, Result};
pub use reference::Reference;
pub use unpack::{Rights, find_files, unpack};
