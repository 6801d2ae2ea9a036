//! What every cgroup driver must do, on whatever this machine has: v1, hybrid or v2.
//!
//! Needs root; makes everything below a cgroup of its own, `/barque-test-<pid>-<name>`, and removes it.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test says why it skips, and fails by panicking"
)]

#[path = "cgroup/life.rs"]
mod life;
#[path = "cgroup/limits.rs"]
mod limits;
#[path = "cgroup/rig.rs"]
mod rig;
#[path = "cgroup/rootless.rs"]
mod rootless;
