//! A monitor's client: the side of the commands.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use barque_sys::channel::Channel;

use super::Streams;
use super::message::{self, FromMonitor, Started, ToMonitor};
use super::place::Place;
use crate::health::{HealthStatus, Probed};
use crate::state::{End, Request};
use crate::{Container, Error, ErrorKind, Result};

/// A connection to a monitor. Its descriptor is readable when the monitor has said something.
#[derive(Debug)]
pub struct Client {
    channel: Channel,
}

/// A client that is attached.
#[derive(Debug)]
pub struct Attached {
    /// The connection: whoever drops it is detached.
    pub client: Client,
    /// Where the container's input goes: a pipe, or the main side of its terminal.
    pub input: Option<OwnedFd>,
    /// Whether the container has a terminal.
    pub terminal: bool,
}

impl Client {
    pub(super) fn new(channel: Channel) -> Self {
        Self { channel }
    }

    /// Waits until the container runs; with its input, where that was asked for.
    pub fn started(&self) -> Result<(Started, Option<OwnedFd>)> {
        match message::receive(&self.channel)? {
            Some((FromMonitor::Started(started), fd)) => Ok((started, fd)),
            Some((FromMonitor::Failed(failure), _)) => Err(failure.into()),
            other => Err(unexpected(other)),
        }
    }

    /// Waits for the container's end.
    pub fn ended(&self) -> Result<End> {
        loop {
            match message::receive(&self.channel)? {
                Some((FromMonitor::Ended(end), _)) => return Ok(end),
                Some((FromMonitor::Refused(failure), _)) => return Err(failure.into()),
                Some((FromMonitor::Done, _)) => {}
                other => return Err(unexpected(other)),
            }
        }
    }

    /// Wants to hear how healthy the container is ([`Client::health`]).
    pub fn ask_health(&self) -> Result<()> {
        message::send(&self.channel, &ToMonitor::Health, None)
    }

    /// How healthy the container is: at first as it is, then at each change. None when it has ended.
    pub fn health(&self) -> Result<Option<HealthStatus>> {
        match message::receive(&self.channel)? {
            Some((FromMonitor::Health(status), _)) => Ok(Some(status)),
            Some((FromMonitor::Ended(_), _)) => Ok(None),
            Some((FromMonitor::Refused(failure), _)) => Err(failure.into()),
            other => Err(unexpected(other)),
        }
    }

    /// Has the container asked at once how healthy it is. None when it ends meanwhile.
    pub fn probe(&self) -> Result<Option<Probed>> {
        message::send(&self.channel, &ToMonitor::Probe, None)?;
        match message::receive(&self.channel)? {
            Some((FromMonitor::Probed(probed), _)) => Ok(Some(probed)),
            Some((FromMonitor::Ended(_), _)) => Ok(None),
            Some((FromMonitor::Refused(failure), _)) => Err(failure.into()),
            other => Err(unexpected(other)),
        }
    }

    /// Passes a signal on to the container.
    pub fn forward(&self, signal: i32) -> Result<()> {
        message::send(&self.channel, &ToMonitor::Signal(signal), None)
    }

    /// Waits until what was asked for is done.
    pub fn told(&self) -> Result<()> {
        match message::receive(&self.channel)? {
            Some((FromMonitor::Done | FromMonitor::Ended(_), _)) => Ok(()),
            Some((FromMonitor::Refused(failure), _)) => Err(failure.into()),
            other => Err(unexpected(other)),
        }
    }

    /// Has a signal sent to the container; after so many milliseconds it is killed.
    pub fn ask(&self, what: Request, signal: i32, patience: Option<u64>) -> Result<()> {
        message::send(&self.channel, &ToMonitor::Ask { what, signal, patience }, None)
    }
}

impl AsFd for Client {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.channel.as_fd()
    }
}

fn unexpected(message: Option<(FromMonitor, Option<OwnedFd>)>) -> Error {
    match message {
        None => message::gone(),
        Some((message, _)) => {
            Error::new(ErrorKind::Internal, format!("the monitor said {message:?} out of turn"))
        }
    }
}

/// Connects to the monitor of a container that is watched.
pub fn connect(container: &Container) -> Result<Option<Client>> {
    let place = Place::new(container.places(), container.id());
    Ok(place.connect()?.map(Client::new))
}

/// Attaches the caller's standard output and error to a container that runs.
pub fn attach(container: &Container, streams: Streams) -> Result<Attached> {
    let client = connect(container)?.ok_or_else(|| {
        Error::new(ErrorKind::Conflict, format!("container {} is not running", container.name()))
            .hint(format!("start it: barque start {}", container.name()))
    })?;
    for (number, stream) in [(1, rustix::stdio::stdout()), (2, rustix::stdio::stderr())] {
        if streams.wants(number) {
            message::send(&client.channel, &ToMonitor::Stream(number), Some(stream))?;
        }
    }
    message::send(&client.channel, &ToMonitor::Attach(streams), None)?;
    match message::receive(&client.channel)? {
        Some((FromMonitor::Attached { terminal }, input)) => Ok(Attached { client, input, terminal }),
        Some((FromMonitor::Refused(failure), _)) => Err(failure.into()),
        other => Err(unexpected(other)),
    }
}

/// Has a signal sent by the monitor, which remembers what for; none when there is no monitor.
pub fn ask(
    container: &Container,
    what: Request,
    signal: i32,
    patience: Option<u64>,
) -> Result<Option<Client>> {
    let Some(client) = connect(container)? else { return Ok(None) };
    match client.ask(what, signal, patience) {
        // It has ended between the two.
        Err(error) if error.kind() == ErrorKind::Unavailable => Ok(None),
        asked => asked.map(|()| Some(client)),
    }
}
