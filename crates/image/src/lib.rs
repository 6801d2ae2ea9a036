//! Root filesystems: today those that lie in a tar archive.
//!
//! Archives come from anywhere. They are read entry by entry and applied through handles of the directory they go to, so
//! that no entry, whatever its name or the links before it, touches anything outside ([`unpack`]).
#![forbid(unsafe_code)]

mod apply;
mod compression;
mod entry;
mod error;
mod unpack;

pub use error::{Error, Result};
pub use unpack::{Rights, find_files, unpack};
