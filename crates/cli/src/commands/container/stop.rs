//! `barque stop`.

use barque_engine::life::{self, Stop};
use barque_engine::state::Request;
use barque_engine::{Containers, Places};

use super::each;
use crate::flags::Parsed;
use crate::value::{integer, signal_number};
use crate::{Error, Result, console};

/// Stops containers.
pub(super) fn stop(flags: &Parsed, places: &Places) -> Result<i32> {
    let containers = Containers::new(places.clone());
    let how = how(flags, Request::Stop)?;
    Ok(each(flags.positional(), |name| {
        life::stop(&containers.find(name)?, how)?;
        console::out(&format!("{name}\n"));
        Ok(())
    }))
}

/// What the flags say of signal and patience.
pub(super) fn how(flags: &Parsed, what: Request) -> Result<Stop> {
    let patience = flags.read("timeout", integer::<i64>)?.or(flags.read("time", integer::<i64>)?);
    Ok(Stop { what, signal: signal(flags)?, patience })
}

/// `--signal`.
pub(super) fn signal(flags: &Parsed) -> Result<Option<i32>> {
    let read = |text: &str| {
        let invalid = || Error::invalid(format!("Invalid signal: {text}"));
        signal_number(text).ok_or_else(|| invalid().hint("give a name (TERM, SIGTERM) or a number (15)"))
    };
    flags.value("signal").map(read).transpose()
}
