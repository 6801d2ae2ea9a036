//! `barque image inspect`.

use serde_json::Value;

use super::{Images, told};
use crate::commands::Places;
use crate::flags::Parsed;
use crate::format::Template;
use crate::{Error, Result, console, json};

/// Shows all that is known about images.
pub(super) fn inspect(flags: &Parsed, places: &Places) -> Result<i32> {
    if let Some(kind) = flags.value("type").filter(|kind| !matches!(*kind, "" | "image")) {
        return Err(flags.invalid("type", kind, "there are only images yet"));
    }
    let images = Images::open(places)?;
    let mut found = Vec::new();
    let code = super::each(flags.positional(), |typed| {
        let image = images.find(typed)?;
        found.push(images.store.inspect(&image).map_err(told)?);
        Ok(())
    });
    match flags.value("format").filter(|format| !format.is_empty()) {
        None => console::out(&json::indented(&found, "    ")),
        Some("json") => console::out(&format!("{}\n", Value::Array(found))),
        Some(format) => {
            let template = Template::lenient(format)?;
            for object in &found {
                let text = template.execute(object).map_err(|error: Error| error.context("--format"))?;
                console::out(&format!("{text}\n"));
            }
        }
    }
    Ok(code)
}
