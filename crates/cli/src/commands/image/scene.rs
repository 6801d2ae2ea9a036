//! What the commands about images begin with: the store, and what a typed name means.

use barque_image::layer::{Form, Options, Rights};
use barque_image::reference::{Reference, ShortNames};
use barque_image::store::{Image, Store};

use super::told;
use crate::commands::Places;
use crate::{ErrorKind, Result};

/// The images of this machine.
#[derive(Debug)]
pub(crate) struct Images {
    pub(crate) store: Store,
    pub(crate) short_names: ShortNames,
}

impl Images {
    /// Those of `--root`. Of the store nothing is read yet.
    pub(crate) fn open(places: &Places) -> Result<Self> {
        let store = Store::new(&places.root);
        let store = if rustix::process::geteuid().is_root() {
            store
        } else {
            // Files belong to the caller, who is root in its containers; whiteouts are such as overlayfs takes from it.
            store.with_options(Options { form: Form::UserOverlay, rights: Rights::Own, ..Options::default() })
        };
        Ok(Self { store, short_names: super::config::hosts()?.short_names })
    }

    /// The image of a name, an id, or the beginning of one.
    pub(crate) fn find(&self, typed: &str) -> Result<Image> {
        self.store.find(typed, &self.short_names).map_err(|error| match error.kind() {
            ErrorKind::NotFound => {
                told(error).hint("`barque images` lists what there is, `barque pull` brings more")
            }
            _ => told(error),
        })
    }

    /// A name for an image, given by somebody: the first of what it may mean.
    pub(crate) fn name(&self, typed: &str) -> Result<Reference> {
        let candidates = self.short_names.candidates(typed).map_err(told)?;
        let first = candidates.into_iter().next();
        first
            .map(|reference| reference.or_latest())
            .ok_or_else(|| crate::Error::invalid(format!("invalid reference format: {typed:?}")))
    }
}

/// Repository and tag of a full name, as people write them.
pub(crate) fn repository_and_tag(full: &str) -> (String, Option<String>) {
    match full.parse::<Reference>() {
        Ok(reference) => (reference.familiar_name(), reference.tag().map(str::to_owned)),
        Err(_) => (full.to_owned(), None),
    }
}
