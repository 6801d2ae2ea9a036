//! `start`.

use std::os::fd::OwnedFd;

use super::reap;
use crate::monitor::{self, Client, Launch, Streams};
use crate::{Container, Result};

/// Starts a container that does not run. None when it runs already. The caller must have one thread.
pub fn start(
    container: &Container,
    streams: Streams,
    executable: Option<OwnedFd>,
    traced: bool,
) -> Result<Option<(Client, monitor::Started, Option<OwnedFd>)>> {
    let (container, lock) = container.lock()?;
    if container.now()?.status.is_up() {
        return Ok(None);
    }
    monitor::ended(&container)?;
    reap(&container, &lock)?;
    let config = container.config()?;
    let spec = container.spec(&config)?;
    let launch =
        Launch { container: &container, spec: &spec, config: config.as_bytes(), executable, streams, traced };
    let client = monitor::launch(launch)?;
    let (started, input) = client.started()?;
    Ok(Some((client, started, input)))
}
