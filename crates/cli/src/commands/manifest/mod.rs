//! `barque manifest`: images of several platforms under one name.

mod annotate;
mod create;
mod inspect;
mod push;

use barque_image::Reference;
use barque_image::registry::Client;
use barque_image::store::ManifestList;

use super::Places;
use super::image::{Images, config, told};
use super::verb::{Group, MANY, Verb, each};
use crate::flags::Parsed;
use crate::flags::manifest as flags;
use crate::{ErrorKind, Result, console};

/// The commands about lists of images.
pub(super) static GROUP: Group = Group {
    name: "manifest",
    about: "Images of several platforms under one name.",
    verbs: &[
        Verb::plain(&flags::CREATE, &["create"], &[], (2, MANY), create::create),
        Verb::plain(&flags::ANNOTATE, &["annotate"], &[], (2, 2), annotate::annotate),
        Verb::plain(&flags::INSPECT, &["inspect"], &[], (1, 2), inspect::inspect),
        Verb::plain(&flags::PUSH, &["push"], &[], (1, 1), push::push),
        Verb::plain(&flags::RM, &["rm"], &[], (1, MANY), rm),
    ],
};

/// A client that takes `--insecure` for these registries.
fn client<'a>(flags: &Parsed, references: impl IntoIterator<Item = &'a Reference>) -> Result<Client> {
    if flags.switch("insecure") {
        config::insecure_client(references.into_iter().map(|reference| reference.host().to_owned()))
    } else {
        config::client()
    }
}

/// The names that were typed.
fn references(images: &Images, typed: &[String]) -> Result<Vec<Reference>> {
    typed.iter().map(|typed| images.name(typed)).collect()
}

/// A list that must be there.
fn known(images: &Images, name: &Reference) -> Result<ManifestList> {
    images.store.manifest_list(name).map_err(told)?.ok_or_else(|| told(missing(name)))
}

fn missing(name: &Reference) -> barque_image::Error {
    barque_image::Error::new(ErrorKind::NotFound, format!("No such manifest: {}", name.familiar()))
        .hint("`barque manifest create LIST IMAGE...` begins one")
}

/// Forgets lists.
fn rm(flags: &Parsed, places: &Places) -> Result<i32> {
    let images = Images::open(places)?;
    Ok(each(flags.positional(), |typed| {
        let name = images.name(typed)?;
        known(&images, &name)?;
        images.store.edit_manifest_list(&name, |_| Ok(None)).map_err(told)?;
        console::out(&format!("{}\n", name.familiar()));
        Ok(())
    }))
}
