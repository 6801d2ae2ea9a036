//! The `barque` command, as a library: flags, messages, what a command line means.
//!
//! The binary (`main.rs`) is a call of [`main`]; keeping the rest here lets tests and fuzzers reach the parsers.
#![forbid(unsafe_code)]

mod app;
pub mod commands;
pub mod console;
pub mod flags;
pub mod format;
pub mod fuzz;
pub mod invocation;
pub mod json;
pub mod oci;
pub mod run;
pub mod terminal;
mod trace;
pub mod value;

pub use app::main;
pub use barque_runtime::{Error, ErrorKind, Result};
