//! `barque system df`.

use barque_engine::{Containers, Places, Volumes, upkeep};
use barque_image::store::Store;

use crate::commands::image::told;
use crate::flags::Parsed;
use crate::format::{Column, Listing, Row, human_size, row};
use crate::{Result, console};

const COLUMNS: &[Column] = &[
    Column { field: "Type", heading: "TYPE" },
    Column { field: "TotalCount", heading: "TOTAL" },
    Column { field: "Active", heading: "ACTIVE" },
    Column { field: "Size", heading: "SIZE" },
    Column { field: "Reclaimable", heading: "RECLAIMABLE" },
];
const EACH: &[Column] = &[
    Column { field: "Type", heading: "TYPE" },
    Column { field: "ID", heading: "ID" },
    Column { field: "Name", heading: "NAME" },
    Column { field: "Users", heading: "CONTAINERS" },
    Column { field: "Size", heading: "SIZE" },
];

/// One of the things that take space.
struct Thing {
    kind: &'static str,
    id: String,
    name: String,
    /// How many containers use it; of a container, whether it runs.
    users: usize,
    size: u64,
}

/// Shows what takes space on the disk.
pub(super) fn df(flags: &Parsed, places: &Places) -> Result<i32> {
    let usage = Store::new(&places.root).usage().map_err(told)?;
    let images = usage.images.iter().map(|one| Thing {
        kind: "Images",
        id: one.image.id.hex().to_owned(),
        name: one.image.tags().next().unwrap_or("<none>").to_owned(),
        users: one.users,
        size: one.unique + one.shared,
    });
    let mut things: Vec<Thing> = images.collect();
    for container in Containers::new(places.clone()).list()?.containers {
        things.push(Thing {
            kind: "Containers",
            id: container.id().to_owned(),
            name: container.name().to_owned(),
            users: usize::from(container.now().is_ok_and(|now| now.status.is_up())),
            size: upkeep::written(&container)?,
        });
    }
    let volumes = Volumes::new(places);
    let users = volumes.users()?;
    for volume in volumes.list()?.volumes {
        let (users, size) = (users.of(&volume.name).len(), volume.size()?);
        things.push(Thing { kind: "Local Volumes", id: String::new(), name: volume.name, users, size });
    }
    let format = flags.value("format");
    let (columns, rows) = if flags.switch("verbose") {
        (EACH, things.iter().map(line).collect())
    } else {
        let of = |kind: &str| things.iter().filter(|thing| thing.kind == kind).collect::<Vec<_>>();
        // Images share layers: their sizes together are more than what they take.
        let mut rows = vec![total("Images", &of("Images"), usage.total(), usage.reclaimable)];
        for kind in ["Containers", "Local Volumes"] {
            let of = of(kind);
            let size = |used: bool| of.iter().filter(|it| used || it.users == 0).map(|it| it.size).sum();
            rows.push(total(kind, &of, size(true), size(false)));
        }
        rows.push(total("Build Cache", &[], 0, 0));
        (COLUMNS, rows)
    };
    let shown = columns.iter().map(|column| column.field).collect();
    console::out(&Listing { columns, shown, quiet: None }.text(format, false, rows)?);
    Ok(0)
}

fn line(thing: &Thing) -> Row {
    row([
        ("Type", thing.kind.into()),
        ("ID", thing.id.get(..12).unwrap_or_default().into()),
        ("Name", thing.name.clone().into()),
        ("Users", thing.users.to_string().into()),
        ("Size", human_size(thing.size, 4).into()),
    ])
}

fn total(kind: &str, of: &[&Thing], size: u64, reclaimable: u64) -> Row {
    let share = (reclaimable * 100).checked_div(size).map(|share| format!(" ({share}%)")).unwrap_or_default();
    row([
        ("Type", kind.into()),
        ("TotalCount", of.len().to_string().into()),
        ("Active", of.iter().filter(|thing| thing.users > 0).count().to_string().into()),
        ("Size", human_size(size, 4).into()),
        ("Reclaimable", format!("{}{share}", human_size(reclaimable, 4)).into()),
    ])
}
