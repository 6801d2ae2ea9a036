//! What a command line asks for, done: one file for each command.

mod archive;
mod ask;
mod build;
mod cleanup;
mod completion;
mod container;
mod explain;
mod filter;
mod filters;
mod image;
mod init;
mod inspect;
mod man;
mod manifest;
mod network;
mod places;
mod prepare;
mod rootfs;
mod system;
mod verb;
mod volume;

pub use barque_engine::Places;
pub use cleanup::release_mounts;
pub use completion::complete;
pub use container::{RUN_FAILED, exit_code};
pub use explain::explain;
pub use init::init;
pub use places::places;
pub use prepare::Prepared;
pub use verb::{Group, Verb, alone, find, group, groups};
