//! `start`.

use std::os::fd::OwnedFd;
use std::time::Duration;

use super::reap;
use crate::monitor::{self, Client, Launch, Streams};
use crate::{Container, Error, ErrorKind, Result, Status};

/// How often a monitor that is about to end is looked at.
const LOOK: Duration = Duration::from_millis(1);

/// Starts a container that does not run. None when it runs already, or its policy will start it. The caller must have one thread.
pub fn start(
    container: &Container,
    streams: Streams,
    executable: Option<OwnedFd>,
    traced: bool,
) -> Result<Option<(Client, monitor::Started, Option<OwnedFd>)>> {
    let (container, lock) = container.lock()?;
    loop {
        let now = container.now()?;
        match now.status {
            Status::Running | Status::Restarting => return Ok(None),
            Status::Paused => return Err(paused(&container)),
            Status::Created | Status::Exited if !now.watched => break,
            // Its last monitor is about to end, or to start it again as its policy says.
            Status::Created | Status::Exited => std::thread::sleep(LOOK),
        }
    }
    reap(&container, &lock)?;
    let config = container.config()?;
    let spec = container.spec(&config)?;
    let launch =
        Launch { container: &container, spec: &spec, config: config.as_bytes(), executable, streams, traced };
    let client = monitor::launch(launch)?;
    let (started, input) = client.started()?;
    Ok(Some((client, started, input)))
}

fn paused(container: &Container) -> Error {
    let message = format!("cannot start a paused container, try unpause instead: {}", container.name());
    Error::new(ErrorKind::Conflict, message)
}
