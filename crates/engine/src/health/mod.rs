//! Health: what is asked of a container that runs, and what has come of it.
//!
//! ```text
//! check.rs    what is asked, how often, and what its failure leads to; part of a definition
//! endpoint.rs addresses that are asked without a program of the container
//! record.rs   what has come of it: `health.json`, written by the monitor
//! probe.rs    one question, asked by a process of its own
//! ```

mod check;
mod endpoint;
mod probe;
mod record;

pub use check::{Check, OnFailure, Probe};
pub use endpoint::{Endpoint, Url};
pub(crate) use probe::Probing;
pub use record::{Health, HealthStatus, Probed};
