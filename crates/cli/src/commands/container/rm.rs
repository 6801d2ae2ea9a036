//! `barque rm`.

use barque_engine::life::{self, Removal};
use barque_engine::{Containers, Places};

use super::each;
use crate::flags::Parsed;
use crate::{ErrorKind, Result, console};

/// Removes containers.
pub(super) fn rm(flags: &Parsed, places: &Places) -> Result<i32> {
    let containers = Containers::new(places.clone());
    let removal = Removal { force: flags.switch("force"), volumes: flags.switch("volumes") };
    Ok(each(flags.positional(), |name| {
        match containers.find(name) {
            Err(error) if removal.force && error.kind() == ErrorKind::NotFound => {
                console::err(&format!("barque: {error}\n"));
                return Ok(());
            }
            found => life::remove(&found?, removal)?,
        }
        console::out(&format!("{name}\n"));
        Ok(())
    }))
}

/// Removes the container that has a name, for one that takes its place.
pub(super) fn replaced(places: &Places, name: &str) -> Result<()> {
    match Containers::new(places.clone()).find(name) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        found => life::remove(&found?, Removal { force: true, ..Removal::default() }),
    }
}
