//! `barque volume rm`, `barque volume rename`.

use barque_engine::{Places, Volumes};

use crate::commands::verb::each;
use crate::flags::Parsed;
use crate::{ErrorKind, Result, console};

/// Removes volumes; prints their names.
pub(super) fn remove(flags: &Parsed, places: &Places) -> Result<i32> {
    let volumes = Volumes::new(places);
    let force = flags.switch("force");
    Ok(each(flags.positional(), |name| {
        match volumes.remove(name) {
            Err(error) if force && error.kind() == ErrorKind::NotFound => {}
            removed => removed?,
        }
        console::out(&format!("{name}\n"));
        Ok(())
    }))
}

/// Gives a volume another name.
pub(super) fn rename(flags: &Parsed, places: &Places) -> Result<i32> {
    if let [old, new] = flags.positional() {
        Volumes::new(places).rename(old, new)?;
    }
    Ok(0)
}
