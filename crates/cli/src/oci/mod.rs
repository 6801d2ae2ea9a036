//! `barque oci …`: an OCI runtime with runc's verbs.

pub mod args;
pub mod log;
