//! `barque oci` end to end: what only shows in the running program.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot go on fails; one that skips says why"
)]

mod executable;
mod lab;
mod log;
mod notify;
mod stress;
mod update;

/// The command under test.
const BARQUE: &str = env!("CARGO_BIN_EXE_barque");
