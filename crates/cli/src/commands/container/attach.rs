//! `barque attach`.

use barque_engine::monitor::{self, Streams};
use barque_engine::{Container, Containers, Places, Status};

use super::attached::{Attached, Session};
use crate::flags::Parsed;
use crate::terminal::DetachKeys;
use crate::{Error, ErrorKind, Result};

/// Attaches to a container that runs; returns its exit code.
pub(super) fn attach(flags: &Parsed, places: &Places) -> Result<i32> {
    let [name] = flags.positional() else { return Ok(1) };
    let container = Containers::new(places.clone()).find(name)?;
    let keys = flags.read("detach-keys", DetachKeys::parse)?.unwrap_or_default();
    let refuse = |message: &str| Err(Error::new(ErrorKind::Conflict, message));
    match container.now()?.status {
        Status::Running => {}
        Status::Paused => {
            return refuse("you cannot attach to a paused container, unpause it first");
        }
        Status::Restarting => {
            return refuse("you cannot attach to a restarting container, wait until it is running");
        }
        Status::Created | Status::Exited => {
            return refuse("you cannot attach to a stopped container, start it first");
        }
    }
    let input = container.definition.interactive && !flags.switch("no-stdin");
    let streams = Streams { input, output: true, error: true };
    let proxy = flags.value("sig-proxy") != Some("false");
    to(&container, Session::begin(input && container.definition.tty)?, streams, proxy, keys)
}

/// Attaches, and lasts until the container's end or the detach keys.
pub(super) fn to(
    container: &Container,
    session: Session,
    streams: Streams,
    proxy: bool,
    keys: DetachKeys,
) -> Result<i32> {
    let monitor::Attached { client, input, terminal } = monitor::attach(container, streams)?;
    session.last(Attached { client, input, reads: streams.input, terminal, proxy, keys })
}
