//! `--annotation`, `--label`, `--label-file`.

use std::collections::BTreeMap;

use barque_runtime::spec::Str;

use super::Host;
use crate::flags::Parsed;
use crate::{Error, Result};

/// Labels become annotations of the configuration: that is where later commands and other tools find them.
pub(super) fn annotations(flags: &Parsed, host: &dyn Host) -> Result<BTreeMap<Str<'static>, Str<'static>>> {
    let labels = host.image().map(|image| &image.labels);
    let own = labels.into_iter().flatten();
    let mut all: BTreeMap<Str<'static>, Str<'static>> =
        own.map(|(key, value)| (Str::from(key.clone()), Str::from(value.clone()))).collect();
    let mut label = |text: &str| {
        let (key, value) = text.split_once('=').unwrap_or((text, ""));
        all.insert(Str::from(key.to_owned()), Str::from(value.to_owned()));
        !key.is_empty()
    };
    for path in flags.all("label-file") {
        let text = host.read(path).map_err(|error| Error::invalid(format!("open {path}: {error}")))?;
        for line in
            text.lines().map(str::trim_start).filter(|line| !line.is_empty() && !line.starts_with('#'))
        {
            if !label(line) {
                return Err(Error::invalid(format!("invalid label file ({path}): no name on line '{line}'")));
            }
        }
    }
    for text in flags.all("label") {
        if !label(text) {
            return Err(flags.invalid("label", text, "a label is KEY or KEY=VALUE"));
        }
    }
    for text in flags.all("annotation") {
        match text.split_once('=') {
            Some((key, _)) if !key.is_empty() => label(text),
            _ => return Err(flags.invalid("annotation", text, "an annotation is KEY=VALUE")),
        };
    }
    Ok(all)
}
