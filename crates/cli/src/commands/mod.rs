//! What a command line asks for, done: one file for each command.

mod archive;
mod cleanup;
mod explain;
mod init;
mod prepare;
mod run;

pub use cleanup::release_mounts;
pub use explain::explain;
pub use init::init;
pub use prepare::{Places, Prepared};
pub use run::{exit_code, run};
