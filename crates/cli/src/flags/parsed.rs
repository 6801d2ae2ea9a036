//! What was given on the command line.

use super::{Command, Flag};
use crate::Error;

/// What the arguments ask for.
#[derive(Debug)]
pub enum Outcome {
    /// The help text.
    Help,
    /// The command itself.
    Args(Parsed),
}

/// The flags that were given, with their values as text, and the positional arguments.
#[derive(Debug)]
pub struct Parsed {
    pub(super) command: &'static Command,
    pub(super) given: Vec<(&'static Flag, String)>,
    pub(super) positional: Vec<String>,
}

impl Parsed {
    /// The command they belong to.
    pub fn command(&self) -> &'static Command {
        self.command
    }

    /// The positional arguments.
    pub fn positional(&self) -> &[String] {
        &self.positional
    }

    /// The flag's value, the last one when it was given more than once.
    pub fn value(&self, long: &str) -> Option<&str> {
        self.all(long).last()
    }

    /// All of the flag's values, in order.
    pub fn all(&self, long: &str) -> impl Iterator<Item = &str> {
        debug_assert!(self.command.long(long).is_some(), "{} has no flag --{long}", self.command.path);
        self.given.iter().filter(move |(flag, _)| flag.long == long).map(|(_, value)| value.as_str())
    }

    /// Whether any flag was given.
    pub fn any(&self) -> bool {
        !self.given.is_empty()
    }

    /// Whether the switch is on.
    pub fn switch(&self, long: &str) -> bool {
        self.value(long) == Some("true")
    }

    /// Whether the flag was given at all.
    pub fn has(&self, long: &str) -> bool {
        self.value(long).is_some()
    }

    /// The flag's value, read by `read`, whose complaint is put after the flag and the value.
    pub fn read<T, E: std::fmt::Display>(
        &self,
        long: &str,
        read: impl Fn(&str) -> Result<T, E>,
    ) -> crate::Result<Option<T>> {
        self.value(long).map(|text| read(text).map_err(|why| self.invalid(long, text, why))).transpose()
    }

    /// All of the flag's values, each read by `read`.
    pub fn read_all<T, E: std::fmt::Display>(
        &self,
        long: &str,
        read: impl Fn(&str) -> Result<T, E>,
    ) -> crate::Result<Vec<T>> {
        self.all(long).map(|text| read(text).map_err(|why| self.invalid(long, text, why))).collect()
    }

    /// The complaint about a flag's value, in Docker's words.
    pub fn invalid(&self, long: &str, value: &str, why: impl std::fmt::Display) -> Error {
        let label = self.command.long(long).map_or_else(|| format!("--{long}"), Flag::label);
        Error::invalid(format!("invalid argument {value:?} for \"{label}\" flag: {why}"))
    }
}
