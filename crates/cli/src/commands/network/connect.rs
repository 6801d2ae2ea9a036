//! `barque network connect` and `barque network disconnect`.

use barque_engine::definition::Membership;
use barque_engine::{Containers, Places, life};

use crate::flags::Parsed;
use crate::run::membership;
use crate::{ErrorKind, Result};

/// Puts a container into a network.
pub(super) fn connect(flags: &Parsed, places: &Places) -> Result<i32> {
    let [network, name] = flags.positional() else { return Ok(1) };
    let container = Containers::new(places.clone()).find(name)?;
    let flags = membership(flags, "alias")?;
    life::connect(&container, Membership { name: network.clone(), ..flags })?;
    Ok(0)
}

/// Takes a container out of a network.
pub(super) fn disconnect(flags: &Parsed, places: &Places) -> Result<i32> {
    let [network, name] = flags.positional() else { return Ok(1) };
    match Containers::new(places.clone()).find(name) {
        Err(error) if error.kind() == ErrorKind::NotFound && flags.switch("force") => {}
        container => life::disconnect(&container?, network)?,
    }
    Ok(0)
}
