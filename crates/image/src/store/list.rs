//! All images, as a list shows them.

use std::collections::BTreeMap;

use super::names::{self, Hint, Named};
use super::{Image, Store};
use crate::{Digest, Result};

/// One image and all its names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The digest of the configuration.
    pub id: Digest,
    /// When it was made, RFC 3339.
    pub created: Option<String>,
    /// Bytes of all unpacked layers.
    pub size: u64,
    /// Its entries in `index.json`, in their order: more than one where it has several names, or was packed differently.
    pub entries: Vec<Named>,
}

impl Summary {
    /// Names with a tag, in full.
    pub fn tags(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().filter(|entry| entry.is_tagged()).filter_map(|entry| entry.name.as_deref())
    }

    /// `repository@digest`, each once.
    pub fn repository_digests(&self) -> Vec<String> {
        let mut digests: Vec<String> = self.entries.iter().filter_map(Named::repository_digest).collect();
        digests.sort();
        digests.dedup();
        digests
    }

    /// Whether it has no name with a tag.
    pub fn is_dangling(&self) -> bool {
        !self.entries.iter().any(Named::is_tagged)
    }
}

impl Store {
    /// All images, those made last first. Entries whose documents cannot be read are left out: `check` names them.
    pub fn list(&self) -> Result<Vec<Summary>> {
        let mut by_id = BTreeMap::<Digest, Summary>::new();
        for entry in names::all(&self.layout)? {
            let Some(hint) = entry.hint.clone().or_else(|| self.hint(&entry)) else {
                continue;
            };
            let summary = by_id.entry(hint.id.clone()).or_insert_with(|| Summary {
                id: hint.id,
                created: hint.created,
                size: hint.size,
                entries: Vec::new(),
            });
            summary.entries.push(entry);
        }
        let mut images: Vec<Summary> = by_id.into_values().collect();
        images.sort_by(|a, b| b.created.cmp(&a.created));
        Ok(images)
    }

    /// What a list shows of an entry that another program has written.
    fn hint(&self, entry: &Named) -> Option<Hint> {
        let image = self.image(&entry.manifest).ok()?;
        Some(self.hint_of(&image))
    }

    /// What a list shows of an image.
    pub(super) fn hint_of(&self, image: &Image) -> Hint {
        let unpacked = |diff_id| self.layers.record(diff_id).ok().flatten();
        // Layers that are not unpacked count as they are packed.
        let layers = image.diff_ids().iter().zip(&image.manifest.layers);
        let size = layers
            .map(|(diff_id, layer)| unpacked(diff_id).map_or(layer.size, |record| record.content))
            .sum();
        Hint { id: image.id().clone(), created: image.config.created.clone(), size }
    }
}
