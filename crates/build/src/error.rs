//! The crate's error.

use std::fmt;

pub use barque_sys::ErrorKind;

/// What a fallible function of this crate returns.
pub type Result<T> = std::result::Result<T, Error>;

/// Something wrong with a Dockerfile, where in it, and, where it can be known, the cure.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    line: Option<usize>,
    hint: Option<String>,
}

impl Error {
    /// Something in the text is wrong.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::InvalidArgument, message: message.into(), line: None, hint: None }
    }

    /// Adds what to do about it: a sentence a user can act on.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says on which line it is, counted from 1, unless that is known better already.
    #[must_use]
    pub fn on_line(mut self, line: usize) -> Self {
        self.line.get_or_insert(line);
        self
    }

    /// What kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The line it is on, counted from 1.
    pub fn line(&self) -> Option<usize> {
        self.line
    }

    /// What to do about it, where that is known.
    pub fn cure(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "dockerfile parse error on line {line}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for Error {}
