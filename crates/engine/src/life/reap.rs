//! After a monitor that was killed: its container's end is noticed, and what the run has made is taken away.

use barque_network::{Networks, detach};

use crate::start::from_network;
use crate::state::{End, Known, VERSION};
use crate::{Container, ErrorKind, Lock, Now, Result, Time};

/// The exit code of a container of whose end nothing is known.
const UNKNOWN: i32 = 255;

/// Takes away what a container's last run has left, if its monitor could not. The lock says that nobody starts it
/// meanwhile. How it is then.
pub fn reap(container: &Container, _: &Lock) -> Result<Now> {
    let now = container.now()?;
    if !now.remains {
        return Ok(now);
    }
    match container.places().runtime().open(container.id()).and_then(|runtime| runtime.delete(true)) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    if let Some(request) = &container.definition.network.request {
        // Which addresses it had is not known here; the network's next user takes them back with the device's end.
        let networks = Networks::new(&container.places().root);
        let leases: Vec<_> = request.memberships().into_iter().map(|one| (one.name, Vec::new())).collect();
        drop(detach(&networks, container.id(), &leases).map_err(from_network)?);
    }
    let mut state = now.state;
    if state.end.is_none() && state.started.is_some() {
        let boot = barque_runtime::container::boot_id()?;
        let error = if state.boot == boot { "its monitor was killed" } else { "the machine went down" };
        state.end = Some(End {
            time: Time::now(),
            code: UNKNOWN,
            error: format!("{error}: how it ended is not known"),
            known: Known::Lost,
            ..End::default()
        });
    }
    (state.version, state.next_start) = (VERSION, None);
    state.write(&container.directory())?;
    container.now()
}
