//! `barque image df`.

use barque_image::store::Summary;

use super::images::shown_id;
use super::rmi::familiar;
use super::{Images, told};
use crate::commands::Places;
use crate::flags::Parsed;
use crate::format::{Column, Listing, human_size, row};
use crate::{Result, console};

const COLUMNS: &[Column] = &[
    Column { field: "Type", heading: "TYPE" },
    Column { field: "TotalCount", heading: "TOTAL" },
    Column { field: "Active", heading: "ACTIVE" },
    Column { field: "Size", heading: "SIZE" },
    Column { field: "Reclaimable", heading: "RECLAIMABLE" },
];
const EACH: &[Column] = &[
    Column { field: "Name", heading: "NAME" },
    Column { field: "ID", heading: "IMAGE ID" },
    Column { field: "SharedSize", heading: "SHARED SIZE" },
    Column { field: "UniqueSize", heading: "UNIQUE SIZE" },
    Column { field: "Containers", heading: "CONTAINERS" },
];

/// Shows what images take on the disk.
pub(super) fn df(flags: &Parsed, places: &Places) -> Result<i32> {
    let images = Images::open(places)?;
    let usage = images.store.usage().map_err(told)?;
    let format = flags.value("format");
    if flags.switch("verbose") {
        let rows = usage.images.iter().map(|one| {
            row([
                ("Name", name(&one.image).into()),
                ("ID", shown_id(&one.image.id, false).into()),
                ("SharedSize", human_size(one.shared, 4).into()),
                ("UniqueSize", human_size(one.unique, 4).into()),
                ("Containers", one.users.to_string().into()),
            ])
        });
        let shown = EACH.iter().map(|column| column.field).collect();
        console::out(&Listing { columns: EACH, shown, quiet: None }.text(format, false, rows.collect())?);
        return Ok(0);
    }
    let total = usage.total();
    let share = (usage.reclaimable * 100).checked_div(total).unwrap_or(0);
    let active = usage.images.iter().filter(|one| one.users > 0).count();
    let reclaimable = format!("{} ({share}%)", human_size(usage.reclaimable, 4));
    let count = usage.images.len().to_string();
    let line = |kind: &str, count: &str, active: &str, size: u64, reclaimable: &str| {
        row([
            ("Type", kind.into()),
            ("TotalCount", count.into()),
            ("Active", active.into()),
            ("Size", human_size(size, 4).into()),
            ("Reclaimable", reclaimable.into()),
        ])
    };
    let rows = vec![
        line("Images", &count, &active.to_string(), total, &reclaimable),
        line("  layers", "", "", usage.layers, ""),
        line("  blobs", "", "", usage.blobs, ""),
        line("  other", "", "", usage.other, ""),
    ];
    let shown = COLUMNS.iter().map(|column| column.field).collect();
    console::out(&Listing { columns: COLUMNS, shown, quiet: None }.text(format, false, rows)?);
    Ok(0)
}

fn name(image: &Summary) -> String {
    image.tags().next().map_or_else(|| "<none>".to_owned(), familiar)
}
