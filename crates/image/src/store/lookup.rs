//! From what somebody has typed to an image.

use super::names::{self, Named};
use super::{Image, Store};
use crate::reference::{Reference, ShortNames};
use crate::spec::Descriptor;
use crate::{Digest, Error, ErrorKind, Result};

impl Store {
    /// The entry of a name, in full (`docker.io/library/debian:12`, `…@sha256:…`).
    pub fn named(&self, name: &str) -> Result<Option<Named>> {
        Ok(by_name(&names::all(&self.layout)?, name).cloned())
    }

    /// The image that somebody has typed: by name, by id or the beginning of one.
    pub fn find(&self, typed: &str, names: &ShortNames) -> Result<Image> {
        match self.find_entry(&names::all(&self.layout)?, typed, names)? {
            Some(entry) => self.image(&entry.manifest),
            None => Err(not_found(typed)),
        }
    }

    /// The entry that somebody has typed. A name goes before an id.
    pub(super) fn find_entry(
        &self,
        entries: &[Named],
        typed: &str,
        names: &ShortNames,
    ) -> Result<Option<Named>> {
        // What is no name can still be an id: with `sha256:` in front, or of 64 digits.
        for candidate in names.candidates(typed).unwrap_or_default() {
            if let Some(entry) = by_name(entries, &candidate.or_latest().to_string()) {
                return Ok(Some(entry.clone()));
            }
        }
        Ok(self.by_id(entries, typed)?.cloned())
    }

    /// Gives an image another name; `:latest` where there is no tag. What had the name before loses it.
    pub fn tag(&self, image: &Image, name: &Reference) -> Result<()> {
        let _lease = self.lease()?;
        let named = Named {
            name: Some(name.or_latest().to_string()),
            manifest: image.descriptor.clone(),
            source: None,
            hint: Some(self.hint_of(image)),
        };
        names::edit(&self.layout, |entries| {
            names::put(entries, named);
            Ok(())
        })
    }

    /// Notes that a registry has what a name stands for, and by which digest.
    pub fn note_pushed(&self, name: &Reference, manifest: &Descriptor) -> Result<()> {
        let name = name.to_string();
        names::edit(&self.layout, |entries| {
            let own = |entry: &&mut Named| entry.name.as_ref() == Some(&name);
            if let Some(entry) = entries.iter_mut().find(own)
                && entry.manifest.digest == manifest.digest
            {
                entry.source = Some(manifest.digest.clone());
            }
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

/// What Docker says, too.
pub(super) fn not_found(typed: &str) -> Error {
    // In Docker's letters: callers look for these words.
    Error::new(ErrorKind::NotFound, format!("No such image: {typed}"))
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
