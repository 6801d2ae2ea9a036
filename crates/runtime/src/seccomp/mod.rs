//! `linux.seccomp`: a profile becomes a classic BPF program.
//!
//! Our own compiler, with the semantics that libseccomp has as runc and crun use it:
//!
//! - Names that no kernel has are skipped, on each architecture those that it does not have.
//! - A rule that says what the default says is skipped.
//! - The first rule without conditions decides a call, whatever conditional rules stand before or behind it.
//! - Else conditional rules are tried in the profile's order, and the first that holds decides. (libseccomp
//!   refuses rules whose actions contradict each other, and 2.5 loses comparisons when it merges several rules on
//!   one call; here each rule is what it says.)
//! - The conditions of a rule must all hold; but if two of them are on the same argument, each is a rule.
//! - Arguments are unsigned and compared in 64 bits; in the lower 32 on ABIs that have no more.
//! - A call of an architecture that the profile does not name kills the thread. The native one is always named.
//! - A call beyond the last that the profile names is newer than it: it gets `ENOSYS`, so that programs fall back
//!   to older calls, unless the default lets calls pass (`ALLOW`, `LOG`, `TRACE`). So does runc.
//! - Socket and System V calls are also filtered where they go through `socketcall` and `ipc`. A filter cannot see
//!   their arguments there, so a conditional rule holds in any case if it is stricter than the default, else never.
//!   (libseccomp would let it hold always.)
//!
//! The program looks at the architecture, then finds the call by a search tree over ranges of numbers. It reads
//! arguments only where a rule asks for them, so the kernel (since 5.11) need not run it for most calls.

mod action;
mod arch;
mod assembler;
mod checks;
mod compile;
mod condition;
mod default;
mod docker;
mod intervals;
mod multiplex;
mod precompiled;
mod program;
mod rules;
mod segments;
mod tables;

#[cfg(test)]
mod simulator;
#[cfg(test)]
mod tests;

pub use action::{known_actions, known_flags, supported_flags};
pub use arch::Arch;
pub use compile::{compile, compile_for};
pub use condition::known_operators;
pub use default::{DEFAULT_CAPABILITIES, default_profile, profile_for};
pub use docker::from_docker_json;
pub use program::Program;
