//! `barque top`.

use barque_engine::{Containers, Places};

use crate::flags::Parsed;
use crate::oci::host_ps;
use crate::{Result, console};

/// Lists the processes of a container, as the host's `ps` shows them.
pub(super) fn top(flags: &Parsed, places: &Places) -> Result<i32> {
    let [name, options @ ..] = flags.positional() else { return Ok(1) };
    let runtime = Containers::new(places.clone()).find(name)?.running()?;
    console::out(&host_ps(&runtime.cgroup()?.pids()?, options)?);
    Ok(0)
}
