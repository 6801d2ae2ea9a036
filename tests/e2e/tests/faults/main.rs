//! What Barque does when the kernel does not: each system call of a container's life is made to fail, or to kill its
//! caller, in each command. Afterwards the command has either worked or said what failed, the next one works, and
//! nothing is left over.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot go on fails; one that skips says why"
)]

mod calls;
mod disk;
mod fault;
#[path = "../../../../crates/cli/tests/oci/lab.rs"]
#[expect(dead_code, reason = "the tests of the command line use all of it")]
mod lab;
mod verbs;

/// The command under test.
const BARQUE: &str = env!("CARGO_BIN_EXE_barque-under-test");
