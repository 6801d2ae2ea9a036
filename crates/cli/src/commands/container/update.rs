//! `barque update`.

use barque_engine::{Containers, Places, RestartPolicy, life};

use super::each;
use crate::flags::Parsed;
use crate::run::{Machine, changed_limits};
use crate::{Error, Result, console};

/// Changes limits and restart policies of containers, whether they run or not.
pub(super) fn update(flags: &Parsed, places: &Places) -> Result<i32> {
    if !flags.any() {
        return Err(Error::invalid("you must provide one or more flags when using this command")
            .hint("see barque update --help"));
    }
    let none = |_: &_, _: &str| None;
    let no_images = |_: &str| Ok(Vec::new());
    let limits = changed_limits(flags, &Machine::new(places, &none, &no_images, None))?;
    let restart =
        flags.value("restart").filter(|text| !text.is_empty()).map(RestartPolicy::parse).transpose()?;
    let containers = Containers::new(places.clone());
    Ok(each(flags.positional(), |name| {
        let container = containers.find(name)?;
        let warnings = life::update(&container, &limits, restart)
            .map_err(|error| error.context(format!("Cannot update container {}", container.id())))?;
        console::out(&format!("{name}\n"));
        for warning in warnings {
            console::err(&format!("WARNING: {warning}\n"));
        }
        Ok(())
    }))
}
