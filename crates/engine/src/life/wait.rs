//! `wait`.

use std::time::Duration;

use crate::{Container, ErrorKind, Result, monitor};

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
