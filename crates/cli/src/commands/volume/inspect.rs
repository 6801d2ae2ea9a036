//! `barque volume inspect`.

use barque_engine::{Places, Volume, Volumes};
use serde_json::{Value, json};

use crate::commands::verb::each;
use crate::flags::Parsed;
use crate::format::Template;
use crate::value::rfc3339;
use crate::{Error, Result, console, json};

/// Shows all that is known about volumes.
pub(super) fn inspect(flags: &Parsed, places: &Places) -> Result<i32> {
    let volumes = Volumes::new(places);
    let mut found = Vec::new();
    let code = each(flags.positional(), |name| {
        found.push(object(&volumes.find(name)?));
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

/// With Docker's names.
fn object(volume: &Volume) -> Value {
    let created = i64::try_from(volume.created.0).unwrap_or(0);
    json!({
        "CreatedAt": rfc3339(created),
        "Driver": "local",
        "Labels": volume.labels,
        "Mountpoint": volume.data().to_string_lossy(),
        "Name": volume.name,
        "Options": volume.options,
        "Scope": "local",
    })
}
