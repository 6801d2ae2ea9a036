//! `barque oci` end to end: what only shows in the running program.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod executable;
mod lab;
mod stress;
