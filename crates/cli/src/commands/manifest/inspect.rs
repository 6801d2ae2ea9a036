//! `barque manifest inspect`.

use barque_image::Reference;
use barque_image::registry::{Client, Document};
use barque_image::spec::{Config, Descriptor, Index, Manifest, media_type};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Images, client, known, references, told};
use crate::commands::Places;
use crate::flags::Parsed;
use crate::{Error, ErrorKind, Result, console, json as text};

/// Shows a manifest or a list.
pub(super) fn inspect(flags: &Parsed, places: &Places) -> Result<i32> {
    let images = Images::open(places)?;
    let names = references(&images, flags.positional())?;
    let client = client(flags, &names)?;
    let verbose = flags.switch("verbose");
    let name = match &names[..] {
        [name] => name,
        [list, name] => {
            let reference = name.to_string();
            if !known(&images, list)?.manifests.iter().any(|listed| listed.reference == reference) {
                let words = format!("No such manifest: {} in {}", name.familiar(), list.familiar());
                return Err(Error::new(ErrorKind::NotFound, words));
            }
            name
        }
        _ => return Ok(1),
    };
    let list = images.store.manifest_list(name).map_err(told)?;
    let shown = match (list, verbose) {
        (Some(list), false) => text::indented(&list.index(), INDENT),
        (Some(list), true) => {
            let each = list.manifests.iter().map(|listed| {
                let reference: Reference = listed.reference.parse().map_err(told)?;
                whole(&client, &reference, &listed.descriptor)
            });
            text::indented(&each.collect::<Result<Vec<Value>>>()?, INDENT)
        }
        (None, _) => of_registry(&client, name, verbose)?,
    };
    console::out(&shown);
    Ok(0)
}

/// Docker indents by tabs here.
const INDENT: &str = "\t";

fn of_registry(client: &Client, name: &Reference, verbose: bool) -> Result<String> {
    let Document { descriptor, bytes, .. } = client.manifest(name).map_err(told)?;
    let is_index = media_type::is_index(&descriptor.media_type);
    match (is_index, verbose) {
        (true, false) => Ok(text::indented(&Index::parse(&bytes).map_err(told)?, INDENT)),
        (false, false) => Ok(text::indented(&Manifest::parse(&bytes).map_err(told)?, INDENT)),
        (false, true) => Ok(text::indented(&whole(client, name, &descriptor)?, INDENT)),
        (true, true) => {
            let index = Index::parse(&bytes).map_err(told)?;
            let each = index.manifests.iter().map(|listed| {
                let exact = name.without_tag().with_digest(listed.digest.clone());
                whole(client, &exact, listed)
            });
            Ok(text::indented(&each.collect::<Result<Vec<Value>>>()?, INDENT))
        }
    }
}

/// A manifest with all that is known about it, by the names of Docker's client.
fn whole(client: &Client, name: &Reference, descriptor: &Descriptor) -> Result<Value> {
    let exact = name.with_digest(descriptor.digest.clone());
    let bytes = client.manifest(&exact).map_err(told)?.bytes;
    let manifest = Manifest::parse(&bytes).map_err(told)?;
    let mut descriptor = descriptor.clone();
    if descriptor.platform.is_none() {
        let config = client.document(name, &manifest.config).map_err(told)?;
        // Artifacts have no platform.
        descriptor.platform = Config::parse(&config).ok().map(|config| config.platform());
    }
    let docker = descriptor.media_type == media_type::DOCKER_MANIFEST;
    let kind = if docker { "SchemaV2Manifest" } else { "OCIManifest" };
    Ok(
        json!({ "Ref": name.to_string(), "Descriptor": descriptor, "Raw": STANDARD.encode(&bytes), kind: manifest }),
    )
}
