//! What is about a manifest: signatures, lists of contents (distribution specification, "Listing Referrers").

use ureq::http::Method;

use super::auth::Scope;
use super::client::{Body, Call, Client, Target};
use super::endpoint::Endpoint;
use super::failure::Failure;
use super::list::Pages;
use super::manifest::repository_at;
use super::transport::Time;
use super::url;
use crate::spec::{Descriptor, Index, Manifest, media_type};
use crate::{Context as _, Digest, Error, ErrorKind, Reference, Result};

impl Client {
    /// The descriptors of manifests about a digest, all or those of one artifact type.
    pub fn referrers(
        &self,
        repository: &Reference,
        subject: &Digest,
        artifact_type: Option<&str>,
    ) -> Result<Vec<Descriptor>> {
        let found = self
            .read_from(repository, |endpoint| {
                match self.referrers_at(endpoint, repository, subject, artifact_type) {
                    Err(failure) if matches!(failure.status, Some(400 | 404 | 405 | 501)) => {
                        self.referrers_by_tag(endpoint, repository, subject)
                    }
                    result => result,
                }
            })
            .context(|| format!("referrers of {subject}"))?;
        // Whether the registry has filtered is its own choice.
        let fits = |descriptor: &Descriptor| {
            artifact_type.is_none_or(|wanted| descriptor.artifact_type.as_deref() == Some(wanted))
        };
        Ok(found.into_iter().filter(fits).collect())
    }

    fn referrers_at(
        &self,
        endpoint: &Endpoint,
        repository: &Reference,
        subject: &Digest,
        artifact_type: Option<&str>,
    ) -> std::result::Result<Vec<Descriptor>, Failure> {
        let name = repository_at(endpoint, repository);
        let filter = artifact_type.map(|wanted| format!("?artifactType={}", url::escape(wanted)));
        let pages = Pages {
            endpoint,
            path: format!("/v2/{name}/referrers/{subject}{}", filter.unwrap_or_default()),
            scope: Scope::repository(&name, "pull"),
            repository: repository.repository(),
            accept: media_type::INDEX,
        };
        let mut found = Vec::new();
        self.pages(&pages, |page| {
            found.extend(Index::parse(page)?.manifests);
            Ok(())
        })?;
        Ok(found)
    }

    /// A registry without the list may have it under a tag, kept by those who push ("Referrers Tag Schema").
    fn referrers_by_tag(
        &self,
        endpoint: &Endpoint,
        repository: &Reference,
        subject: &Digest,
    ) -> std::result::Result<Vec<Descriptor>, Failure> {
        let reference = repository.with_tag(&tag_of(subject))?;
        match self.manifest_at(endpoint, &reference) {
            Ok(document) => Ok(Index::parse(&document.bytes)?.manifests),
            Err(failure) if failure.error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            Err(failure) => Err(failure),
        }
    }

    /// After a push to a registry that has not noticed whom the manifest is about: keeps that list.
    pub(super) fn note_referrer(&self, reference: &Reference, own: &Descriptor, bytes: &[u8]) -> Result<()> {
        let Some((subject, own)) = about(own, bytes) else { return Ok(()) };
        let endpoint = self.origin(reference);
        let failed = |failure: Failure| failure.error.context(format!("referrers of {subject}"));
        if self.has_referrers(&endpoint, reference, &subject) {
            return Ok(());
        }
        let mut list = self.referrers_by_tag(&endpoint, reference, &subject).map_err(failed)?;
        if list.iter().any(|descriptor| descriptor.digest == own.digest) {
            return Ok(());
        }
        list.push(own);
        let text = serde_json::to_vec(&Index::new(list))
            .map_err(|error| Error::new(ErrorKind::Internal, error.to_string()))?;
        let tag = reference.with_tag(&tag_of(&subject))?;
        self.put_document(&tag, media_type::INDEX, &text).map_err(failed)?;
        Ok(())
    }

    fn has_referrers(&self, endpoint: &Endpoint, reference: &Reference, subject: &Digest) -> bool {
        let name = repository_at(endpoint, reference);
        let call = Call {
            method: &Method::GET,
            target: Target::Path(&format!("/v2/{name}/referrers/{subject}")),
            headers: &[("accept", media_type::INDEX)],
            body: Body::None,
            scope: &Scope::repository(&name, "pull,push"),
            repository: reference.repository(),
            time: Time::Answer,
        };
        self.call(endpoint, &call, &[200]).is_ok()
    }
}

fn tag_of(subject: &Digest) -> String {
    format!("{}-{}", subject.algorithm().name(), subject.hex().get(..64).unwrap_or(subject.hex()))
}

/// Whom a manifest or index is about, and how it is listed there.
fn about(own: &Descriptor, bytes: &[u8]) -> Option<(Digest, Descriptor)> {
    let (subject, artifact_type, annotations) = match Manifest::parse(bytes) {
        Ok(manifest) => {
            let kind = manifest.artifact_type.unwrap_or(manifest.config.media_type);
            (manifest.subject?, Some(kind), manifest.annotations)
        }
        Err(_) => {
            let index = Index::parse(bytes).ok()?;
            (index.subject?, index.artifact_type, index.annotations)
        }
    };
    Some((subject.digest, Descriptor { artifact_type, annotations, ..own.clone() }))
}
