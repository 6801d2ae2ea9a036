//! The `barque` command, as a library: flags, messages, what a command line means.
//!
//! The binary (`main.rs`) is a call of [`main`]; keeping the rest here lets tests and fuzzers reach the parsers.
#![forbid(unsafe_code)]

pub mod flags;
pub mod run;
pub mod value;

pub use barque_runtime::{Error, ErrorKind, Result};
