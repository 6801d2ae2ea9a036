//! Images: documents, content by digest, layers.
//!
//! Archives come from anywhere. They are read entry by entry and applied through handles of the directory they go to, so
//! that no entry, whatever its name or the links before it, touches anything outside ([`layer::unpack`]).
#![forbid(unsafe_code)]

pub mod archive;
pub mod content;
pub mod digest;
mod error;
pub mod fuzz;
pub mod layer;
pub mod progress;
pub mod reference;
pub mod registry;
pub mod rootfs;
pub mod snapshot;
pub mod spec;
pub mod store;

pub use digest::Digest;
pub use error::{Context, Error, ErrorKind, Result};
pub use reference::Reference;
