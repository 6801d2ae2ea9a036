//! Manifests: looked up, read, put, deleted.

use ureq::http::Method;

use super::auth::Scope;
use super::client::{Body, Call, Client, Target};
use super::endpoint::Endpoint;
use super::failure::{Failure, plain};
use super::transport::{Response, Time};
use crate::digest::Hasher;
use crate::spec::{Descriptor, Index, MAX_DOCUMENT, Manifest, media_type};
use crate::{Context as _, Digest, Error, Reference, Result};

/// A manifest or an index, byte for byte as it was given; digest and media type are checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// What it is.
    pub descriptor: Descriptor,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl Client {
    /// What a reference names at this moment: one short request, where the registry says the digest.
    pub fn resolve(&self, reference: &Reference) -> Result<Descriptor> {
        self.read_from(reference, |endpoint| self.resolve_at(endpoint, reference))
            .context(|| format!("image {}", reference.familiar()))
    }

    fn resolve_at(
        &self,
        endpoint: &Endpoint,
        reference: &Reference,
    ) -> std::result::Result<Descriptor, Failure> {
        let response = self.get_manifest(endpoint, reference, &Method::HEAD)?;
        let found = response.header("docker-content-digest").and_then(|text| text.parse::<Digest>().ok());
        let media_type = media_type_of(&response).filter(|name| known(name));
        match (found.or_else(|| reference.digest().cloned()), media_type, response.length()) {
            (Some(digest), Some(media_type), Some(size)) if size > 0 => {
                expect(reference, &digest)?;
                Ok(Descriptor::new(media_type, digest, size))
            }
            // Some say nothing without the document.
            _ => self.manifest_at(endpoint, reference).map(|document| document.descriptor),
        }
    }

    /// The manifest or index that a reference names.
    pub fn manifest(&self, reference: &Reference) -> Result<Document> {
        self.read_from(reference, |endpoint| self.manifest_at(endpoint, reference))
            .context(|| format!("image {}", reference.familiar()))
    }

    pub(super) fn manifest_at(
        &self,
        endpoint: &Endpoint,
        reference: &Reference,
    ) -> std::result::Result<Document, Failure> {
        let response = self.get_manifest(endpoint, reference, &Method::GET)?;
        let said = media_type_of(&response);
        let header = response.header("docker-content-digest").and_then(|text| text.parse::<Digest>().ok());
        let bytes = response.document("manifest")?;
        let media_type = kind_of(&bytes, said.as_deref())?;
        let expected = reference.digest().or(header.as_ref());
        let algorithm = expected.map_or(crate::digest::Algorithm::Sha256, Digest::algorithm);
        let mut hasher = Hasher::new(algorithm);
        hasher.update(&bytes);
        let digest = hasher.finish();
        if let Some(expected) = expected.filter(|expected| **expected != digest) {
            return Err(Error::invalid(format!("manifest {expected} has the digest {digest}"))
                .hint("what was received is damaged or not what was asked for; nothing of it is kept")
                .into());
        }
        let size = bytes.len() as u64;
        Ok(Document { descriptor: Descriptor::new(media_type, digest, size), bytes })
    }

    fn get_manifest(
        &self,
        endpoint: &Endpoint,
        reference: &Reference,
        method: &Method,
    ) -> std::result::Result<Response, Failure> {
        let accept = media_type::ACCEPTED.join(", ");
        let call = Call {
            method,
            target: Target::Path(&manifest_path(endpoint, reference)),
            headers: &[("accept", &accept)],
            body: Body::None,
            scope: &Scope::repository(&repository_at(endpoint, reference), "pull"),
            repository: reference.repository(),
            time: Time::Answer,
        };
        self.call(endpoint, &call, &[200])
    }

    /// Puts a manifest under its tag, or under its digest where the reference has one.
    ///
    /// Where the manifest is about another and the registry does not keep account of that, the list that the
    /// specification has for such registries is kept ("Referrers Tag Schema").
    pub fn put_manifest(&self, reference: &Reference, media_type: &str, bytes: &[u8]) -> Result<Descriptor> {
        let descriptor = Descriptor::of(media_type, bytes);
        if reference.digest().is_some_and(|digest| *digest != descriptor.digest) {
            return Err(Error::invalid(format!(
                "manifest of {} has the digest {}",
                reference.familiar(),
                descriptor.digest
            )));
        }
        let noticed = self
            .put_document(reference, media_type, bytes)
            .map_err(|failure| failure.error)
            .context(|| format!("push of {}", reference.familiar()))?;
        if !noticed {
            self.note_referrer(reference, &descriptor, bytes)?;
        }
        Ok(descriptor)
    }

    /// Whether the registry has noticed whom it is about.
    pub(super) fn put_document(
        &self,
        reference: &Reference,
        media_type: &str,
        bytes: &[u8],
    ) -> std::result::Result<bool, Failure> {
        let endpoint = self.origin(reference);
        let call = Call {
            method: &Method::PUT,
            target: Target::Path(&manifest_path(&endpoint, reference)),
            headers: &[("content-type", media_type)],
            body: Body::Bytes(bytes),
            scope: &Scope::repository(reference.repository(), "pull,push"),
            repository: reference.repository(),
            time: Time::Answer,
        };
        let response = self.call(&endpoint, &call, &[200, 201, 202])?;
        if let Some(found) = response.header("docker-content-digest").and_then(|text| text.parse().ok()) {
            let own = Digest::of(bytes);
            // Another algorithm is the registry's own business.
            if own.algorithm() == Digest::algorithm(&found) && own != found {
                return Err(
                    Error::invalid(format!("the registry has stored {found} in place of {own}")).into()
                );
            }
        }
        Ok(response.header("oci-subject").is_some())
    }

    /// Deletes what a reference names: the manifest of a digest, or, where the registry can do that, only a tag.
    pub fn delete_manifest(&self, reference: &Reference) -> Result<()> {
        let endpoint = self.origin(reference);
        self.delete(&endpoint, reference, &manifest_path(&endpoint, reference))
            .context(|| format!("delete of {}", reference.familiar()))
    }

    /// Deletes a blob.
    pub fn delete_blob(&self, repository: &Reference, digest: &Digest) -> Result<()> {
        let endpoint = self.origin(repository);
        self.delete(&endpoint, repository, &format!("/v2/{}/blobs/{digest}", repository.repository()))
            .context(|| format!("delete of blob {digest}"))
    }

    fn delete(&self, endpoint: &Endpoint, reference: &Reference, path: &str) -> Result<()> {
        let call = Call {
            method: &Method::DELETE,
            target: Target::Path(path),
            headers: &[],
            body: Body::None,
            scope: &Scope::repository(reference.repository(), "pull,push,delete"),
            repository: reference.repository(),
            time: Time::Answer,
        };
        let refused = |failure: Failure| match failure.status {
            Some(405) => failure.error.hint("this registry does not delete, or not this way"),
            _ => failure.error,
        };
        self.call(endpoint, &call, &[200, 202, 204]).map(drop).map_err(refused)
    }

    /// A small blob that is no layer: a configuration. Its digest and size are checked.
    pub fn document(&self, repository: &Reference, descriptor: &Descriptor) -> Result<Vec<u8>> {
        if descriptor.size > MAX_DOCUMENT {
            return Err(Error::invalid(format!(
                "blob {} of {} bytes is larger than a document may be ({MAX_DOCUMENT} bytes)",
                descriptor.digest, descriptor.size
            )));
        }
        let mut sink = super::fetch::Memory::new(descriptor);
        self.fetch(repository, descriptor, &mut sink, &crate::progress::Silent)?;
        sink.finish()
    }
}

