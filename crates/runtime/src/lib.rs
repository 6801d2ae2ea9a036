//! An OCI bundle becomes a process.
//!
//! [`spec`] is the input, a plan is the middle, a process is the end. See `ARCHITECTURE.md`.

pub mod cgroup;
pub mod error;
pub mod plan;
pub mod seccomp;
pub mod spec;

pub use error::{Error, ErrorKind, Result};
