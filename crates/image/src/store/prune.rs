//! Taking away what nobody needs any more.

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use super::names::{self, Named};
use super::{Store, Summary};
use crate::{Digest, Result};

/// Which images are to go.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Those with names, too; else only those without a tag.
    pub all: bool,
    /// Only those that were not used since.
    pub unused_since: Option<SystemTime>,
}

/// What went, or would go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Images.
    pub images: Vec<Summary>,
    /// Their names, and those by digest.
    pub untagged: Vec<String>,
    /// Ids of images, and diff ids of layers.
    pub deleted: Vec<Digest>,
    /// Bytes on disk.
    pub reclaimed: u64,
    /// Whether layers are taken away by another command, which is adding something just now.
    pub postponed: bool,
}

/// How long a download that was broken off is kept to be gone on with.
const KEEP_BROKEN_OFF: Duration = Duration::from_secs(24 * 60 * 60);

impl Store {
    /// Takes away the images of a selection that no container uses and that `also` agrees to, and everything that is left
    /// over. With `dry_run`, only says what would go.
    pub fn prune(
        &self,
        selection: &Selection,
        also: impl Fn(&Summary) -> bool,
        dry_run: bool,
    ) -> Result<Pruned> {
        let used: HashSet<Digest> = self.users()?.into_iter().map(|user| user.manifest.digest).collect();
        let goes = |image: &Summary| {
            let in_use = image.entries.iter().any(|entry| used.contains(&entry.manifest.digest));
            let recent = selection
                .unused_since
                .is_some_and(|since| self.last_used(&image.id).is_some_and(|last| last > since));
            !in_use && !recent && (selection.all || image.is_dangling()) && also(image)
        };
        let images: Vec<Summary> = self.list()?.into_iter().filter(goes).collect();
        let gone: HashSet<&Digest> =
            images.iter().flat_map(|image| &image.entries).map(|entry| &entry.manifest.digest).collect();
        let reclaimed = self.reclaimable(&gone)?;
        let mut pruned = Pruned { reclaimed, ..Pruned::default() };
        for image in &images {
            pruned.untagged.extend(image.entries.iter().filter_map(|entry| entry.name.clone()));
            pruned.untagged.extend(image.entries.iter().filter_map(Named::repository_digest));
            pruned.deleted.push(image.id.clone());
        }
        pruned.untagged.sort();
        pruned.untagged.dedup();
        if !dry_run {
            let before: Vec<String> = self.layers.names()?;
            // A tag that was moved or given meanwhile is another entry: it stays.
            let listed: Vec<&Named> = images.iter().flat_map(|image| &image.entries).collect();
            names::edit(&self.layout, |entries| {
                entries.retain(|entry| !listed.contains(&entry));
                Ok(())
            })?;
            let collected = self.collect()?;
            self.forget_broken_off()?;
            let layers = before.into_iter().filter(|name| collected.layers.contains(name));
            pruned.deleted.extend(layers.filter_map(|hex| format!("sha256:{hex}").parse::<Digest>().ok()));
            pruned.postponed = collected.postponed;
        }
        pruned.images = images;
        Ok(pruned)
    }

    /// Takes away downloads that were broken off long ago.
    fn forget_broken_off(&self) -> Result<()> {
        let Some(_alone) = self.try_alone()? else { return Ok(()) };
        for entry in std::fs::read_dir(self.layout.root().join("ingest")).into_iter().flatten().flatten() {
            let modified = entry.metadata().and_then(|metadata| metadata.modified());
            if modified.is_ok_and(|time| time.elapsed().is_ok_and(|age| age > KEEP_BROKEN_OFF)) {
                self.blob_trash().take(&entry.path())?;
            }
        }
        Ok(())
    }
}
