//! The crate's error.

use std::fmt;

pub use barque_sys::ErrorKind;

/// What a fallible function of this crate returns.
pub type Result<T> = std::result::Result<T, Error>;

/// Something wrong with a Dockerfile or its build, where in it, and, where it can be known, the cure.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    place: Place,
    hint: Option<String>,
}

/// Where something went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Unknown,
    /// In the text, on this line.
    Text(usize),
    /// While an instruction was carried out: its first and its last line.
    Step(usize, usize),
}

impl Error {
    /// An error of a kind with its message.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), place: Place::Unknown, hint: None }
    }

    /// Something in the text is wrong.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidArgument, message)
    }

    /// This version, kernel or host cannot do it.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unsupported, message)
    }

    /// A failed operation on a file, written like a system call.
    pub(crate) fn from_io(error: &std::io::Error, call: impl Into<String>) -> Self {
        let call = call.into();
        match error.raw_os_error().map(rustix::io::Errno::from_raw_os_error) {
            Some(errno) => barque_sys::Error::new(call, errno).into(),
            None => Self::new(ErrorKind::Internal, format!("{call}: {error}")),
        }
    }

    /// Adds what to do about it: a sentence a user can act on.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Puts what was being done before the message: `what: message`.
    #[must_use]
    pub fn context(mut self, what: impl fmt::Display) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }

    /// Says on which line it is, counted from 1, unless that is known better already.
    #[must_use]
    pub fn on_line(mut self, line: usize) -> Self {
        if self.place == Place::Unknown {
            self.place = Place::Text(line);
        }
        self
    }

    /// Says which instruction was carried out, by its first and last line, unless that is known better already.
    #[must_use]
    pub fn in_step(mut self, (first, last): (usize, usize)) -> Self {
        if self.place == Place::Unknown {
            self.place = Place::Step(first, last);
        }
        self
    }

    /// What kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The line it is on, counted from 1.
    pub fn line(&self) -> Option<usize> {
        self.lines().map(|(first, _)| first)
    }

    /// The first and the last line it is about, counted from 1.
    pub fn lines(&self) -> Option<(usize, usize)> {
        match self.place {
            Place::Unknown => None,
            Place::Text(line) => Some((line, line)),
            Place::Step(first, last) => Some((first, last)),
        }
    }

    /// What to do about it, where that is known.
    pub fn cure(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Place::Text(line) => write!(f, "dockerfile parse error on line {line}: {}", self.message),
            _ => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for Error {}

impl From<barque_sys::Error> for Error {
    fn from(error: barque_sys::Error) -> Self {
        Self::new(error.kind(), error.to_string())
    }
}

impl From<barque_engine::Error> for Error {
    fn from(error: barque_engine::Error) -> Self {
        let told = Self::new(error.kind(), error.to_string());
        Self { hint: error.cure().map(str::to_owned), ..told }
    }
}

impl From<barque_image::Error> for Error {
    fn from(error: barque_image::Error) -> Self {
        let told = Self::new(error.kind(), error.to_string());
        Self { hint: error.cure().map(str::to_owned), ..told }
    }
}
