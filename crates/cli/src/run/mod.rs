//! `barque run`: from flags and facts about the caller to a specification.
//!
//! [`request`] is a function of its arguments: it asks the machine only through [`Host`], and changes nothing.

mod annotations;
mod caller;
mod capabilities;
mod cgroup;
mod changes;
mod command;
mod devices;
mod environment;
mod files;
mod health;
mod identity;
mod limits;
mod log;
mod machine;
mod membership;
mod mount;
mod namespaces;
mod network;
mod request;
mod rlimits;
mod root;
mod security;
mod subid;
mod sysctl;
#[cfg(test)]
mod tests;
mod throttle;
mod user;
mod userns;

pub use caller::{Attributes, Caller, CgroupVersion, DeviceNode, Host, PathKind, Peer, VolumePlace};
pub use capabilities::DEFAULT_CAPABILITIES;
pub(crate) use capabilities::{with_all_capabilities, without_capabilities};
pub(crate) use changes::changed_limits;
pub(crate) use environment::exec_environment;
pub use machine::Machine;
pub(crate) use membership::membership;
pub use request::{RunRequest, SeccompChoice, request};
pub use root::RootSource;
pub use subid::{IdRange, subordinate_ids};
pub(crate) use user::exec_user;
pub use user::{Group, Passwd, groups, passwd};
