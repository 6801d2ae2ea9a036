//! `barque container prune`.

use barque_engine::life::{self, Removal};
use barque_engine::{Containers, ErrorKind, Places, Status, upkeep};

use crate::commands::ask::confirmed;
use crate::commands::filters::{Filters, has_label};
use crate::flags::Parsed;
use crate::format::human_size;
use crate::value::{now, point};
use crate::{Error, Result, console};

/// The containers that went, or would go.
#[derive(Debug, Default)]
pub(in crate::commands) struct Pruned {
    /// Their ids.
    pub(in crate::commands) ids: Vec<String>,
    /// What they had written.
    pub(in crate::commands) reclaimed: u64,
}

/// Removes containers that do not run.
pub(super) fn prune(flags: &Parsed, places: &Places) -> Result<i32> {
    let filters = Filters::read(flags, &["until", "label", "label!"])?;
    let dry_run = flags.switch("dry-run");
    if !dry_run && !flags.switch("force") && !confirmed("all stopped containers")? {
        return Ok(0);
    }
    let pruned = stopped(places, &filters, dry_run)?;
    if !pruned.ids.is_empty() {
        console::out(if dry_run { "Would delete:\n" } else { "Deleted Containers:\n" });
        pruned.ids.iter().for_each(|id| console::out(&format!("{id}\n")));
        console::out("\n");
    }
    let words = if dry_run { "Reclaimable space" } else { "Total reclaimed space" };
    console::out(&format!("{words}: {}\n", human_size(pruned.reclaimed, 4)));
    Ok(0)
}

/// Removes those that do not run and fit; with `dry_run` only says which.
pub(in crate::commands) fn stopped(places: &Places, filters: &Filters, dry_run: bool) -> Result<Pruned> {
    let until = filters.one("until").map(|text| point(text, now())).transpose().map_err(Error::invalid)?;
    let mut pruned = Pruned::default();
    for container in Containers::new(places.clone()).list()?.containers {
        let definition = &container.definition;
        let created = i64::try_from(definition.created.0).unwrap_or(i64::MAX);
        let fits = until.is_none_or(|until| created < until)
            && filters.all("label").all(|label| has_label(&definition.labels, label))
            && !filters.all("label!").any(|label| has_label(&definition.labels, label));
        // One with a monitor is ending, or waits for its next start.
        let rests = container
            .now()
            .is_ok_and(|now| matches!(now.status, Status::Created | Status::Exited) && !now.watched);
        if !fits || !rests {
            continue;
        }
        let size = upkeep::written(&container)?;
        if !dry_run {
            match life::remove(&container, Removal::default()) {
                // It has been started meanwhile.
                Err(error) if error.kind() == ErrorKind::Conflict => continue,
                removed => removed?,
            }
        }
        pruned.reclaimed += size;
        pruned.ids.push(container.id().to_owned());
    }
    Ok(pruned)
}
