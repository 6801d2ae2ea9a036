//! `barque volume create`.

use std::collections::BTreeMap;

use barque_engine::volume::Wanted;
use barque_engine::{Places, Volumes};

use crate::flags::Parsed;
use crate::{Error, ErrorKind, Result, console};

/// Makes a volume, if there is none of that name; prints its name.
pub(super) fn create(flags: &Parsed, places: &Places) -> Result<i32> {
    let driver = flags.value("driver").unwrap_or_default();
    if !matches!(driver, "" | "local") {
        return Err(Error::new(
            ErrorKind::NotFound,
            format!("error looking up volume plugin {driver}: plugin \"{driver}\" not found"),
        )
        .hint("the driver is local; its options type, device and o mount what is elsewhere"));
    }
    let name = match (flags.positional().first(), flags.value("name")) {
        (Some(_), Some(_)) => {
            return Err(Error::invalid(
                "conflicting options: cannot specify a volume-name through both --name and as a positional arg",
            ));
        }
        (name, other) => name.map(String::as_str).or(other).filter(|name| !name.is_empty()),
    };
    let pairs = |flag: &str| -> BTreeMap<String, String> {
        let pair = |text: &str| {
            let (key, value) = text.split_once('=').unwrap_or((text, ""));
            (key.to_owned(), value.to_owned())
        };
        flags.all(flag).map(pair).collect()
    };
    let wanted =
        Wanted { name: name.map(str::to_owned), labels: pairs("label"), options: pairs("opt"), owner: None };
    let held = Volumes::new(places).create(&wanted)?;
    console::out(&format!("{}\n", held.volume.name));
    Ok(0)
}
