//! `stop`, `kill`, `pause`, `unpause`.

use std::time::Duration;

use barque_sys::process;

use super::reap;
use crate::state::{End, Request};
use crate::{Container, Error, ErrorKind, Result, Status, events, monitor};

/// How a container is stopped.
#[derive(Debug, Clone, Copy)]
pub struct Stop {
    /// What for.
    pub what: Request,
    /// The signal that asks it; else the container's own.
    pub signal: Option<i32>,
    /// Seconds that it has for that, else the container's own; negative: any time.
    pub patience: Option<i64>,
}

/// Stops a container, and waits for its end. Nothing happens to one that does not run.
pub fn stop(container: &Container, stop: Stop) -> Result<Option<End>> {
    let now = container.now()?;
    if !now.status.is_up() && now.status != Status::Restarting {
        return Ok(None);
    }
    let signal = stop.signal.unwrap_or(container.definition.stop_signal);
    let seconds = stop.patience.unwrap_or(container.definition.stop_timeout);
    let patience = u64::try_from(seconds).ok().map(|seconds| seconds * 1000);
    if now.status == Status::Paused {
        // What is frozen heeds no signal.
        drop(container.running()?.resume());
    }
    events::of_container(container, "kill", &[("signal", &signal.to_string())]);
    let end = match monitor::ask(container, stop.what, signal, patience)? {
        Some(client) => match client.ended() {
            Ok(end) => Some(end),
            Err(error) if error.kind() == ErrorKind::Unavailable => unwatched(container, signal, patience)?,
            Err(error) => return Err(error),
        },
        None => unwatched(container, signal, patience)?,
    };
    if stop.what != Request::Remove {
        events::of_container(container, "stop", &[]);
    }
    Ok(end)
}

/// Stops one whose monitor was killed.
fn unwatched(container: &Container, signal: i32, patience: Option<u64>) -> Result<Option<End>> {
    let (container, lock) = container.lock()?;
    if let Ok(runtime) = container.running()
        && let Some(pid) = runtime.process.as_ref().map(|process| process.pid)
    {
        let pidfd = process::open_raw(pid)?;
        // It may end by itself meanwhile.
        drop(runtime.kill(signal));
        let patience = patience.map_or(Duration::MAX, Duration::from_millis);
        if !process::ends_within(&pidfd, patience.min(Duration::from_secs(u64::from(u32::MAX))))? {
            drop(runtime.kill(9));
            process::ends_within(&pidfd, Duration::from_secs(10))?;
        }
    }
    Ok(reap(&container, &lock)?.state.end)
}

/// Sends a signal to a container that runs.
pub fn kill(container: &Container, signal: i32) -> Result<()> {
    let rests = || {
        let (name, id) = (container.name(), container.id());
        Error::new(
            ErrorKind::Conflict,
            format!("cannot kill container: {name}: container {id} is not running"),
        )
    };
    if !container.now()?.status.is_up() {
        return Err(rests());
    }
    // A container that the signal ends stays so, as with Docker, where the policy does not apply to what a user kills.
    let fatal = signal == 9 || signal == container.definition.stop_signal;
    let what = if fatal { Request::KillForGood } else { Request::Kill };
    events::of_container(container, "kill", &[("signal", &signal.to_string())]);
    let heard = match monitor::ask(container, what, signal, None)? {
        // Whether it heeds the signal is its own business, but not for one that cannot be ignored.
        Some(client) if signal == 9 => client.ended().map(drop),
        Some(client) => client.told(),
        None => container.running().and_then(|runtime| runtime.kill(signal)),
    };
    match heard {
        // The monitor was killed, or has come to its end before it heard us.
        Err(error) if error.kind() == ErrorKind::Unavailable => {
            container.running().and_then(|runtime| runtime.kill(signal))
        }
        heard => heard,
    }
    .map_err(|error| if error.kind() == ErrorKind::Conflict { rests() } else { error })
}

/// Freezes every process of a container.
pub fn pause(container: &Container) -> Result<()> {
    let (container, _lock) = container.lock()?;
    if container.now()?.status == Status::Paused {
        let message = format!("container {} is already paused", container.name());
        return Err(Error::new(ErrorKind::Conflict, message));
    }
    match container.running()?.pause() {
        // It has ended meanwhile: a file of its cgroup that has gone is not what to complain of.
        Err(_) if !container.now()?.status.is_up() => container.running().map(drop),
        paused => {
            paused?;
            events::of_container(&container, "pause", &[]);
            Ok(())
        }
    }
}

/// Lets its processes go on.
pub fn unpause(container: &Container) -> Result<()> {
    let (container, _lock) = container.lock()?;
    let rests = || Error::new(ErrorKind::Conflict, format!("container {} is not paused", container.name()));
    if container.now()?.status != Status::Paused {
        return Err(rests());
    }
    match container.running()?.resume() {
        // Somebody has killed it, which thaws it, too.
        Err(_) if container.now()?.status != Status::Paused => Err(rests()),
        resumed => {
            resumed?;
            events::of_container(&container, "unpause", &[]);
            Ok(())
        }
    }
}
