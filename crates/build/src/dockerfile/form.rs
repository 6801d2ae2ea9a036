//! The forms that arguments come in: flags, JSON, shell.

use super::words;
use crate::{Error, Result};

/// `--name=value` before the arguments of an instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    /// Without the dashes.
    pub name: String,
    /// Absent for a flag alone: `--link`.
    pub value: Option<String>,
}

/// A command to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// `["program", "argument"]`: run as it is.
    Exec(Vec<String>),
    /// Anything else: given to the shell.
    Shell(String),
}

impl Command {
    /// Reads a command: in the exec form where it is an array of strings in JSON, else in the shell form.
    pub(super) fn parse(text: &str) -> Self {
        json(text).map_or_else(|| Self::Shell(text.to_owned()), Self::Exec)
    }

    /// Whether nothing is to be run.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Exec(words) => words.is_empty(),
            Self::Shell(text) => text.is_empty(),
        }
    }
}

/// The strings of an array in JSON. Nothing else is one: `[ -f x ] && y` is a command of the shell.
pub(super) fn json(text: &str) -> Option<Vec<String>> {
    if !text.starts_with('[') {
        return None;
    }
    serde_json::from_str(text).ok()
}

/// A list of words, in JSON where a word has a blank in it.
pub(super) fn list(text: &str) -> Vec<String> {
    json(text).unwrap_or_else(|| text.split_whitespace().map(str::to_owned).collect())
}

/// Takes the flags off the front; gives what is left.
pub(super) fn flags(text: &str, escape: char) -> Result<(Vec<Flag>, &str)> {
    let mut flags = Vec::new();
    let mut rest = text.trim_start();
    while rest.starts_with("--") {
        let end = end_of_word(rest, escape);
        let word = words::unquoted(&rest[2..end], escape);
        rest = rest[end..].trim_start();
        if word.is_empty() {
            // `--` alone ends the flags.
            break;
        }
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (word, None),
        };
        if !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
            return Err(Error::invalid(format!("unknown flag: {name}")));
        }
        flags.push(Flag { name, value });
    }
    Ok((flags, rest))
}

/// Where the first word ends, in bytes.
fn end_of_word(text: &str, escape: char) -> usize {
    let mut quote = None;
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match (quote, c) {
            (None, c) if c.is_whitespace() => return at,
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            (_, c) if c == escape && quote != Some('\'') => drop(chars.next()),
            _ => {}
        }
    }
    text.len()
}
