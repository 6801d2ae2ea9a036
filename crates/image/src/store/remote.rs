//! Registries: images pulled from there, and pushed to.

use super::names::{self, Named};
use super::{Image, Request, Source, Store};
use crate::content::Sink;
use crate::progress::Progress;
use crate::registry::Client;
use crate::spec::{Descriptor, Platform, media_type};
use crate::{Digest, Reference, Result};

/// A repository of a registry.
#[derive(Debug)]
struct Remote<'a> {
    client: &'a Client,
    repository: &'a Reference,
}

impl Source for Remote<'_> {
    fn document(&self, descriptor: &Descriptor) -> Result<Vec<u8>> {
        let kind = &descriptor.media_type;
        if media_type::is_index(kind) || media_type::is_manifest(kind) {
            let manifest = self.client.manifest(&self.repository.with_digest(descriptor.digest.clone()))?;
            return Ok(manifest.bytes);
        }
        self.client.document(self.repository, descriptor)
    }

    fn blob(&self, descriptor: &Descriptor, sink: &mut dyn Sink, progress: &dyn Progress) -> Result<()> {
        self.client.fetch(self.repository, descriptor, sink, progress)
    }
}

/// What became of a pull.
#[derive(Debug, Clone)]
pub struct Pulled {
    /// The image.
    pub image: Image,
    /// The digest by which the registry knows what the name means: the manifest's, or that of an index.
    pub digest: Digest,
    /// Whether anything had to be fetched or unpacked.
    pub new: bool,
}

impl Store {
    /// Pulls an image. One request where everything is there already.
    pub fn pull(
        &self,
        client: &Client,
        reference: &Reference,
        platform: Option<&Platform>,
        progress: &dyn Progress,
    ) -> Result<Pulled> {
        let reference = reference.or_latest();
        let descriptor = client.resolve(&reference)?;
        let digest = descriptor.digest.clone();
        let name = match reference.digest() {
            // A tag beside a digest says nothing: it may mean another image by now.
            Some(digest) => reference.without_tag().with_digest(digest.clone()),
            None => reference.clone(),
        };
        let names = vec![name.to_string()];
        let request = Request { descriptor, names, from_registry: true, platform: platform.cloned() };
        if let Some(image) = self.present(&request)? {
            return Ok(Pulled { image, digest, new: false });
        }
        let image = self.bring(&Remote { client, repository: &reference }, &request, progress)?;
        Ok(Pulled { image, digest, new: true })
    }

    /// Pushes an image to where a name says. Returns what the registry knows it by.
    pub fn push(
        &self,
        client: &Client,
        image: &Image,
        reference: &Reference,
        progress: &dyn Progress,
    ) -> Result<Descriptor> {
        let _lease = self.lease()?;
        let reference = reference.or_latest();
        let others = self.other_repositories(image, &reference)?;
        for blob in image.manifest.layers.iter().chain([&image.manifest.config]) {
            client.push_blob(&reference, blob, &|| self.layout.open(&blob.digest), &others, progress)?;
        }
        // Last: a registry takes a manifest only when it has what it names.
        let manifest = self.layout.read(&image.descriptor.digest)?;
        let pushed = client.put_manifest(&reference, &image.descriptor.media_type, &manifest)?;
        let name = reference.to_string();
        names::edit(&self.layout, |entries| {
            for entry in entries.iter_mut().filter(|entry| entry.name.as_deref() == Some(&name)) {
                if entry.manifest.digest == image.descriptor.digest {
                    *entry = Named { source: Some(pushed.digest.clone()), ..entry.clone() };
                }
            }
            Ok(())
        })?;
        Ok(pushed)
    }

    /// Where else in that registry the image's layers may be.
    fn other_repositories(&self, image: &Image, reference: &Reference) -> Result<Vec<Reference>> {
        let mut others = Vec::new();
        for entry in names::all(&self.layout)? {
            let Some(Ok(other)) = entry.name.map(|name| name.parse::<Reference>()) else { continue };
            let known = entry.source.is_some() || entry.manifest.digest == image.descriptor.digest;
            let other = other.without_tag();
            if known
                && other.host() == reference.host()
                && other.name() != reference.name()
                && !others.contains(&other)
            {
                others.push(other);
            }
        }
        Ok(others)
    }
}
