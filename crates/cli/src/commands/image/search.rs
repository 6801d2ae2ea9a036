//! `barque search`.

use barque_image::reference::DEFAULT_HOST;
use barque_image::registry::Found;

use super::{config, told};
use crate::commands::Places;
use crate::commands::filters::Filters;
use crate::flags::Parsed;
use crate::format::{Column, Listing, row};
use crate::value::integer;
use crate::{Error, Result, console};

const COLUMNS: &[Column] = &[
    Column { field: "Name", heading: "NAME" },
    Column { field: "Description", heading: "DESCRIPTION" },
    Column { field: "StarCount", heading: "STARS" },
    Column { field: "IsOfficial", heading: "OFFICIAL" },
    Column { field: "IsAutomated", heading: "AUTOMATED" },
];
/// Docker's width of a description.
const WIDTH: usize = 45;

/// Searches a registry.
pub(super) fn search(flags: &Parsed, _: &Places) -> Result<i32> {
    let [term] = flags.positional() else { return Ok(1) };
    let filters = Filters::read(flags, &["is-official", "is-automated", "stars"])?;
    let (official, automated) = (filters.switch("is-official")?, filters.switch("is-automated")?);
    let stars = filters.one("stars").map(integer::<u64>).transpose().map_err(Error::invalid)?.unwrap_or(0);
    let limit = flags.read("limit", integer::<usize>)?.unwrap_or(25);
    let (host, term) = match term.split_once('/') {
        Some((host, term)) if host.contains(['.', ':']) || host == "localhost" => (host, term),
        _ => (DEFAULT_HOST, term.as_str()),
    };
    let found = config::client()?.search(host, term, limit).map_err(told)?;
    let fits = |found: &&Found| {
        official.is_none_or(|wanted| found.official == wanted)
            && automated.is_none_or(|wanted| found.automated == wanted)
            && found.stars >= stars
    };
    let whole = flags.switch("no-trunc") || !rustix::termios::isatty(rustix::stdio::stdout());
    let rows = found.iter().filter(fits).map(|found| {
        row([
            ("Name", found.name.clone().into()),
            (
                "Description",
                if whole { found.description.clone() } else { shortened(&found.description, WIDTH) }.into(),
            ),
            ("StarCount", found.stars.to_string().into()),
            ("IsOfficial", if found.official { "[OK]" } else { "" }.into()),
            ("IsAutomated", if found.automated { "[OK]" } else { "" }.into()),
        ])
    });
    let listing = Listing {
        columns: COLUMNS,
        shown: vec!["Name", "Description", "StarCount", "IsOfficial"],
        quiet: None,
    };
    console::out(&listing.text(flags.value("format"), false, rows.collect())?);
    Ok(0)
}

/// A text of at most so many characters, on one line.
pub(super) fn shortened(text: &str, width: usize) -> String {
    let text = text.replace(['\n', '\r', '\t'], " ");
    if text.chars().count() <= width {
        return text;
    }
    text.chars().take(width - 1).chain(['…']).collect()
}
