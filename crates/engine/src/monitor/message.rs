//! What a monitor and its clients say to each other.

use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use barque_runtime::Failure;
use barque_runtime::execute::TracedStep;
use barque_sys::channel::Channel;
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::Streams;
use crate::health::{HealthStatus, Probed};
use crate::state::{End, Request};
use crate::{Error, ErrorKind, Result};

/// What a client says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum ToMonitor {
    /// It wants to be attached to these; answered with [`FromMonitor::Attached`].
    Attach(Streams),
    /// A standard stream of the client's comes with this: 1 or 2.
    Stream(u8),
    /// A signal that the client got itself, and passes on.
    Signal(i32),
    /// It wants to hear how healthy the container is; answered with [`FromMonitor::Health`] now and at each change.
    Health,
    /// The container is to be asked at once how healthy it is; answered with [`FromMonitor::Probed`].
    Probe,
    /// A signal for the container; answered with [`FromMonitor::Done`].
    Ask {
        /// What for.
        what: Request,
        /// Which.
        signal: i32,
        /// After so many milliseconds it is killed.
        patience: Option<u64>,
    },
}

/// What a monitor says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum FromMonitor {
    /// The container runs. With its input, where that was asked for.
    Started(Started),
    /// It could not be started.
    Failed(Failure),
    /// The client is attached. With the container's input, where that was asked for.
    Attached {
        /// Whether the container has a terminal.
        terminal: bool,
    },
    /// What was asked for is done.
    Done,
    /// What was asked for cannot be.
    Refused(Failure),
    /// How healthy the container is.
    Health(HealthStatus),
    /// What it has answered.
    Probed(Probed),
    /// The container has ended.
    Ended(End),
}

/// A container that was started.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Started {
    /// What the user should know.
    pub warnings: Vec<String>,
    /// Where the time went; empty unless that was asked for.
    pub trace: Vec<TracedStep>,
    /// All of it, in microseconds.
    pub total: u64,
}

pub(super) fn send<T: Serialize>(channel: &Channel, message: &T, fd: Option<BorrowedFd<'_>>) -> Result<()> {
    let text = serde_json::to_vec(message).unwrap_or_default();
    let sent = match fd {
        Some(fd) => channel.send_with_fd(&text, fd.as_fd()),
        None => channel.send(&text),
    };
    sent.map_err(|error| match error.errno() {
        Errno::PIPE | Errno::CONNRESET => gone(),
        _ => error.into(),
    })
}

/// The other side is not there any more.
pub(super) fn gone() -> Error {
    Error::new(ErrorKind::Unavailable, "the container's monitor was killed")
        .hint("the container may still run: see `barque ps`")
}

/// The next message with the descriptor it carried; none when the other side is gone.
pub(super) fn receive<T: serde::de::DeserializeOwned>(
    channel: &Channel,
) -> Result<Option<(T, Option<OwnedFd>)>> {
    let (bytes, fd) = channel.receive()?;
    if bytes.is_empty() {
        return Ok(None);
    }
    let message = serde_json::from_slice(&bytes).map_err(|error| {
        let text = String::from_utf8_lossy(&bytes);
        Error::new(ErrorKind::Internal, format!("message {text:?} is not understood: {error}"))
    })?;
    Ok(Some((message, fd)))
}
