//! Containers over time: what they are, their life, and what watches over it.
//!
//! ```text
//! <root>/containers/<id>/    definition.json, config.json, exit.json; hosts, hostname, resolv.conf; layer/; log/
//! <root>/names/<name>        a link to the id: whoever makes it has the name
//! <root>/volumes/<name>/     volume.json, data/
//! <run-root>/<id>/           the runtime's record; the monitor and its socket
//! ```
//!
//! Whether a container runs is asked of the kernel; no file says so. Nothing here prints, makes threads or reads the
//! environment.
#![forbid(unsafe_code)]

pub mod log;

pub use barque_runtime::{Error, ErrorKind, Result};
