//! One image: its documents.

use super::Store;
use crate::spec::{Config, Descriptor, Manifest, media_type};
use crate::{Digest, Error, Result};

/// An image of the store, its documents read.
#[derive(Debug, Clone)]
pub struct Image {
    /// Where the manifest is.
    pub descriptor: Descriptor,
    /// Its configuration and layers by digest.
    pub manifest: Manifest,
    /// How it is run, and its layers by diff id.
    pub config: Config,
}

impl Image {
    /// What tables call the image's id: the digest of its configuration.
    pub fn id(&self) -> &Digest {
        &self.manifest.config.digest
    }

    /// Its layers by the digests of their uncompressed archives, the lowest first.
    pub fn diff_ids(&self) -> &[Digest] {
        &self.config.rootfs.diff_ids
    }

    /// The chain id up to each layer, the lowest first: what names a layer together with all that are below it.
    pub fn chain_ids(&self) -> Vec<Digest> {
        chain_ids(self.diff_ids())
    }

    /// Checks that two documents are about the same layers.
    pub(super) fn new(descriptor: Descriptor, manifest: Manifest, config: Config) -> Result<Self> {
        let (layers, diff_ids) = (manifest.layers.len(), config.rootfs.diff_ids.len());
        if layers != diff_ids {
            return Err(Error::invalid(format!(
                "image {}: the manifest has {layers} layers, the configuration {diff_ids}",
                descriptor.digest
            )));
        }
        Ok(Self { descriptor, manifest, config })
    }
}

/// Chain ids as the image specification defines them (`config.md`, "Layer ChainID").
pub(super) fn chain_ids(diff_ids: &[Digest]) -> Vec<Digest> {
    let mut chains: Vec<Digest> = Vec::with_capacity(diff_ids.len());
    for diff_id in diff_ids {
        let chain = match chains.last() {
            None => diff_id.clone(),
            Some(below) => Digest::of(format!("{below} {diff_id}").as_bytes()),
        };
        chains.push(chain);
    }
    chains
}

impl Store {
    /// Reads an image's documents from the store.
    pub fn image(&self, descriptor: &Descriptor) -> Result<Image> {
        if media_type::is_index(&descriptor.media_type) {
            return Err(Error::unsupported(format!(
                "{} names an index, not an image of one platform",
                descriptor.digest
            )));
        }
        let manifest = Manifest::parse(&self.layout.read(&descriptor.digest)?)
            .map_err(|error| error.context(format!("blob {}", descriptor.digest)))?;
        let config = Config::parse(&self.layout.read(&manifest.config.digest)?)
            .map_err(|error| error.context(format!("blob {}", manifest.config.digest)))?;
        Image::new(descriptor.clone(), manifest, config)
    }
}
