//! `barque history`.

use barque_image::store::Step;

use super::images::shown_id;
use super::search::shortened;
use super::{Images, told};
use crate::commands::Places;
use crate::flags::Parsed;
use crate::format::{Column, Listing, Row, ago, human_size, row};
use crate::value::{now, rfc3339, timestamp};
use crate::{Result, console};

const COLUMNS: &[Column] = &[
    Column { field: "ID", heading: "IMAGE" },
    Column { field: "CreatedSince", heading: "CREATED" },
    Column { field: "CreatedAt", heading: "CREATED AT" },
    Column { field: "CreatedBy", heading: "CREATED BY" },
    Column { field: "Size", heading: "SIZE" },
    Column { field: "Comment", heading: "COMMENT" },
];
/// Docker's width of a command.
const WIDTH: usize = 45;

/// Shows how an image came to be.
pub(super) fn history(flags: &Parsed, places: &Places) -> Result<i32> {
    let images = Images::open(places)?;
    let human = flags.value("human") != Some("false");
    let steps = match flags.positional() {
        [typed] => images.store.history(&images.find(typed)?).map_err(told)?,
        _ => Vec::new(),
    };
    let whole = flags.switch("no-trunc");
    let terminal = rustix::termios::isatty(rustix::stdio::stdout());
    let now = now();
    let rows = steps.iter().map(|step| shown(step, human, whole, terminal, now)).collect();
    let created = if human { "CreatedSince" } else { "CreatedAt" };
    let listing = Listing {
        columns: COLUMNS,
        shown: vec!["ID", created, "CreatedBy", "Size", "Comment"],
        quiet: Some("ID"),
    };
    console::out(&listing.text(flags.value("format"), flags.switch("quiet"), rows)?);
    Ok(0)
}

fn shown(step: &Step, human: bool, whole: bool, terminal: bool, now: i64) -> Row {
    let created = step.created.as_deref().and_then(timestamp);
    let by = step.created_by.replace(['\t', '\n'], " ");
    row([
        ("ID", step.id.as_ref().map_or_else(|| "<missing>".to_owned(), |id| shown_id(id, whole)).into()),
        ("CreatedSince", created.map_or_else(|| "N/A".to_owned(), |at| ago(now - at)).into()),
        ("CreatedAt", created.map_or_else(|| "N/A".to_owned(), rfc3339).into()),
        // Shortened only for eyes: what reads a pipe wants all of it.
        ("CreatedBy", if whole || !terminal { by } else { shortened(&by, WIDTH) }.into()),
        ("Size", if human { human_size(step.size, 3) } else { step.size.to_string() }.into()),
        ("Comment", step.comment.clone().into()),
    ])
}