pub(super) fn repository_at(endpoint: &Endpoint, reference: &Reference) -> String {
    format!("{}{}", endpoint.prefix, reference.repository())
}

fn manifest_path(endpoint: &Endpoint, reference: &Reference) -> String {
    format!("/v2/{}/manifests/{}", repository_at(endpoint, reference), reference.manifest_name())
}

/// The media type of an answer, without its parameters.
fn media_type_of(response: &Response) -> Option<String> {
    let text = response.header("content-type")?;
    Some(text.split(';').next().unwrap_or(text).trim().to_ascii_lowercase())
}

fn known(name: &str) -> bool {
    media_type::is_manifest(name) || media_type::is_index(name)
}

/// What a document is. Header and document must not contradict one another, and its shape must be of that kind
/// (CVE-2021-41190): whoever has signed it as one thing must not have it read as another.
fn kind_of(bytes: &[u8], said: Option<&str>) -> Result<String> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Head {
        #[serde(default)]
        media_type: Option<String>,
        #[serde(default)]
        schema_version: u32,
    }
    let head: Head = serde_json::from_slice(bytes)
        .map_err(|error| Error::invalid(format!("manifest: what the registry gives is none: {error}")))?;
    if head.schema_version == 1 {
        return Err(Error::unsupported("manifest of schema 1")
            .hint("only schema 2 is read; push the image again with a client of this decade"));
    }
    let said = said.filter(|name| known(name));
    let own = head.media_type.as_deref();
    let name = match (said, own) {
        (Some(said), Some(own)) if said != own => {
            return Err(Error::invalid(format!(
                "manifest: sent as {said:?}, but says it is {:?}",
                plain(own)
            )));
        }
        (Some(name), _) | (None, Some(name)) => name.to_owned(),
        (None, None) if Index::parse(bytes).is_ok() => media_type::INDEX.to_owned(),
        (None, None) => media_type::MANIFEST.to_owned(),
    };
    if media_type::is_index(&name) {
        Index::parse(bytes)?;
    } else if media_type::is_manifest(&name) {
        Manifest::parse(bytes)?;
    } else {
        return Err(Error::unsupported(format!("manifest of the media type {:?}", plain(&name))));
    }
    Ok(name)
}

