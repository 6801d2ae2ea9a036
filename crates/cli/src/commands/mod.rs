//! What a command line asks for, done: one file for each command.

mod archive;
mod build;
mod cleanup;
mod explain;
mod filter;
pub mod image;
mod init;
mod join;
pub mod manifest;
mod network;
mod places;
mod prepare;
mod rootfs;
mod run;

pub use build::build;
pub use cleanup::release_mounts;
pub use explain::explain;
pub use init::init;
pub use join::{Joined, Purpose};
pub use network::{Verb as NetworkVerb, network};
pub use places::Places;
pub use prepare::Prepared;
pub use run::{exit_code, run};
