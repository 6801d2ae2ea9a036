//! From what somebody has typed to an image.

use super::names::{self, Named};
use super::{Image, Store};
use crate::{Digest, Error, ErrorKind, Result};

impl Store {
    /// The entry of a name, in full (`docker.io/library/debian:12`, `…@sha256:…`).
    pub fn named(&self, name: &str) -> Result<Option<Named>> {
        Ok(by_name(&names::all(&self.layout)?, name).cloned())
    }

    /// The image of a name, in full, or of an id or the beginning of one.
    pub fn find(&self, name: &str, typed: &str) -> Result<Image> {
        let entries = names::all(&self.layout)?;
        let entry = match by_name(&entries, name) {
            Some(entry) => entry,
            None => self
                .by_id(&entries, typed)?
                .ok_or_else(|| Error::new(ErrorKind::NotFound, format!("no such image: {typed}")))?,
        };
        self.image(&entry.manifest)
    }

    /// Gives an image another name, in full. What had the name before loses it.
    pub fn tag(&self, image: &Image, name: &str) -> Result<()> {
        let hint = Some(self.hint_of(image));
        let named =
            Named { name: Some(name.to_owned()), manifest: image.descriptor.clone(), source: None, hint };
        names::edit(&self.layout, |entries| {
            names::put(entries, named);
            Ok(())
        })
    }

    /// By the id or the beginning of one, or by the digest of a manifest.
    pub(super) fn by_id<'a>(&self, entries: &'a [Named], typed: &str) -> Result<Option<&'a Named>> {
        let hex = typed.strip_prefix("sha256:").unwrap_or(typed);
        if hex.is_empty() || !hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Ok(None);
        }
        let mut found: Option<(Digest, &Named)> = None;
        for entry in entries {
            let Some(id) = self.id_of(entry) else { continue };
            if !id.hex().starts_with(hex) && entry.manifest.digest.hex() != hex {
                continue;
            }
            match &found {
                Some((other, _)) if *other != id => {
                    return Err(Error::invalid(format!("image id {typed:?} is ambiguous"))
                        .hint("give more digits of it"));
                }
                _ => found = Some((id, entry)),
            }
        }
        Ok(found.map(|(_, entry)| entry))
    }

    /// The id of an entry's image.
    pub(super) fn id_of(&self, entry: &Named) -> Option<Digest> {
        match &entry.hint {
            Some(hint) => Some(hint.id.clone()),
            None => self.image(&entry.manifest).ok().map(|image| image.id().clone()),
        }
    }
}

/// The entry of a name; a name with a digest also finds what has lost its tag, or has another one.
fn by_name<'a>(entries: &'a [Named], name: &str) -> Option<&'a Named> {
    let exact = entries.iter().find(|entry| entry.name.as_deref() == Some(name));
    exact.or_else(|| {
        let (_, digest) = name.split_once('@')?;
        entries.iter().find(|entry| {
            entry.name.as_deref().is_some_and(|own| names::repository(own) == names::repository(name))
                && (entry.manifest.digest.as_str() == digest
                    || entry.source.as_ref().is_some_and(|source| source.as_str() == digest))
        })
    })
}
