//! Layers against the file system, against GNU tar and against umoci.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails where it cannot look, and says why it skips"
)]

mod chains;
mod differences;
mod oracles;
mod tree;

/// Whether this runs as root; says so when it does not.
fn require_root() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        println!("skipped: owners, devices and whiteouts need root");
    }
    root
}
