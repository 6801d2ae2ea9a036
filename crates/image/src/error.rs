//! The crate's error.

use std::fmt;

use barque_sys::ErrorKind;

/// What a fallible function of this crate returns.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong with an archive, and where in it.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
}

impl Error {
    /// An error of a kind with its message.
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// Puts what it was about before the message.
    pub(crate) fn context(mut self, what: impl fmt::Display) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }

    /// What kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl From<barque_sys::Error> for Error {
    fn from(error: barque_sys::Error) -> Self {
        Self::new(error.kind(), error.to_string())
    }
}
