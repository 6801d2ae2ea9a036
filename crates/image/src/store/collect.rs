//! Collecting: whatever no name, no container and no pin needs goes to the trash.

use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use super::layers::{chain_name, layer_name};
use super::{Lease, Store, names};
use crate::spec::{Config, Descriptor, Index, Manifest, media_type};
use crate::{Digest, Error, Result};

/// How long an unfinished download waits to be gone on with.
const KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// What is needed.
#[derive(Debug, Default)]
pub(super) struct Alive {
    pub(super) blobs: HashSet<Digest>,
    /// Names in `layers/`.
    pub(super) layers: HashSet<String>,
}

/// What was taken away.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Collected {
    /// Blobs.
    pub blobs: Vec<Digest>,
    /// Directories in `layers/`, by their names.
    pub layers: Vec<String>,
    /// Whether it is left to another command, which is adding something just now.
    pub postponed: bool,
}

impl Store {
    /// Takes away what nobody needs; or leaves a note to do so for those who are adding something now.
    pub fn collect(&self) -> Result<Collected> {
        self.layout.make()?;
        let note = self.note();
        fs::write(&note, b"").map_err(|error| Error::from_io(error, format!("open({note:?})")))?;
        // A command that begins to use something is through in a moment; one that pulls is not.
        for pause in [0, 1, 2, 4, 8, 16] {
            std::thread::sleep(Duration::from_millis(pause));
            if let Some(collected) = self.try_collect()? {
                return Ok(collected);
            }
        }
        Ok(Collected { postponed: true, ..Collected::default() })
    }

    /// Does what others have left to do, if they have and nobody is adding something.
    pub fn collect_if_left(&self) -> Result<()> {
        // After the lease was given back: a note that comes later is by one who finds the lock free.
        if self.note().exists() {
            self.try_collect()?;
        }
        Ok(())
    }

    fn note(&self) -> PathBuf {
        self.layout.root().join("garbage")
    }

    fn try_collect(&self) -> Result<Option<Collected>> {
        let Some(alone) = self.try_alone()? else { return Ok(None) };
        let collected = self.collect_alone(&alone)?;
        drop(alone);
        Ok(Some(collected))
    }

    /// Under the collector's lock.
    pub(super) fn collect_alone(&self, _alone: &Lease) -> Result<Collected> {
        // Before looking: what is left while we look has a note of its own.
        drop(fs::remove_file(self.note()));
        self.forget_stale_uses()?;
        let (alive, mut collected) = (self.alive()?, Collected::default());
        let trash = self.blob_trash();
        for directory in ["trash", "ingest"] {
            barque_sys::file::make_directories(&self.layout.root().join(directory), 0o711)?;
        }
        for digest in self.layout.digests()? {
            if !alive.blobs.contains(&digest) {
                trash.take(&self.layout.blob_path(&digest))?;
                collected.blobs.push(digest);
            }
        }
        for name in self.layers.names()? {
            if !alive.layers.contains(&name) {
                self.layers.discard(&name)?;
                collected.layers.push(name);
            }
        }
        self.clear_leftovers()?;
        Ok(collected)
    }

    /// Takes away what killed commands have left and nobody can go on with. Nobody is adding anything now.
    fn clear_leftovers(&self) -> Result<()> {
        let entries = |path: PathBuf| fs::read_dir(path).into_iter().flatten().flatten();
        for entry in entries(self.layers.root().join(".new")) {
            self.layers.trash().take(&entry.path())?;
        }
        for entry in entries(self.layers.root().join(".lock")) {
            drop(fs::remove_file(entry.path()));
        }
        for entry in entries(self.layout.root().join("ingest")) {
            let age =
                entry.metadata().and_then(|facts| facts.modified()).ok().and_then(|at| at.elapsed().ok());
            let forgotten = age.is_some_and(|age| age > KEPT);
            if forgotten || entry.file_name().to_string_lossy().starts_with(crate::content::SPOOL) {
                self.blob_trash().take(&entry.path())?;
            }
        }
        let ids: HashSet<String> = self.list()?.iter().map(|image| image.id.hex().to_owned()).collect();
        for entry in entries(self.layout.root().join("used")) {
            if !ids.contains(entry.file_name().to_string_lossy().as_ref()) {
                drop(fs::remove_file(entry.path()));
            }
        }
        Ok(())
    }

    /// What names, containers and pins need.
    pub(super) fn alive(&self) -> Result<Alive> {
        let (entries, users, pins) = (names::all(&self.layout)?, self.users()?, self.pins()?);
        let named = entries.iter().map(|entry| &entry.manifest);
        let used = users.iter().map(|user| &user.manifest);
        Ok(self.needs(named.chain(used).chain(pins.iter().map(|pinned| &pinned.pin.manifest))))
    }

    /// What some manifests need.
    pub(super) fn needs<'a>(&self, manifests: impl Iterator<Item = &'a Descriptor>) -> Alive {
        let mut alive = Alive::default();
        manifests.for_each(|manifest| self.mark(manifest, &mut alive));
        alive
    }

    /// Marks what a document needs. Documents that cannot be read need nothing: their images are broken, and `check` says
    /// so. Digests are not looked at again: it is only about names.
    fn mark(&self, descriptor: &Descriptor, alive: &mut Alive) {
        if !alive.blobs.insert(descriptor.digest.clone()) {
            return;
        }
        let read = |digest: &Digest| fs::read(self.layout.blob_path(digest)).unwrap_or_default();
        let bytes = read(&descriptor.digest);
        if media_type::is_index(&descriptor.media_type) {
            let index = Index::parse(&bytes);
            return index
                .iter()
                .flat_map(|index| &index.manifests)
                .for_each(|listed| self.mark(listed, alive));
        }
        let Ok(manifest) = Manifest::parse(&bytes) else { return };
        alive.blobs.extend(manifest.layers.iter().map(|layer| layer.digest.clone()));
        if let Ok(config) = Config::parse(&read(&manifest.config.digest)) {
            let diff_ids = &config.rootfs.diff_ids;
            alive.layers.extend(diff_ids.iter().map(layer_name));
            alive.layers.extend(super::image::chain_ids(diff_ids).last().map(chain_name));
        }
        alive.blobs.insert(manifest.config.digest);
    }
}
