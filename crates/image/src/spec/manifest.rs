//! A manifest: one image as its configuration and its layers (`manifest.md`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Descriptor, media_type};
use crate::{Error, Result};

/// The configuration and the layers of one image, lowest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// Always 2.
    pub schema_version: u32,
    /// What this document is; OCI leaves it away where the outside says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// What it is where it is no image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// The configuration.
    pub config: Descriptor,
    /// The layers, the lowest first.
    pub layers: Vec<Descriptor>,
    /// The manifest that this one is about (`Referrers`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Descriptor>,
    /// Whatever somebody wants to say about it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl Manifest {
    /// A manifest of an OCI image.
    pub fn new(config: Descriptor, layers: Vec<Descriptor>) -> Self {
        Self {
            schema_version: 2,
            media_type: Some(media_type::MANIFEST.to_owned()),
            artifact_type: None,
            config,
            layers,
            subject: None,
            annotations: BTreeMap::new(),
        }
    }

    /// Reads a manifest, OCI's or Docker's schema 2.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        // CVE-2021-41190: one document must not be read as an index by one and as a manifest by another.
        super::index::check_shape(bytes, "manifests", "a manifest")?;
        let manifest: Self =
            serde_json::from_slice(bytes).map_err(|error| Error::invalid(format!("manifest: {error}")))?;
        if manifest.schema_version != 2 {
            return Err(Error::unsupported(format!("manifest of schema {}", manifest.schema_version))
                .hint("only schema 2 is read; push the image again with a client of this decade"));
        }
        Ok(manifest)
    }

    /// Bytes of all layers as they are transferred.
    pub fn layers_size(&self) -> u64 {
        self.layers.iter().map(|layer| layer.size).sum()
    }
}
