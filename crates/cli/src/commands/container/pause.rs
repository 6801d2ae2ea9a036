//! `barque pause` and `barque unpause`.

use barque_engine::{Container, Containers, Places, life};

use super::each;
use crate::flags::Parsed;
use crate::{Result, console};

/// Freezes containers.
pub(super) fn pause(flags: &Parsed, places: &Places) -> Result<i32> {
    all(flags, places, life::pause)
}

/// Lets them go on.
pub(super) fn unpause(flags: &Parsed, places: &Places) -> Result<i32> {
    all(flags, places, life::unpause)
}

fn all(flags: &Parsed, places: &Places, act: fn(&Container) -> Result<()>) -> Result<i32> {
    let containers = Containers::new(places.clone());
    Ok(each(flags.positional(), |name| {
        act(&containers.find(name)?)?;
        console::out(&format!("{name}\n"));
        Ok(())
    }))
}
