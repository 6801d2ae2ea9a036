//! Containers on this host: a directory each, and the verbs of `runtime.md`.
//!
//! The directory `<root>/<id>` is the container: making it takes the id, removing it frees it. In it lie
//!
//! - `config.json`, the configuration as it was at `create`;
//! - `record.json`, what else later commands need ([`Record`]), written before anything is made on the host, so that a
//!   creator that is killed leaves nothing that nobody knows of;
//! - `process.json`, the first process ([`Identity`]), written when everything is made;
//! - `start`, the socket on which a created container waits; it is gone once the program runs.
//!
//! None of them says whether the container runs: that is asked of the kernel, each time.

mod compose;
mod create;
mod delete;
mod exec;
mod identity;
mod kill;
mod pause;
mod record;
mod start;
mod store;
mod update;
mod users;

pub use compose::compose;
pub use create::{Connect, Created, Creation, Unpack, check_console, create, no_archives, plan_of};
pub use delete::remove_directory;
pub use exec::{Execution, exec};
pub(crate) use identity::fuzz as fuzz_stat;
pub use identity::{Identity, boot_id};
pub use kill::signal_number;
pub use record::Record;
pub use store::{Container, Store};
pub use update::merged_limits;
pub use users::{enter_user_namespace, user_namespace, user_namespace_of};

pub use crate::plan::Options;
