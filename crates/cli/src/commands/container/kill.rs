//! `barque kill`.

use barque_engine::{Containers, Places, life};

use super::each;
use crate::flags::Parsed;
use crate::{Result, console};

/// SIGKILL.
const KILL: i32 = 9;

/// Sends a signal to containers.
pub(super) fn kill(flags: &Parsed, places: &Places) -> Result<i32> {
    let containers = Containers::new(places.clone());
    let signal = super::stop::signal(flags)?.unwrap_or(KILL);
    Ok(each(flags.positional(), |name| {
        life::kill(&containers.find(name)?, signal)?;
        console::out(&format!("{name}\n"));
        Ok(())
    }))
}
