//! Content by digest: an OCI image layout on disk (`image-layout.md`), as `skopeo` and `umoci` read it.
//!
//! ```text
//! images/oci-layout      {"imageLayoutVersion": "1.0.0"}
//! images/index.json      names and what they name
//! images/blobs/sha256/…  content, each under its own digest
//! images/ingest/…        content on its way in: kept when a download breaks off, and continued by the next
//! ```
//!
//! A blob is under its name only when it is whole and its digest right: it is written under `ingest/`, hashed on the way,
//! and renamed. One process at a time writes a given blob (`flock` on its file in `ingest/`); others wait for it and then
//! find the blob there.

mod follow;
mod ingest;
mod layout;
mod spool;

pub use follow::Follower;
pub use ingest::Ingest;
pub(crate) use ingest::{is_at, verify};
pub use layout::Layout;
pub(crate) use layout::VERSION;
pub(crate) use spool::PREFIX as SPOOL;
pub use spool::Spool;

use crate::Result;

/// Where bytes of a blob go. They only ever go to its end.
pub trait Sink {
    /// How many are there.
    fn written(&self) -> u64;

    /// Takes the next ones. An error says that no more are wanted.
    fn write(&mut self, bytes: &[u8]) -> Result<()>;
}

impl Sink for Ingest {
    fn written(&self) -> u64 {
        Self::written(self)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        Self::write(self, bytes)
    }
}
