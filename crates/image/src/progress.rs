//! What long work says of itself while it goes on. Libraries do not print: the command line has a [`Progress`] that does.

use crate::Digest;

/// A step of long work on one blob or layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Another command does it; this one waits.
    Waiting,
    /// Bytes come from a registry.
    Downloading,
    /// Bytes go to a registry.
    Uploading,
    /// A layer becomes files.
    Unpacking,
    /// All is done.
    Done,
    /// Nothing had to be done: it was there.
    Present,
    /// Nothing had to be sent: it was in another repository of that registry.
    Mounted,
}

/// Hears of long work. Called from several threads.
pub trait Progress: Sync {
    /// Something enters a phase; `total` is how many bytes there will be, where that is known.
    fn phase(&self, what: &Digest, phase: Phase, total: Option<u64>);
    /// Bytes are done since the last call. May be called often: cheap, without system calls.
    fn advance(&self, what: &Digest, bytes: u64);
    /// Something to say that belongs to no layer: `Pulling from library/debian`.
    fn say(&self, line: &str);
}

/// Nobody listens.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn phase(&self, _: &Digest, _: Phase, _: Option<u64>) {}
    fn advance(&self, _: &Digest, _: u64) {}
    fn say(&self, _: &str) {}
}
