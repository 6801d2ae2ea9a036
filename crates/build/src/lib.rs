//! Builds: from a Dockerfile to an image.
//!
//! The text becomes instructions ([`dockerfile`]), their words are expanded with variables ([`expand`]), instructions
//! become stages ([`stages`]), and rules look at all of it ([`check`]). [`ignore`] reads `.dockerignore`. [`graph`] says
//! what a build will do, as a value in which every step has its key. All this is pure. [`execute`] then does what is not
//! done already: each step above the layers of those before it, through overlayfs, and what it has written there becomes
//! a layer without being copied.
#![forbid(unsafe_code)]

pub mod cache;
pub mod check;
mod context;
pub mod dockerfile;
mod error;
pub mod execute;
pub mod expand;
mod files;
pub mod fuzz;
pub mod graph;
pub mod ignore;
pub mod progress;
pub mod stages;

pub use context::Context;
pub use error::{Error, ErrorKind, Result};
