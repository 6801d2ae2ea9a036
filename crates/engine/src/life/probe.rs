//! `healthcheck run`.

use super::wait::{not_watched, or_gone};
use crate::health::Probed;
use crate::{Container, Error, ErrorKind, Result, Status, monitor};

/// Has a container that runs asked at once how healthy it is. What it answers counts like any other answer.
pub fn probe(container: &Container) -> Result<Probed> {
    if container.definition.health.is_none() {
        return Err(Error::new(
            ErrorKind::Conflict,
            format!("container {} has no health check", container.name()),
        )
        .hint("give it one when it is made: --health-cmd, --health-tcp or --health-http"));
    }
    if container.now()?.status == Status::Paused {
        return Err(Error::new(ErrorKind::Conflict, format!("container {} is paused", container.name())));
    }
    let client = monitor::connect(container)?.ok_or_else(|| not_watched(container))?;
    match client.probe() {
        Ok(Some(probed)) => Ok(probed),
        Err(error) => Err(or_gone(container, error)),
        Ok(None) => Err(Error::new(
            ErrorKind::Conflict,
            format!("container {} ended before it answered", container.name()),
        )),
    }
}
