//! Variables in words, and quotes taken away, as the shell of the Dockerfile language does it.
//!
//! `$name`, `${name}`, `${name:-word}`, `:+`, `:?` (and without the colon: whether it is set, not whether it is empty),
//! `${name#pattern}`, `##`, `%`, `%%` (a prefix or a suffix cut off), `${name/pattern/word}`, `//`. Single quotes take every
//! meaning away, double quotes that of blanks.

mod lexer;
mod pattern;

use std::collections::BTreeSet;

use crate::Result;

/// Where variables are looked up.
pub trait Variables {
    /// The value of a variable that is set.
    fn get(&self, name: &str) -> Option<&str>;
}

impl Variables for std::collections::BTreeMap<String, String> {
    fn get(&self, name: &str) -> Option<&str> {
        self.get(name).map(String::as_str)
    }
}

/// A word expanded, or several.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expanded {
    /// As one text.
    pub text: String,
    /// As words: apart at blanks that were not quoted, also those that came out of variables.
    pub words: Vec<String>,
    /// The variables that it names and that are not set.
    pub unset: BTreeSet<String>,
    /// The variables that it names and that are set.
    pub used: BTreeSet<String>,
}

/// Expands a text.
pub fn expand(text: &str, escape: char, variables: &dyn Variables) -> Result<Expanded> {
    lexer::Lexer::new(text, escape, variables).run()
}

/// Expands the variables of a heredoc, and nothing else of it.
pub fn expand_text(text: &str, escape: char, variables: &dyn Variables) -> Result<String> {
    lexer::Lexer::new(text, escape, variables).document()
}

#[cfg(test)]
mod tests;
