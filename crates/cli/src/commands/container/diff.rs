//! `barque diff`.

use barque_engine::{Containers, Places, files};

use crate::flags::Parsed;
use crate::{Result, console};

/// Shows what a container has changed.
pub(super) fn diff(flags: &Parsed, places: &Places) -> Result<i32> {
    let [name] = flags.positional() else { return Ok(1) };
    let changes = files::diff(&Containers::new(places.clone()).find(name)?)?;
    console::out(&changes.iter().map(|change| format!("{change}\n")).collect::<String>());
    Ok(0)
}
