//! An OCI bundle becomes a process.
//!
//! [`spec`] is the input, a plan is the middle, a process is the end. See `ARCHITECTURE.md`.

pub mod cgroup;
pub mod container;
pub mod error;
pub mod execute;
pub mod explain;
mod failure;
pub mod features;
pub mod fuzz;
pub mod plan;
pub mod rdt;
pub mod seccomp;
pub mod spec;

/// The version of the runtime specification this crate follows.
pub const SPEC_VERSION: &str = "1.2.0";

pub use error::{Error, ErrorKind, Result};
pub use failure::Failure;
