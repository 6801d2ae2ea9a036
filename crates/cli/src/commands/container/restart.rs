//! `barque restart`.

use std::os::fd::OwnedFd;

use barque_engine::life;
use barque_engine::monitor::Streams;
use barque_engine::state::Request;
use barque_engine::{Containers, Places};

use super::each;
use crate::flags::Parsed;
use crate::{Result, console};

/// Stops containers, and starts them again.
pub(super) fn restart(flags: &Parsed, places: &Places, executable: Option<OwnedFd>) -> Result<i32> {
    let containers = Containers::new(places.clone());
    let how = super::stop::how(flags, Request::Restart)?;
    let mut executable = executable;
    Ok(each(flags.positional(), |name| {
        let container = containers.find(name)?;
        life::stop(&container, how)?;
        life::start(&container, Streams::default(), executable.take(), false)?;
        console::out(&format!("{name}\n"));
        Ok(())
    }))
}
