//! The crate's error.

use std::fmt;

pub use barque_sys::ErrorKind;

/// What a fallible function of this crate returns.
pub type Result<T> = std::result::Result<T, Error>;

/// Something that went wrong, what it was about, and, where it can be known, the cure.
///
/// Messages are lowercase fragments with the values in; a cause is never repeated by what wraps it.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    hint: Option<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error of a kind with its message.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None, source: None }
    }

    /// Something the caller gave is wrong: names the thing.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidArgument, message)
    }

    /// This kernel, host or build cannot do it.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unsupported, message)
    }

    /// Adds what to do about it: a sentence a user can act on.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the error underneath.
    #[must_use]
    pub fn source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Puts what was being done before the message: `what: message`.
    #[must_use]
    pub fn context(mut self, what: impl fmt::Display) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }

    /// With another kind.
    #[must_use]
    pub fn with_kind(mut self, kind: ErrorKind) -> Self {
        self.kind = kind;
        self
    }

    /// A failed operation on a file, written like a system call: `open("/x"): no space left on device`.
    pub(crate) fn from_io(error: std::io::Error, call: impl Into<String>) -> Self {
        let call = call.into();
        match error.raw_os_error() {
            Some(errno) => barque_sys::Error::new(call, rustix::io::Errno::from_raw_os_error(errno)).into(),
            None => Self::new(ErrorKind::Internal, call).source(error),
        }
    }

    /// What kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What to do about it, where that is known.
    pub fn cure(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        let mut cause = self.source.as_deref().map(|source| source as &dyn std::error::Error);
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

impl From<barque_sys::Error> for Error {
    fn from(error: barque_sys::Error) -> Self {
        Self::new(error.kind(), error.to_string())
    }
}

/// Adds what was being done to a failure, in the words of the one who asked for it.
pub trait Context<T> {
    /// `what: error`; the closure runs only on failure.
    fn context<D: fmt::Display>(self, what: impl FnOnce() -> D) -> Result<T>;
}

impl<T, E: Into<Error>> Context<T> for std::result::Result<T, E> {
    fn context<D: fmt::Display>(self, what: impl FnOnce() -> D) -> Result<T> {
        self.map_err(|error| error.into().context(what()))
    }
}
