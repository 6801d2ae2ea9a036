//! Builds: today the language of Dockerfiles and what can be said about one without running it.
//!
//! The text becomes instructions ([`dockerfile`]), their words are expanded with variables ([`expand`]), instructions
//! become stages ([`stages`]), and rules look at all of it ([`check`]). [`ignore`] reads `.dockerignore`. Everything here is
//! pure: text in, values out.
#![forbid(unsafe_code)]

pub mod check;
pub mod dockerfile;
mod error;
pub mod expand;
pub mod fuzz;
pub mod ignore;
pub mod stages;

pub use error::{Error, ErrorKind, Result};
