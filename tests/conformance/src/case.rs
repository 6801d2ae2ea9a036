//! What a test is: a requirement of the specification and the code that can refute it.

use std::fmt::Debug;

use crate::lab::Lab;

/// How strongly the document demands it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    /// MUST, MUST NOT, REQUIRED.
    Must,
    /// SHOULD, and what a property's definition implies without a keyword.
    Should,
    /// Not of the specification: the command line that runc set and engines call.
    Cli,
}

impl Level {
    /// As printed in the tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Must => "MUST",
            Self::Should => "SHOULD",
            Self::Cli => "cli",
        }
    }
}

/// One requirement and its test.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Case {
    /// `area::what`, unique.
    pub(crate) name: &'static str,
    /// Document and section, e.g. `runtime.md#kill`.
    pub(crate) anchor: &'static str,
    /// How strongly.
    pub(crate) level: Level,
    /// The requirement, paraphrased.
    pub(crate) requirement: &'static str,
    /// Tries to refute it.
    pub(crate) run: fn(&Lab) -> Verdict,
}

/// A row of an area's table.
pub(crate) const fn case(
    name: &'static str,
    anchor: &'static str,
    level: Level,
    requirement: &'static str,
    run: fn(&Lab) -> Verdict,
) -> Case {
    Case { name, anchor, level, requirement, run }
}

/// Why a test did not pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The requirement is refuted.
    Fail(String),
    /// This machine lacks something that the test needs; a gap that a gating run does not accept.
    Skip(String),
    /// The test belongs to another kind of host (the other cgroup version): nothing to be tested here.
    NotApplicable(String),
}

/// What a test returns.
pub(crate) type Verdict<T = ()> = Result<T, Outcome>;

impl<E: std::error::Error> From<E> for Outcome {
    fn from(error: E) -> Self {
        Self::Fail(error.to_string())
    }
}

/// A failure with a message.
pub(crate) fn fail<T>(message: impl Into<String>) -> Verdict<T> {
    Err(Outcome::Fail(message.into()))
}

/// Passes when `condition` holds.
pub(crate) fn check(condition: bool, message: impl FnOnce() -> String) -> Verdict {
    if condition { Ok(()) } else { fail(message()) }
}

/// Passes when both are equal; the message says what they are.
pub(crate) fn same<G: Debug + PartialEq<W>, W: Debug>(what: &str, got: G, want: W) -> Verdict {
    check(got == want, || format!("{what}: got {got:?}, want {want:?}"))
}

/// Passes when they differ.
pub(crate) fn differ<G: Debug + PartialEq<W>, W: Debug>(what: &str, got: G, other: W) -> Verdict {
    check(got != other, || format!("{what}: both are {got:?}"))
}
