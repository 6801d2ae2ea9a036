//! Errors on their way from one process to another.

use serde::{Deserialize, Serialize};

use crate::{Error, ErrorKind};

/// An error as it travels.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Failure {
    kind: u8,
    message: String,
    hint: Option<String>,
}

const KINDS: [ErrorKind; 10] = [
    ErrorKind::NotFound,
    ErrorKind::AlreadyExists,
    ErrorKind::InvalidArgument,
    ErrorKind::Conflict,
    ErrorKind::PermissionDenied,
    ErrorKind::Unsupported,
    ErrorKind::Unavailable,
    ErrorKind::ProgramNotFound,
    ErrorKind::ProgramNotExecutable,
    ErrorKind::Internal,
];

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        let kind = KINDS.iter().position(|kind| *kind == error.kind()).unwrap_or(KINDS.len() - 1);
        Self {
            kind: u8::try_from(kind).unwrap_or_default(),
            message: error.to_string(),
            hint: error.cure().map(str::to_owned),
        }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        let kind = KINDS.get(usize::from(failure.kind)).copied().unwrap_or(ErrorKind::Internal);
        let error = Self::new(kind, failure.message);
        match failure.hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }
}
