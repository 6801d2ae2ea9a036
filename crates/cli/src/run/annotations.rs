//! `--annotation`, `--label`, `--label-file`.

use std::collections::BTreeMap;

use barque_runtime::spec::Str;

use super::Host;
use crate::flags::Parsed;
use crate::{Error, Result};

/// The labels: the image's, those of files, those of flags; the later ones count.
pub(super) fn labels(flags: &Parsed, host: &dyn Host) -> Result<BTreeMap<String, String>> {
    let mut all = host.image().map(|image| image.labels.clone().into_iter().collect()).unwrap_or_default();
    for path in flags.all("label-file") {
        let text = host.read(path).map_err(|error| Error::invalid(format!("open {path}: {error}")))?;
        for line in
            text.lines().map(str::trim_start).filter(|line| !line.is_empty() && !line.starts_with('#'))
        {
            if !add(&mut all, line) {
                return Err(Error::invalid(format!("invalid label file ({path}): no name on line '{line}'")));
            }
        }
    }
    for text in flags.all("label") {
        if !add(&mut all, text) {
            return Err(flags.invalid("label", text, "a label is KEY or KEY=VALUE"));
        }
    }
    Ok(all)
}

/// Labels become annotations of the configuration, where other tools find them.
pub(super) fn annotations(
    flags: &Parsed,
    labels: &BTreeMap<String, String>,
) -> Result<BTreeMap<Str<'static>, Str<'static>>> {
    let mut all = labels.clone();
    for text in flags.all("annotation") {
        match text.split_once('=') {
            Some((key, _)) if !key.is_empty() => add(&mut all, text),
            _ => return Err(flags.invalid("annotation", text, "an annotation is KEY=VALUE")),
        };
    }
    Ok(all.into_iter().map(|(key, value)| (Str::from(key), Str::from(value))).collect())
}

/// Adds `KEY` or `KEY=VALUE`; false where there is no key.
fn add(all: &mut BTreeMap<String, String>, text: &str) -> bool {
    let (key, value) = text.split_once('=').unwrap_or((text, ""));
    all.insert(key.to_owned(), value.to_owned());
    !key.is_empty()
}