fn expect(reference: &Reference, found: &Digest) -> Result<()> {
    match reference.digest() {
        Some(wanted) if wanted != found && wanted.algorithm() == found.algorithm() => {
            Err(Error::invalid(format!("manifest {wanted} has the digest {found}, says the registry")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lying_media_types() {
        let digest = Digest::of(b"");
        let entry = format!(r#"{{"mediaType": "x", "digest": "{digest}", "size": 1}}"#);
        let manifest = format!(r#"{{"schemaVersion": 2, "config": {entry}, "layers": []}}"#);
        let index = r#"{"schemaVersion": 2, "manifests": []}"#.to_owned();
        let typed = |kind: &str, rest: &str| format!(r#"{{"mediaType": "{kind}", {}"#, &rest[1..]);
        for (bytes, said, expected) in [
            (manifest.clone(), Some(media_type::MANIFEST), Some(media_type::MANIFEST)),
            (manifest.clone(), Some(media_type::DOCKER_MANIFEST), Some(media_type::DOCKER_MANIFEST)),
            (manifest.clone(), None, Some(media_type::MANIFEST)),
            (manifest.clone(), Some("application/json"), Some(media_type::MANIFEST)),
            (index.clone(), None, Some(media_type::INDEX)),
            (typed(media_type::DOCKER_INDEX, &index), None, Some(media_type::DOCKER_INDEX)),
            (manifest.clone(), Some(media_type::INDEX), None),
            (index.clone(), Some(media_type::MANIFEST), None),
            (typed(media_type::INDEX, &index), Some(media_type::MANIFEST), None),
            (typed(media_type::MANIFEST, &index), None, None),
            (typed("application/vnd.x", &manifest), None, None),
            (
                format!(r#"{{"schemaVersion": 2, "manifests": [], "config": {entry}, "layers": []}}"#),
                None,
                None,
            ),
            (r#"{"schemaVersion": 1, "fsLayers": []}"#.into(), None, None),
            ("<html>".into(), Some(media_type::MANIFEST), None),
            (String::new(), None, None),
        ] {
            let found = kind_of(bytes.as_bytes(), said).ok();
            assert_eq!(found.as_deref(), expected, "{bytes} sent as {said:?}");
        }
    }
}
