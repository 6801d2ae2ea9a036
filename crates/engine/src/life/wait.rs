//! `wait`.

use std::time::Duration;

use crate::health::HealthStatus;
use crate::{Container, Error, ErrorKind, Result, monitor};

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// It does not run: true at once for one that has ended.
    NotRunning,
    /// Its next end.
    NextExit,
    /// It is gone.
    Removed,
}

/// How often one without a monitor is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// Waits, and returns the exit code of the container's last run.
pub fn wait(container: &Container, condition: Condition) -> Result<i32> {
    let now = container.now()?;
    let mut code = now.state.end.map_or(0, |end| end.code);
    if condition == Condition::NotRunning && !now.status.is_up() {
        return Ok(code);
    }
    loop {
        // Connected first and asked then: an end between the two is not missed.
        let client = monitor::connect(container)?;
        let now = match container.now() {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(code),
            now => now?,
        };
        let up = now.status.is_up();
        if let Some(end) = now.state.end.filter(|_| !up) {
            code = end.code;
        }
        match (client, condition) {
            (Some(client), _) if up => match client.ended() {
                Ok(end) if condition != Condition::Removed => return Ok(end.code),
                Ok(end) => code = end.code,
                // The monitor was killed.
                Err(error) if error.kind() == ErrorKind::Unavailable => {}
                Err(error) => return Err(error),
            },
            (_, Condition::NotRunning) if !up => return Ok(code),
            (_, Condition::Removed)
                if !container.directory().join(crate::containers::DEFINITION).exists() =>
            {
                return Ok(code);
            }
            _ => std::thread::sleep(LOOK),
        }
    }
}

/// Waits until a container that runs is as healthy as it is wanted. One that ends before that is an error.
pub fn wait_for_health(container: &Container, wanted: HealthStatus) -> Result<()> {
    if container.definition.health.is_none() {
        return Err(Error::new(
            ErrorKind::Conflict,
            format!("container {} has no health check", container.name()),
        )
        .hint("give it one when it is made: --health-cmd, --health-tcp or --health-http"));
    }
    let client = monitor::connect(container)?.ok_or_else(|| not_watched(container))?;
    client.ask_health().map_err(|error| or_gone(container, error))?;
    while let Some(status) = client.health().map_err(|error| or_gone(container, error))? {
        if status == wanted {
            return Ok(());
        }
    }
    let wanted = wanted.name();
    Err(Error::new(
        ErrorKind::Conflict,
        format!("container {} ended before it was {wanted}", container.name()),
    ))
}

/// An error of talking to a monitor, which may have gone with its container meanwhile: then that is the reason.
pub(super) fn or_gone(container: &Container, error: Error) -> Error {
    match container.now() {
        Ok(now) if now.status.is_up() => error,
        _ => not_watched(container),
    }
}

/// Why nobody asks it how it is.
pub(super) fn not_watched(container: &Container) -> Error {
    let name = container.name();
    match container.now() {
        Ok(now) if now.status.is_up() => Error::new(
            ErrorKind::Unavailable,
            format!("the monitor of container {name} was killed: nobody looks at its health"),
        )
        .hint(format!("restart it: barque restart {name}")),
        _ => Error::new(ErrorKind::Conflict, format!("container {name} is not running"))
            .hint(format!("start it: barque start {name}")),
    }
}
