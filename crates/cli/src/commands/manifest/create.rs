//! `barque manifest create`.

use barque_image::Reference;
use barque_image::registry::Client;
use barque_image::spec::{Config, Manifest, media_type};
use barque_image::store::{Listed, ManifestList};

use super::{Images, client, references, told};
use crate::commands::Places;
use crate::flags::Parsed;
use crate::{Error, ErrorKind, Result, console};

/// Begins a list, or adds to one.
pub(super) fn create(flags: &Parsed, places: &Places) -> Result<i32> {
    let images = Images::open(places)?;
    let names = references(&images, flags.positional())?;
    let Some((name, sources)) = names.split_first() else { return Ok(1) };
    let client = client(flags, &names)?;
    let amend = flags.switch("amend");
    if !amend && images.store.manifest_list(name).map_err(told)?.is_some() {
        return Err(told(exists(name)));
    }
    // Before the list is locked: registries take their time.
    let new = sources.iter().map(|source| listed(&client, source)).collect::<Result<Vec<Listed>>>()?;
    let edit = images.store.edit_manifest_list(name, |list| {
        if list.is_some() && !amend {
            return Err(exists(name));
        }
        let mut list = list.unwrap_or_else(|| ManifestList::new(name));
        new.into_iter().for_each(|listed| list.put(listed));
        Ok(Some(list))
    });
    edit.map_err(told)?;
    console::out(&format!("Created manifest list {name}\n"));
    Ok(0)
}

fn exists(name: &Reference) -> barque_image::Error {
    barque_image::Error::new(
        ErrorKind::AlreadyExists,
        format!("refusing to amend an existing manifest list with no --amend flag: {}", name.familiar()),
    )
}

/// An image of a registry, with the platform that its configuration says.
fn listed(client: &Client, source: &Reference) -> Result<Listed> {
    let document = client.manifest(source).map_err(told)?;
    let mut descriptor = document.descriptor;
    if media_type::is_index(&descriptor.media_type) {
        return Err(Error::invalid(format!("{} is a manifest list", source.familiar()))
            .hint("name the images that are in it, by digest: `barque manifest inspect` shows them"));
    }
    let manifest = Manifest::parse(&document.bytes).map_err(told)?;
    let config = client.document(source, &manifest.config).map_err(told)?;
    let config = Config::parse(&config).map_err(|error| told(error.context(source.familiar())))?;
    descriptor.platform = Some(config.platform());
    Ok(Listed { reference: source.to_string(), descriptor })
}
