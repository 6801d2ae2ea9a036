//! `barque builder du` and `prune`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use barque_build::cache::{self, Entry, Selection};

use super::source;
use crate::commands::Places;
use crate::commands::ask::confirmed;
use crate::commands::filters::Filters;
use crate::commands::image::{Images, empty_trash_later, told};
use crate::flags::Parsed;
use crate::format::human_size;
use crate::value::{now, point, size};
use crate::{Error, Result, console};

/// Lists what builds have kept.
pub(super) fn du(_flags: &Parsed, places: &Places) -> Result<i32> {
    let images = Images::open(places)?;
    let entries = cache::list(&images.store).map_err(source::plain)?;
    let mut text = String::from("ID              SIZE        LAST USED    DESCRIPTION\n");
    for entry in entries.iter().rev() {
        let (id, size, note) = (short(entry), human_size(entry.size, 4), entry.note.replace('\n', " "));
        let note: String = note.chars().take(100).collect();
        text.push_str(&format!("{id:<15} {size:<11} {:<12} {note}\n", idle(entry)));
    }
    let total = entries.iter().map(|entry| entry.size).sum();
    text.push_str(&format!("Total: {}\n", human_size(total, 4)));
    console::out(&text);
    Ok(0)
}

/// Removes what builds have kept.
pub(super) fn prune(flags: &Parsed, places: &Places) -> Result<i32> {
    let images = Images::open(places)?;
    let filters = Filters::read(flags, &["until", "unused-for"])?;
    let until = filters.one("until").or_else(|| filters.one("unused-for"));
    let until = until.map(|text| point(text, now())).transpose().map_err(Error::invalid)?;
    let unused_for = until.map(|at| Duration::from_secs(u64::try_from(now() - at).unwrap_or(0)));
    let keep = flags.read("keep-storage", size)?;
    let keep = keep.map(|bytes| u64::try_from(bytes).unwrap_or(0));
    let all = flags.switch("all");
    let what = if all { "all build cache" } else { "all build cache but cache mounts" };
    if !flags.switch("force") && !confirmed(what)? {
        return Ok(0);
    }
    let selection = Selection { unused_for, keep, all };
    let gone = cache::prune(&images.store, &selection).map_err(source::plain)?;
    images.store.collect().map_err(told)?;
    let mut text = String::new();
    for entry in &gone {
        text.push_str(&format!("{}\n", short(entry)));
    }
    let total = gone.iter().map(|entry| entry.size).sum();
    text.push_str(&format!("Total:\t{}\n", human_size(total, 4)));
    console::out(&text);
    empty_trash_later(&images.store)?;
    Ok(0)
}

fn short(entry: &Entry) -> &str {
    entry.key.get(..12).unwrap_or(&entry.key)
}

/// How long it was of no use.
fn idle(entry: &Entry) -> String {
    let Some(used) = entry.used.and_then(|used| used.duration_since(UNIX_EPOCH).ok()) else {
        return "?".to_owned();
    };
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = since.saturating_sub(used).as_secs();
    match seconds {
        0..60 => format!("{seconds}s ago"),
        60..3600 => format!("{}m ago", seconds / 60),
        3600..86400 => format!("{}h ago", seconds / 3600),
        _ => format!("{}d ago", seconds / 86400),
    }
}
