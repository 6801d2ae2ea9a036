//! `barque wait`.

use barque_engine::life::{self, Condition};
use barque_engine::{Containers, Places};

use super::each;
use crate::flags::Parsed;
use crate::{Error, Result, console};

/// Waits for containers.
pub(super) fn wait(flags: &Parsed, places: &Places) -> Result<i32> {
    let containers = Containers::new(places.clone());
    let condition = match flags.value("condition").unwrap_or("exited") {
        "exited" | "stopped" | "not-running" => Condition::NotRunning,
        "next-exit" => Condition::NextExit,
        "removed" => Condition::Removed,
        other => {
            return Err(Error::invalid(format!("invalid condition: {other:?}"))
                .hint("it is one of exited, next-exit, removed"));
        }
    };
    Ok(each(flags.positional(), |name| {
        let code = life::wait(&containers.find(name)?, condition)?;
        console::out(&format!("{code}\n"));
        Ok(())
    }))
}
