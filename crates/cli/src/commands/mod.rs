//! What a command line asks for, done: one file for each command.

mod cleanup;
mod init;
mod prepare;
mod run;

pub use cleanup::release_mounts;
pub use init::init;
pub use prepare::{Places, Prepared};
pub use run::{exit_code, run};
