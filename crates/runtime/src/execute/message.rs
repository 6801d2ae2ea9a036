//! What creator and container say to each other.

use std::os::fd::OwnedFd;

use super::trace::TracedStep;
use crate::plan::Mark;
use crate::{Error, ErrorKind, Failure, Result};
use barque_sys::channel::Channel;

/// A message.
#[derive(Debug)]
pub(crate) enum Message {
    /// A point is reached.
    Mark(Mark),
    /// The container could not go on; what went wrong.
    Failed(Error),
    /// Something the user should know.
    Warning(String),
    /// The other end of the container's terminal.
    Console(OwnedFd),
    /// A mount the creator has prepared.
    Mount(OwnedFd),
    /// The network namespace the creator has made.
    Network(OwnedFd),
    /// The process that goes on in the container's place, after it forked once more.
    Process(OwnedFd),
    /// Steps done, for a trace.
    Trace(Vec<TracedStep>),
    /// The number that the descriptor of the filter's listener will have.
    Listener(i32),
    /// The other side is gone: it ended, or became the program.
    Closed,
}

impl Message {
    /// Sends it.
    pub(crate) fn send(&self, channel: &Channel) -> Result<()> {
        match self {
            Self::Mark(mark) => channel.send(&[b'M', *mark as u8])?,
            Self::Warning(text) => channel.send(&[b"W", text.as_bytes()].concat())?,
            Self::Console(fd) => channel.send_with_fd(b"C", std::os::fd::AsFd::as_fd(fd))?,
            Self::Mount(fd) => channel.send_with_fd(b"T", std::os::fd::AsFd::as_fd(fd))?,
            Self::Network(fd) => channel.send_with_fd(b"N", std::os::fd::AsFd::as_fd(fd))?,
            Self::Process(fd) => channel.send_with_fd(b"P", std::os::fd::AsFd::as_fd(fd))?,
            Self::Failed(error) => {
                let failure = Failure::from(error);
                let text = serde_json::to_vec(&failure).unwrap_or_default();
                channel.send(&[b"E", &text[..]].concat())?;
            }
            Self::Trace(steps) => {
                channel.send(&[&b"S"[..], &serde_json::to_vec(steps).unwrap_or_default()].concat())?;
            }
            Self::Listener(number) => channel.send(&[&b"L"[..], &number.to_ne_bytes()].concat())?,
            Self::Closed => {}
        }
        Ok(())
    }

    /// Waits for the next one.
    pub(crate) fn receive(channel: &Channel) -> Result<Self> {
        let (bytes, fd) = channel.receive()?;
        let Some((tag, rest)) = bytes.split_first() else { return Ok(Self::Closed) };
        let message = match (tag, fd) {
            (b'M', _) => rest.first().and_then(|byte| Mark::from_byte(*byte)).map(Self::Mark),
            (b'W', _) => Some(Self::Warning(String::from_utf8_lossy(rest).into_owned())),
            (b'E', _) => Some(Self::Failed(failure(rest))),
            (b'C', Some(fd)) => Some(Self::Console(fd)),
            (b'T', Some(fd)) => Some(Self::Mount(fd)),
            (b'N', Some(fd)) => Some(Self::Network(fd)),
            (b'P', Some(fd)) => Some(Self::Process(fd)),
            (b'S', _) => serde_json::from_slice(rest).ok().map(Self::Trace),
            (b'L', _) => rest.try_into().ok().map(i32::from_ne_bytes).map(Self::Listener),
            _ => None,
        };
        message.ok_or_else(|| Error::new(ErrorKind::Internal, format!("message {bytes:?} is not understood")))
    }
}

fn failure(text: &[u8]) -> Error {
    match serde_json::from_slice::<Failure>(text) {
        Ok(failure) => failure.into(),
        Err(_) => Error::new(ErrorKind::Internal, String::from_utf8_lossy(text).into_owned()),
    }
}
