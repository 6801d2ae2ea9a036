//! What containers print: drivers, the monitor's [`Writer`], and the [`Reader`] of `logs` and `why`.
//!
//! | driver | where | read by |
//! | --- | --- | --- |
//! | `json-file` | `<container>/log/json.log`, Docker's format: `{"log":"…\n","stream":"stdout","time":"…"}` | [`Reader`], Docker's tools |
//! | `local` | `<container>/log/local.log`, the format of Kubernetes (CRI): `TIME stdout F LINE`; bytes stay as they are | [`Reader`], tools for CRI logs |
//! | `journald` | the journal, in its own protocol | `journalctl CONTAINER_NAME=…` |
//! | `none` | nowhere | |
//! | `passthrough` | the caller's descriptors; the container writes to them itself | |
//!
//! Files are bounded by default. A line longer than 16 KiB is several records; only the last one ends the line.
//! A new driver is a [`Driver`], its options in `config.rs` and a sink in `writer.rs`.

mod attributes;
mod chain;
mod config;
mod encode;
mod file;
mod follow;
mod journal;
mod lines;
mod reader;
mod scan;
mod size;
mod split;
mod tail;
#[cfg(test)]
mod tests;
mod time;
mod unescape;
mod writer;

pub use attributes::Subject;
pub use config::{Config, Driver, Format};
pub use follow::{Wake, Watch};
pub use journal::SOCKET as JOURNAL;
pub use reader::{Entry, Reader, Selection};
pub use time::Timestamp;
pub use writer::Writer;

use serde::{Deserialize, Serialize};

/// Which of a container's outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// Standard output, or the terminal.
    Stdout,
    /// Standard error.
    Stderr,
}

impl Stream {
    /// Its name in log files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }

    /// The stream of that name.
    fn from_name(name: &[u8]) -> Option<Self> {
        match name {
            b"stdout" => Some(Self::Stdout),
            b"stderr" => Some(Self::Stderr),
            _ => None,
        }
    }
}
