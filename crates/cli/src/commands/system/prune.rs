//! `barque system prune`.

use barque_engine::{Places, Volume, Volumes};
use barque_image::store::{Selection, Store, Summary};

use crate::commands::ask::confirmed;
use crate::commands::filters::{Filters, has_label};
use crate::commands::image::told;
use crate::commands::{container, network};
use crate::flags::Parsed;
use crate::format::human_size;
use crate::{Error, Result, console};

/// Removes all that nobody uses: containers, networks, images, and volumes where that is asked for.
pub(super) fn prune(flags: &Parsed, places: &Places) -> Result<i32> {
    let filters = Filters::read(flags, &["until", "label", "label!"])?;
    let (all, volumes, dry_run) = (flags.switch("all"), flags.switch("volumes"), flags.switch("dry-run"));
    if volumes && filters.one("until").is_some() {
        return Err(Error::invalid("The \"until\" filter is not supported with \"--volumes\""));
    }
    if !dry_run && !flags.switch("force") && !confirmed(&what(all, volumes))? {
        return Ok(0);
    }
    let mut reclaimed = 0;
    let containers = container::stopped(places, &filters, dry_run)?;
    reclaimed += containers.reclaimed;
    show("Containers", &containers.ids, dry_run);
    // Nothing of a network says when it was made.
    if filters.is_empty() {
        show("Networks", &network::unused(places, dry_run)?, dry_run);
    }
    if volumes {
        let fits = |volume: &Volume| volume.is_anonymous() && labelled(&filters, &volume.labels);
        let pruned = Volumes::new(places).prune(fits, dry_run)?;
        reclaimed += pruned.reclaimed;
        show("Volumes", &pruned.names, dry_run);
    }
    reclaimed += images(places, &filters, all, dry_run)?;
    let words = if dry_run { "Reclaimable space" } else { "Total reclaimed space" };
    console::out(&format!("{words}: {}\n", human_size(reclaimed, 4)));
    Ok(0)
}

fn images(places: &Places, filters: &Filters, all: bool, dry_run: bool) -> Result<u64> {
    let store = Store::new(&places.root);
    let unused_since = crate::commands::image::until(filters)?;
    let fits = |summary: &Summary| {
        let image = summary.entries.first().and_then(|entry| store.image(&entry.manifest).ok());
        image.is_some_and(|image| labelled(filters, &image.config.config.labels))
    };
    let pruned = store.prune(&Selection { all, unused_since }, fits, dry_run).map_err(told)?;
    let deleted: Vec<String> = pruned.deleted.iter().map(ToString::to_string).collect();
    show("Images", &deleted, dry_run);
    if !dry_run {
        store.empty_trash().map_err(told)?;
    }
    Ok(pruned.reclaimed)
}

fn labelled(filters: &Filters, labels: &std::collections::BTreeMap<String, String>) -> bool {
    filters.all("label").all(|label| has_label(labels, label))
        && !filters.all("label!").any(|label| has_label(labels, label))
}

fn what(all: bool, volumes: bool) -> String {
    let images = if all { "all images without at least one container" } else { "all dangling images" };
    let volumes = if volumes { ", all anonymous volumes not used by at least one container" } else { "" };
    format!("all stopped containers, all networks not used by at least one container{volumes}, {images}")
}

fn show(kind: &str, names: &[String], dry_run: bool) {
    if names.is_empty() {
        return;
    }
    let done = if dry_run { "Would delete" } else { "Deleted" };
    let names: String = names.iter().map(|name| format!("{name}\n")).collect();
    console::out(&format!("{done} {kind}:\n{names}\n"));
}
