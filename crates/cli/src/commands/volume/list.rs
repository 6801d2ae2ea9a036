//! `barque volume ls`.

use barque_engine::volume::Users;
use barque_engine::{Places, Volume, Volumes};

use crate::commands::filters::{Filters, has_label};
use crate::flags::Parsed;
use crate::format::{Column, Listing, Row, human_size, row};
use crate::{Result, console};

const COLUMNS: &[Column] = &[
    Column { field: "Driver", heading: "DRIVER" },
    Column { field: "Name", heading: "VOLUME NAME" },
    Column { field: "Scope", heading: "SCOPE" },
    Column { field: "Mountpoint", heading: "MOUNTPOINT" },
    Column { field: "Labels", heading: "LABELS" },
    Column { field: "Links", heading: "LINKS" },
    Column { field: "Size", heading: "SIZE" },
    Column { field: "Availability", heading: "AVAILABILITY" },
    Column { field: "Group", heading: "GROUP" },
    Column { field: "Status", heading: "STATUS" },
];

/// Lists volumes.
pub(super) fn list(flags: &Parsed, places: &Places) -> Result<i32> {
    let volumes = Volumes::new(places);
    let filters = Filters::read(flags, &["dangling", "driver", "label", "name"])?;
    let format = flags.value("format").unwrap_or_default();
    let dangling = filters.switch("dangling")?;
    let listed = volumes.list()?;
    let asks_for_users = dangling.is_some() || format.contains(".Links");
    let users = if asks_for_users { Some(volumes.users()?) } else { None };
    let mut rows = Vec::new();
    for volume in listed.volumes.iter().filter(|volume| fits(volume, &filters)) {
        let used = users.as_ref().map(|users| !users.of(&volume.name).is_empty());
        if dangling.is_none() || used == dangling.map(|dangling| !dangling) {
            rows.push(line(volume, users.as_ref(), format.contains(".Size"))?);
        }
    }
    let listing = Listing { columns: COLUMNS, shown: vec!["Driver", "Name"], quiet: Some("Name") };
    console::out(&listing.text(flags.value("format"), flags.switch("quiet"), rows)?);
    for error in &listed.damaged {
        console::err(&console::complaint(error, None));
    }
    Ok(i32::from(!listed.damaged.is_empty()))
}

fn fits(volume: &Volume, filters: &Filters) -> bool {
    let (mut drivers, mut names) = (filters.all("driver").peekable(), filters.all("name").peekable());
    (drivers.peek().is_none() || drivers.any(|driver| driver == "local"))
        && (names.peek().is_none() || names.any(|part| volume.name.contains(part)))
        && filters.all("label").all(|label| has_label(&volume.labels, label))
}

fn line(volume: &Volume, users: Option<&Users>, size: bool) -> Result<Row> {
    let labels: Vec<_> = volume.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let size = if size { human_size(volume.size()?, 4) } else { "N/A".to_owned() };
    let links = users.map_or_else(|| "N/A".to_owned(), |users| users.of(&volume.name).len().to_string());
    Ok(row([
        ("Driver", "local".into()),
        ("Name", volume.name.clone().into()),
        ("Scope", "local".into()),
        ("Mountpoint", volume.data().to_string_lossy().into()),
        ("Labels", labels.join(",").into()),
        ("Links", links.into()),
        ("Size", size.into()),
        ("Availability", "N/A".into()),
        ("Group", "N/A".into()),
        ("Status", "N/A".into()),
    ]))
}
