//! `barque rename`.

use barque_engine::{Containers, Places, life};

use crate::Result;
use crate::flags::Parsed;

/// Gives a container another name.
pub(super) fn rename(flags: &Parsed, places: &Places) -> Result<i32> {
    let [old, new] = flags.positional() else { return Ok(1) };
    life::rename(&Containers::new(places.clone()).find(old)?, new)?;
    Ok(0)
}
