//! `update`.

use std::io::Read as _;

use barque_runtime::spec::{self, Resources};

use super::Session;
use super::args::Update;
use crate::{Error, Result};

pub(super) fn update(session: &Session, args: Update) -> Result<()> {
    let container = session.open(&args.id)?;
    if let Some(config) = &args.intel_rdt {
        container.update_rdt(config)?;
    }
    let text = args.file.as_deref().map(read).transpose()?;
    let resources: Resources<'_> = match &text {
        Some(text) => spec::resources_from_json(text).map_err(|error| {
            Error::invalid(format!("--resources {:?}: {error}", args.file.as_deref().unwrap_or_default()))
        })?,
        None => args.resources,
    };
    for warning in container.update(&resources)? {
        session.warn(&warning);
    }
    Ok(())
}

fn read(file: &str) -> Result<String> {
    if file != "-" {
        return Ok(barque_sys::file::read(std::path::Path::new(file))?);
    }
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .map_err(|error| Error::invalid(format!("standard input: {error}")))?;
    Ok(text)
}
