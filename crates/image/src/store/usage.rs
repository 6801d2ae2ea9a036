//! What the store takes on the disk: asked of the file system, as `du` does.

use std::collections::{HashMap, HashSet};
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::collect::Alive;
use super::{Store, Summary, names};
use crate::{Digest, Result};

/// What takes space.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    /// Each image.
    pub images: Vec<ImageUsage>,
    /// Blobs: layers as they were transferred, and documents.
    pub blobs: u64,
    /// Unpacked layers.
    pub layers: u64,
    /// Everything else: downloads that were broken off, and what waits to be removed.
    pub other: u64,
    /// What would go if all images went that no container uses.
    pub reclaimable: u64,
}

impl Usage {
    /// All of it, as `du` says.
    pub fn total(&self) -> u64 {
        self.blobs + self.layers + self.other
    }
}

/// What one image takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageUsage {
    /// The image.
    pub image: Summary,
    /// Blobs and layers that other images need, too.
    pub shared: u64,
    /// What would go with the image.
    pub unique: u64,
    /// How many containers use it.
    pub users: usize,
}

/// Sizes on disk of everything by name.
struct Sizes {
    blobs: HashMap<Digest, u64>,
    layers: HashMap<String, u64>,
}

impl Sizes {
    /// Of what nobody of these needs.
    fn without(&self, alive: &Alive) -> u64 {
        let blobs =
            self.blobs.iter().filter(|(digest, _)| !alive.blobs.contains(*digest)).map(|(_, size)| size);
        let layers =
            self.layers.iter().filter(|(name, _)| !alive.layers.contains(*name)).map(|(_, size)| size);
        blobs.chain(layers).sum()
    }
}

/// How many images need what.
#[derive(Default)]
struct Counts<'a> {
    blobs: HashMap<&'a Digest, usize>,
    layers: HashMap<&'a str, usize>,
}

impl<'a> Counts<'a> {
    fn add(&mut self, image: &'a Alive) {
        image.blobs.iter().for_each(|digest| *self.blobs.entry(digest).or_default() += 1);
        image.layers.iter().for_each(|name| *self.layers.entry(name).or_default() += 1);
    }

    /// What an image shares with others, and what it has alone.
    fn split(&self, image: &Alive, sizes: &Sizes) -> (u64, u64) {
        let blobs = image.blobs.iter().map(|digest| (self.blobs.get(digest), sizes.blobs.get(digest)));
        let layers = image.layers.iter().map(|name| (self.layers.get(name.as_str()), sizes.layers.get(name)));
        let (mut shared, mut unique) = (0, 0);
        for (count, size) in blobs.chain(layers) {
            let size = size.copied().unwrap_or_default();
            if count.is_some_and(|count| *count > 1) { shared += size } else { unique += size }
        }
        (shared, unique)
    }
}

impl Store {
    /// What takes space. Looks at every file.
    pub fn usage(&self) -> Result<Usage> {
        let sizes = self.sizes()?;
        let users = self.users()?;
        let images = self.list()?;
        let needs: Vec<Alive> = images
            .iter()
            .map(|image| self.needs(image.entries.iter().map(|entry| &entry.manifest)))
            .collect();
        let mut counts = Counts::default();
        needs.iter().for_each(|image| counts.add(image));
        let (blobs, layers) = (sizes.blobs.values().sum(), sizes.layers.values().sum());
        let all =
            disk(self.layout.root(), &mut HashSet::new()) + disk(self.layers.root(), &mut HashSet::new());
        let mut usage =
            Usage { blobs, layers, other: all.saturating_sub(blobs + layers), ..Usage::default() };
        for (image, needs) in images.into_iter().zip(&needs) {
            let in_use = |user: &&super::User| {
                image.entries.iter().any(|entry| entry.manifest.digest == user.manifest.digest)
            };
            let users = users.iter().filter(in_use).count();
            let (shared, unique) = counts.split(needs, &sizes);
            usage.images.push(ImageUsage { image, shared, unique, users });
        }
        usage.reclaimable = sizes.without(&self.needs(users.iter().map(|user| &user.manifest)));
        Ok(usage)
    }

    /// Bytes on disk of what nobody would need without some manifests.
    pub(super) fn reclaimable(&self, gone: &HashSet<&Digest>) -> Result<u64> {
        let entries = names::all(&self.layout)?;
        let users = self.users()?;
        let staying =
            entries.iter().map(|entry| &entry.manifest).filter(|manifest| !gone.contains(&manifest.digest));
        let alive = self.needs(staying.chain(users.iter().map(|user| &user.manifest)));
        Ok(self.sizes()?.without(&alive))
    }

    fn sizes(&self) -> Result<Sizes> {
        let mut seen = HashSet::new();
        let mut blobs = HashMap::new();
        for digest in self.layout.digests()? {
            let metadata = fs::symlink_metadata(self.layout.blob_path(&digest));
            blobs.insert(digest, metadata.map_or(0, |metadata| blocks(&metadata)));
        }
        let mut names = self.layers.names()?;
        // Layers before chains, whose files are links to those of layers.
        names.sort_by_key(|name| name.starts_with("chain-"));
        let layers = names
            .into_iter()
            .map(|name| {
                let size = disk(&self.layers.root().join(&name), &mut seen);
                (name, size)
            })
            .collect();
        Ok(Sizes { blobs, layers })
    }
}

fn blocks(metadata: &Metadata) -> u64 {
    metadata.blocks() * 512
}

/// Bytes on disk of a directory with everything in it; a file with several names once. What goes away meanwhile takes nothing.
fn disk(directory: &Path, seen: &mut HashSet<(u64, u64)>) -> u64 {
    let mut total = fs::symlink_metadata(directory).map_or(0, |metadata| blocks(&metadata));
    let mut open = vec![directory.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory).into_iter().flatten().flatten() {
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_dir() {
                open.push(entry.path());
            } else if metadata.nlink() > 1 && !seen.insert((metadata.dev(), metadata.ino())) {
                continue;
            }
            total += blocks(&metadata);
        }
    }
    total
}
