//! What a network, or a container's place in it, does to the kernel: a list of operations, made by pure functions.

mod endpoint;
mod network;
mod op;
mod script;
#[cfg(test)]
mod tests;

pub use crate::ruleset::{Entry, SetName};
pub use endpoint::{Endpoint, endpoint};
pub use network::{mac_of, network};
pub use op::{Cable, Op, Subinterface};
pub use script::Command;
