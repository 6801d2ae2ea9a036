//! An index: one name for images of several platforms (`image-index.md`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Descriptor, Platform, media_type};
use crate::{Error, Result};

/// A list of manifests, or of further lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    /// Always 2.
    pub schema_version: u32,
    /// What this document is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// What it is where it is no list of images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// What it lists.
    pub manifests: Vec<Descriptor>,
    /// The manifest that this one is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Descriptor>,
    /// Whatever somebody wants to say about it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl Index {
    /// An index of these.
    pub fn new(manifests: Vec<Descriptor>) -> Self {
        Self {
            schema_version: 2,
            media_type: Some(media_type::INDEX.to_owned()),
            artifact_type: None,
            manifests,
            subject: None,
            annotations: BTreeMap::new(),
        }
    }

    /// Reads an index, OCI's or Docker's.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        check_shape(bytes, "layers", "an index")?;
        let index: Self =
            serde_json::from_slice(bytes).map_err(|error| Error::invalid(format!("index: {error}")))?;
        if index.schema_version != 2 {
            return Err(Error::unsupported(format!("index of schema {}", index.schema_version)));
        }
        Ok(index)
    }

    /// The image for a platform: the best of those that run there, the first of equals; those that say nothing of their
    /// platform only where no other fits.
    pub fn choose(&self, wanted: &Platform) -> Option<&Descriptor> {
        let rank = |descriptor: &Descriptor| match &descriptor.platform {
            Some(platform) => wanted.accepts(platform).map(|closeness| closeness + 1),
            None => media_type::is_manifest(&descriptor.media_type).then_some(0),
        };
        let ranked =
            self.manifests.iter().rev().filter_map(|descriptor| Some((rank(descriptor)?, descriptor)));
        ranked.max_by_key(|(rank, _)| *rank).map(|(_, descriptor)| descriptor)
    }
}

/// Refuses a document that has a field which only the other kind may have.
pub(super) fn check_shape(bytes: &[u8], foreign: &str, kind: &str) -> Result<()> {
    let fields: BTreeMap<String, serde::de::IgnoredAny> =
        serde_json::from_slice(bytes).map_err(|error| Error::invalid(format!("{kind}: {error}")))?;
    if fields.contains_key(foreign) {
        return Err(Error::invalid(format!("{kind} with the field {foreign:?}, which makes it ambiguous")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Digest;

    fn listed(platform: Option<&str>, name: &str) -> Descriptor {
        let mut descriptor = Descriptor::new(media_type::MANIFEST, Digest::of(name.as_bytes()), 1);
        descriptor.platform = platform.map(|text| text.parse().unwrap());
        descriptor
    }

    #[test]
    fn the_closest_platform_is_chosen() {
        let index = Index::new(vec![
            listed(None, "anybody's"),
            listed(Some("linux/amd64"), "amd64"),
            listed(Some("linux/arm/v6"), "v6"),
            listed(Some("linux/arm/v7"), "v7"),
            listed(Some("linux/arm64"), "arm64"),
            listed(Some("linux/amd64"), "amd64 again"),
            listed(Some("unknown/unknown"), "attestation"),
        ]);
        for (wanted, expected) in [
            ("linux/amd64", "amd64"),
            ("linux/arm/v7", "v7"),
            ("linux/arm/v6", "v6"),
            ("linux/arm", "v7"),
            ("linux/arm64", "arm64"),
            ("linux/arm64/v8", "arm64"),
            ("linux/riscv64", "anybody's"),
        ] {
            let chosen = index.choose(&wanted.parse().unwrap()).map(|descriptor| descriptor.digest.clone());
            assert_eq!(chosen, Some(Digest::of(expected.as_bytes())), "{wanted}");
        }
    }

    #[test]
    fn a_document_is_one_thing() {
        let both = br#"{"schemaVersion": 2, "manifests": [], "layers": []}"#;
        assert!(Index::parse(both).unwrap_err().to_string().contains("ambiguous"));
        assert!(super::super::Manifest::parse(both).unwrap_err().to_string().contains("ambiguous"));
        assert!(Index::parse(br#"{"schemaVersion": 1, "manifests": []}"#).is_err());
    }
}
