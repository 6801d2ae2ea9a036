//! Containers over time: what they are, their life, and what watches over it.
//!
//! ```text
//! <root>/containers/<id>/    definition.json, config.json, state.json, health.json; hosts, hostname, resolv.conf; layer/; log/
//! <root>/names/<name>        a link to the id: whoever makes it has the name
//! <root>/volumes/<name>/     volume.json, data/
//! <run-root>/containers/<id> the runtime's record of one that runs
//! <run-root>/monitors/       locks and sockets of monitors
//! ```
//!
//! Whether a container runs is asked of the kernel; no file says so. Nothing here prints, makes threads or reads the
//! environment.
#![forbid(unsafe_code)]

pub mod boot;
mod cause;
mod container;
mod containers;
pub mod definition;
pub mod enter;
pub mod events;
pub mod execs;
pub mod files;
pub mod health;
pub mod life;
pub mod log;
pub mod monitor;
mod names;
pub mod oom;
mod places;
mod policy;
pub mod start;
pub mod state;
pub mod stats;
mod time;
pub mod upkeep;
pub mod volume;

pub use barque_runtime::{Error, ErrorKind, Result};
pub use cause::Cause;
pub use container::{Container, Lock, Now, Status};
pub use containers::{Claim, Containers, Listed};
pub use definition::Definition;
pub use names::check as check_name;
pub use places::Places;
pub use policy::RestartPolicy;
pub use state::State;
pub use time::Time;
pub use volume::{Volume, Volumes};
