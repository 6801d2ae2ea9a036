//! How an image came to be, and what images share.

use std::collections::BTreeMap;

use super::{Image, Store, Summary};
use crate::{Digest, Result};

/// One step of an image's making, as `history` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The image's id, at the last step; the others are no images here.
    pub id: Option<Digest>,
    /// When, RFC 3339.
    pub created: Option<String>,
    /// By what command.
    pub created_by: String,
    /// Bytes of the files of its layer.
    pub size: u64,
    /// What was said about it.
    pub comment: String,
    /// The image's names in full, at the last step.
    pub tags: Vec<String>,
}

/// A layer as images have it, above the same others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// The layer together with all below it.
    pub chain_id: Digest,
    /// The layer.
    pub diff_id: Digest,
    /// Bytes of its files.
    pub size: u64,
    /// By what command it was made, where the image says that.
    pub created_by: Option<String>,
    /// Images of which it is the uppermost.
    pub images: Vec<Summary>,
    /// Layers above it.
    pub children: Vec<Self>,
}

impl Node {
    /// Bytes of it and of everything above it: each layer counts once, whoever has it.
    pub fn total(&self) -> u64 {
        self.size + self.children.iter().map(Self::total).sum::<u64>()
    }
}

impl Store {
    /// How an image came to be, the last step first.
    pub fn history(&self, image: &Image) -> Result<Vec<Step>> {
        let mut diff_ids = image.diff_ids().iter();
        let mut steps = Vec::new();
        for made in &image.config.history {
            let layer = if made.empty_layer { None } else { diff_ids.next() };
            steps.push(Step {
                id: None,
                created: made.created.clone(),
                created_by: made.created_by.clone().unwrap_or_default(),
                size: layer.map_or(Ok(0), |diff_id| self.layer_size(image, diff_id))?,
                comment: made.comment.clone().unwrap_or_default(),
                tags: Vec::new(),
            });
        }
        // Layers of which the configuration says nothing.
        for diff_id in diff_ids {
            let size = self.layer_size(image, diff_id)?;
            let (created, created_by, comment) = (image.config.created.clone(), String::new(), String::new());
            steps.push(Step { id: None, created, created_by, size, comment, tags: Vec::new() });
        }
        if let Some(last) = steps.last_mut() {
            last.id = Some(image.id().clone());
            let summary = self.list()?.into_iter().find(|summary| summary.id == *image.id());
            last.tags =
                summary.map(|summary| summary.tags().map(str::to_owned).collect()).unwrap_or_default();
        }
        steps.reverse();
        Ok(steps)
    }

    /// Bytes of the files of one of an image's layers; of its blob where it is not unpacked.
    pub(super) fn layer_size(&self, image: &Image, diff_id: &Digest) -> Result<u64> {
        if let Some(record) = self.layers.record(diff_id)? {
            return Ok(record.content);
        }
        let position = image.diff_ids().iter().position(|other| other == diff_id);
        Ok(position.and_then(|position| image.manifest.layers.get(position)).map_or(0, |layer| layer.size))
    }

    /// All layers of all images: those below first, each where it lies above the same others once.
    pub fn tree(&self) -> Result<Vec<Node>> {
        let mut roots = BTreeMap::new();
        for summary in self.list()? {
            let Some(entry) = summary.entries.first() else { continue };
            let Ok(image) = self.image(&entry.manifest) else { continue };
            let mut level: &mut BTreeMap<Digest, Branch> = &mut roots;
            let made = image.config.history.iter().filter(|step| !step.empty_layer);
            let mut made = made.map(|step| step.created_by.clone());
            let (last, chain_ids) = (image.diff_ids().len(), image.chain_ids());
            for (number, (diff_id, chain_id)) in image.diff_ids().iter().zip(chain_ids).enumerate() {
                let created_by = made.next().flatten();
                let branch = match level.entry(chain_id) {
                    std::collections::btree_map::Entry::Occupied(branch) => branch.into_mut(),
                    std::collections::btree_map::Entry::Vacant(place) => {
                        let size = self.layer_size(&image, diff_id)?;
                        place.insert(Branch::new(diff_id.clone(), size, created_by))
                    }
                };
                if number + 1 == last {
                    branch.images.push(summary.clone());
                }
                level = &mut branch.children;
            }
        }
        Ok(nodes(roots))
    }
}

/// A node while it is put together.
struct Branch {
    diff_id: Digest,
    size: u64,
    created_by: Option<String>,
    images: Vec<Summary>,
    children: BTreeMap<Digest, Self>,
}

impl Branch {
    fn new(diff_id: Digest, size: u64, created_by: Option<String>) -> Self {
        Self { diff_id, size, created_by, images: Vec::new(), children: BTreeMap::new() }
    }
}

fn nodes(branches: BTreeMap<Digest, Branch>) -> Vec<Node> {
    let node = |(chain_id, branch): (Digest, Branch)| Node {
        chain_id,
        diff_id: branch.diff_id,
        size: branch.size,
        created_by: branch.created_by,
        images: branch.images,
        children: nodes(branch.children),
    };
    branches.into_iter().map(node).collect()
}
