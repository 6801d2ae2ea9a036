//! The documents of an image: the OCI image specification 1.1, and Docker's schema 2 where it says the same in other words.
//!
//! Parsers are pure: bytes in, value out. What a document says of itself is checked here; whether its bytes have the right
//! digest is the business of [`crate::content`].

mod config;
mod descriptor;
mod index;
mod manifest;
pub mod media_type;
mod platform;

pub use config::{Config, Empty, Execution, Healthcheck, History, RootFs};
pub use descriptor::{Descriptor, REF_NAME};
pub use index::Index;
pub use manifest::Manifest;
pub use platform::Platform;

/// The largest manifest, index or configuration that is read: the distribution specification asks registries to take
/// 4 MiB at least, and none gives more.
pub const MAX_DOCUMENT: u64 = 4 << 20;
