//! The registry client against registries: a real one on loopback, and small ones that misbehave.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking and says why it skips"
)]

mod auth;
mod hostile;
mod real;
mod server;
mod transfer;

use std::path::Path;
use std::time::Duration;

use barque_image::content::Layout;
use barque_image::registry::{Client, Hosts, Settings, Timeouts};
use barque_image::spec::Descriptor;
use barque_image::{Digest, Reference};

/// Patience for tests: a registry that stalls is found out within a second.
fn impatient() -> Settings {
    let timeouts = Timeouts {
        connect: Duration::from_secs(5),
        stall: Duration::from_millis(700),
        answer: Duration::from_secs(10),
        commit: Duration::from_secs(10),
        pause: Duration::from_millis(5),
        patience: Duration::from_secs(2),
    };
    Settings { timeouts, attempts: 3, ..Settings::default() }
}

/// A client of a registry that speaks plain HTTP.
fn client_of(host: &str) -> Client {
    let hosts = Hosts { plain_http: vec![host.to_owned()], ..Hosts::default() };
    Client::new(Settings { hosts, ..impatient() })
}

fn repository(host: &str, name: &str) -> Reference {
    Reference::new(host, name).unwrap()
}

/// Bytes that no compression and no proxy can mistake for others.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

fn blob(bytes: &[u8]) -> Descriptor {
    Descriptor::of("application/octet-stream", bytes)
}

/// Nothing is under the name of a blob, nor on its way in.
fn assert_nothing_kept(layout: &Layout, digest: &Digest) {
    assert!(!layout.contains(digest));
    let left = files_below(&layout.root().join("ingest"));
    assert_eq!(left, 0, "something is left in ingest/");
}

fn files_below(directory: &Path) -> usize {
    std::fs::read_dir(directory).map_or(0, |entries| entries.flatten().count())
}
