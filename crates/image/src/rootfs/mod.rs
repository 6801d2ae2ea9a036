//! Root filesystems that come from no registry: parts of this machine, or what a distribution's installer makes.
//!
//! [`HostSelection`] finds what programs need to run and copies that, and only that. What a program needs is read from
//! its file: running it (as `ldd` does) would be running something just to look at it.

mod accounts;
mod bootstrap;
mod closure;
mod collection;
mod elf;
mod host;
mod loader;
#[cfg(test)]
mod tests;
mod write;

pub use bootstrap::{Bootstrap, Installer, Made};
pub use elf::{Elf, elf};
pub use host::{Extra, HostSelection, Selected};
