//! `barque image prune`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use barque_image::store::{Selection, Summary};

use super::rmi::{empty_trash_later, familiar};
use super::{Images, told};
use crate::commands::Places;
use crate::commands::ask::confirmed;
use crate::commands::filters::{Filters, has_label};
use crate::flags::Parsed;
use crate::format::human_size;
use crate::value::{now, point};
use crate::{Error, Result, console};

/// `--filter until=`: those that were used since stay.
pub(in crate::commands) fn until(filters: &Filters) -> Result<Option<SystemTime>> {
    let until = filters.one("until").map(|text| point(text, now())).transpose().map_err(Error::invalid)?;
    Ok(until.map(|seconds| UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or(0))))
}

/// Removes images that nobody needs.
pub(super) fn prune(flags: &Parsed, places: &Places) -> Result<i32> {
    let images = Images::open(places)?;
    let filters = Filters::read(flags, &["until", "label", "label!"])?;
    let (all, dry_run) = (flags.switch("all"), flags.switch("dry-run"));
    let until = until(&filters)?;
    let what = if all {
        "all images without at least one container associated to them"
    } else {
        "all dangling images"
    };
    if !dry_run && !flags.switch("force") && !confirmed(what)? {
        return Ok(0);
    }
    let labels: Vec<&str> = filters.all("label").collect();
    let not: Vec<&str> = filters.all("label!").collect();
    let fits = |summary: &Summary| {
        if labels.is_empty() && not.is_empty() {
            return true;
        }
        let image = summary.entries.first().and_then(|entry| images.store.image(&entry.manifest).ok());
        image.is_some_and(|image| {
            let own = &image.config.config.labels;
            labels.iter().all(|label| has_label(own, label)) && !not.iter().any(|label| has_label(own, label))
        })
    };
    let pruned = images.store.prune(&Selection { all, unused_since: until }, fits, dry_run).map_err(told)?;
    if !pruned.deleted.is_empty() {
        console::out(if dry_run { "Would delete:\n" } else { "Deleted Images:\n" });
    }
    for name in &pruned.untagged {
        console::out(&format!("untagged: {}\n", familiar(name)));
    }
    for digest in &pruned.deleted {
        console::out(&format!("deleted: {digest}\n"));
    }
    let space = human_size(pruned.reclaimed, 4);
    let words = if dry_run { "Reclaimable space" } else { "Total reclaimed space" };
    console::out(&format!("{}{words}: {space}\n", if pruned.deleted.is_empty() { "" } else { "\n" }));
    if !dry_run {
        empty_trash_later(&images.store)?;
    }
    Ok(0)
}
