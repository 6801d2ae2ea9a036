//! `barque healthcheck run`.

use barque_engine::{Containers, Places, life};

use crate::flags::Parsed;
use crate::{Result, console};

/// Asks a container at once how healthy it is; 1 when it is not.
pub(super) fn run(flags: &Parsed, places: &Places) -> Result<i32> {
    let Some(name) = flags.positional().first() else { return Ok(1) };
    let answer = life::probe(&Containers::new(places.clone()).find(name)?)?;
    let output = answer.output.trim_end();
    if !output.is_empty() {
        console::out(&format!("{output}\n"));
    }
    Ok(i32::from(answer.exit_code != 0))
}
