//! `barque volume prune`.

use barque_engine::{Places, Volume, Volumes};

use crate::commands::ask::confirmed;
use crate::commands::filters::{Filters, has_label};
use crate::flags::Parsed;
use crate::format::human_size;
use crate::{Result, console};

/// Removes volumes that no container uses.
pub(super) fn prune(flags: &Parsed, places: &Places) -> Result<i32> {
    let filters = Filters::read(flags, &["label", "label!", "all"])?;
    let all = flags.switch("all") || filters.switch("all")? == Some(true);
    let dry_run = flags.switch("dry-run");
    let what = if all {
        "all local volumes not used by at least one container"
    } else {
        "anonymous local volumes not used by at least one container"
    };
    if !dry_run && !flags.switch("force") && !confirmed(what)? {
        return Ok(0);
    }
    let fits = |volume: &Volume| {
        (all || volume.is_anonymous())
            && filters.all("label").all(|label| has_label(&volume.labels, label))
            && !filters.all("label!").any(|label| has_label(&volume.labels, label))
    };
    let pruned = Volumes::new(places).prune(fits, dry_run)?;
    if !pruned.names.is_empty() {
        console::out(if dry_run { "Would delete:\n" } else { "Deleted Volumes:\n" });
        pruned.names.iter().for_each(|name| console::out(&format!("{name}\n")));
        console::out("\n");
    }
    let words = if dry_run { "Reclaimable space" } else { "Total reclaimed space" };
    console::out(&format!("{words}: {}\n", human_size(pruned.reclaimed, 4)));
    Ok(0)
}
