//! `barque volume inspect`.

use barque_engine::{Places, Volume, Volumes};
use serde_json::{Value, json};

use crate::Result;
use crate::commands::inspect::show;
use crate::commands::verb::each;
use crate::flags::Parsed;
use crate::value::rfc3339;

/// Shows all that is known about volumes.
pub(super) fn inspect(flags: &Parsed, places: &Places) -> Result<i32> {
    let volumes = Volumes::new(places);
    let mut found = Vec::new();
    let code = each(flags.positional(), |name| {
        found.push(object(&volumes.find(name)?));
        Ok(())
    });
    show(flags, found)?;
    Ok(code)
}

/// With Docker's names.
pub(in crate::commands) fn object(volume: &Volume) -> Value {
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
