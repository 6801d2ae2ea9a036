//! OCI layouts, in a directory or a tar; and `dir`.

use super::files::{Files, blob_name};
use super::load::Found;
use crate::content::Sink;
use crate::progress::Progress;
use crate::reference::Reference;
use crate::spec::{Descriptor, Index, MAX_DOCUMENT, media_type};
use crate::store::{Named, Source};
use crate::{Digest, Error, Result};

/// Content under its digests.
#[derive(Debug)]
pub(super) struct Layout<'a> {
    pub(super) files: &'a Files,
    /// Whether it is `dir`, which has no directories: blobs are named by their digits alone.
    pub(super) flat: bool,
}

impl Layout<'_> {
    fn name(&self, digest: &Digest) -> String {
        if self.flat { digest.hex().to_owned() } else { blob_name(digest) }
    }
}

impl Source for Layout<'_> {
    fn document(&self, descriptor: &Descriptor) -> Result<Vec<u8>> {
        let name = self.name(&descriptor.digest);
        if self.flat && !self.files.contains(&name) {
            return self.files.document("manifest.json");
        }
        self.files.document(&name)
    }

    fn blob(&self, descriptor: &Descriptor, sink: &mut dyn Sink, progress: &dyn Progress) -> Result<()> {
        self.files.copy(&self.name(&descriptor.digest), descriptor, sink, progress)
    }
}

/// The images of a layout.
pub(super) fn images(files: &Files) -> Result<Vec<Found>> {
    let index = Index::parse(&files.document("index.json")?).map_err(|error| error.context("index.json"))?;
    let mut found: Vec<Found> = Vec::new();
    for entry in &index.manifests {
        if !media_type::is_index(&entry.media_type) && !media_type::is_manifest(&entry.media_type) {
            continue;
        }
        let named = Named::of(entry);
        let name = named.name.as_deref().map(full_name).transpose()?.flatten();
        match found.iter_mut().find(|found| found.descriptor.digest == named.manifest.digest) {
            Some(found) => found.names.extend(name),
            None => found.push(Found { descriptor: named.manifest, names: name.into_iter().collect() }),
        }
    }
    Ok(found)
}

/// What an annotation says, as a name in full. A tag alone (umoci's, and most of skopeo's) is no name: nobody knows of what.
fn full_name(text: &str) -> Result<Option<String>> {
    if !text.contains([':', '/', '@']) {
        return Ok(None);
    }
    let name: Reference =
        text.parse().map_err(|error: Error| error.context(format!("a name in index.json, {text:?}")))?;
    Ok(Some(name.or_latest().to_string()))
}

/// The image of a `dir`.
pub(super) fn single(files: &Files) -> Result<Found> {
    let manifest = files.document("manifest.json")?;
    debug_assert!(manifest.len() as u64 <= MAX_DOCUMENT, "that is the most that is read");
    // The kind of the document is only in itself.
    let kind = |bytes: &[u8]| -> Option<String> {
        let value: serde_json::Value = serde_json::from_slice(bytes).ok()?;
        let said = value.get("mediaType").and_then(serde_json::Value::as_str);
        let index = value.get("manifests").is_some();
        Some(said.unwrap_or(if index { media_type::INDEX } else { media_type::MANIFEST }).to_owned())
    };
    let kind = kind(&manifest).ok_or_else(|| Error::invalid("manifest.json is no JSON"))?;
    Ok(Found { descriptor: Descriptor::of(kind, &manifest), names: Vec::new() })
}
