//! `barque commit`.

use barque_engine::files::{self, Commit};
use barque_engine::{Containers, Places};

use crate::commands::image::Images;
use crate::flags::Parsed;
use crate::value::{now, rfc3339};
use crate::{Result, console};

/// Makes an image of what a container has changed.
pub(super) fn commit(flags: &Parsed, places: &Places) -> Result<i32> {
    let (container, name) = match flags.positional() {
        [container] => (container, None),
        [container, name] => (container, Some(name)),
        _ => return Ok(1),
    };
    let images = Images::open(places)?;
    let wanted = Commit {
        name: name.map(|name| images.name(name)).transpose()?,
        author: flags.value("author").unwrap_or_default().to_owned(),
        message: flags.value("message").unwrap_or_default().to_owned(),
        changes: flags.all("change").map(str::to_owned).collect(),
        pause: !flags.switch("no-pause") && (flags.switch("pause") || !flags.has("pause")),
        created: rfc3339(now()),
    };
    let container = Containers::new(places.clone()).find(container)?;
    let id = files::commit(&container, &images.store, &wanted)?;
    console::out(&format!("{id}\n"));
    Ok(0)
}
