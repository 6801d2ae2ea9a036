//! `barque wait`.

use barque_engine::health::HealthStatus;
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
        "healthy" => return healthy(flags, &containers, HealthStatus::Healthy),
        "unhealthy" => return healthy(flags, &containers, HealthStatus::Unhealthy),
        other => {
            return Err(Error::invalid(format!("invalid condition: {other:?}"))
                .hint("it is one of exited, next-exit, removed, healthy, unhealthy"));
        }
    };
    Ok(each(flags.positional(), |name| {
        let code = life::wait(&containers.find(name)?, condition)?;
        console::out(&format!("{code}\n"));
        Ok(())
    }))
}

/// Waits until containers are healthy. There is no exit code yet: as with podman, −1 stands in its place.
fn healthy(flags: &Parsed, containers: &Containers, wanted: HealthStatus) -> Result<i32> {
    Ok(each(flags.positional(), |name| {
        life::wait_for_health(&containers.find(name)?, wanted)?;
        console::out("-1\n");
        Ok(())
    }))
}
