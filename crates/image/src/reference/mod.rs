//! References: how images are named. `[host[:port]/]path[:tag][@digest]`.
//!
//! The grammar is that of the distribution project, with Docker's defaults: no host is `docker.io`, one path component
//! there is below `library/`. [`ShortNames`] replaces the first default where somebody wants others.

mod grammar;
mod short;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use short::ShortNames;

use crate::{Digest, Error, Result};

/// The registry of names without a host.
pub const DEFAULT_HOST: &str = "docker.io";
/// Where Docker's own images are.
const OFFICIAL: &str = "library/";
/// The tag of names without one.
const LATEST: &str = "latest";

/// The name of an image in its registry. Checked when made; safe as part of a URL path.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference {
    host: String,
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

impl Reference {
    /// A repository, without tag and digest.
    pub fn new(host: &str, repository: &str) -> Result<Self> {
        let reference = Self { host: host.into(), repository: repository.into(), tag: None, digest: None };
        let bad = |why: &str| invalid(&format!("{host}/{repository}"), why);
        if !grammar::is_host(host) {
            return Err(bad("its registry is no host name"));
        }
        grammar::check_path(repository).map_err(bad)?;
        Ok(reference)
    }

    /// The registry: `docker.io`, `localhost:5000`.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The path in the registry: `library/debian`.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag, where it has one.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest, where it has one. It wins over the tag.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// Host and path: `docker.io/library/debian`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.host, self.repository)
    }

    /// Host and path as people write them: `debian`, `quay.io/org/app`.
    pub fn familiar_name(&self) -> String {
        let short = match self.repository.strip_prefix(OFFICIAL) {
            Some(short) if !short.contains('/') => short,
            _ => &self.repository,
        };
        // A path whose first part looks like a host, or that looks like an id, would be read back as another.
        let ambiguous = grammar::split_host(short).is_some() || grammar::is_id(short);
        if self.host == DEFAULT_HOST && !ambiguous { short.to_owned() } else { self.name() }
    }

    /// All of it as people write it: `debian:12`.
    pub fn familiar(&self) -> String {
        self.with_suffixes(self.familiar_name())
    }

    fn with_suffixes(&self, mut text: String) -> String {
        if let Some(tag) = &self.tag {
            text.push(':');
            text.push_str(tag);
        }
        if let Some(digest) = &self.digest {
            text.push('@');
            text.push_str(digest.as_str());
        }
        text
    }

    /// What a registry calls the manifest: the digest, else the tag, else `latest`.
    pub fn manifest_name(&self) -> &str {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => digest.as_str(),
            (None, Some(tag)) => tag,
            (None, None) => LATEST,
        }
    }

    /// The same repository, this tag and no digest.
    pub fn with_tag(&self, tag: &str) -> Result<Self> {
        if !grammar::is_tag(tag) {
            return Err(invalid(tag, "it is no tag"));
        }
        Ok(Self { tag: Some(tag.to_owned()), digest: None, ..self.clone() })
    }

    /// The same repository and tag, this digest.
    #[must_use]
    pub fn with_digest(&self, digest: Digest) -> Self {
        Self { digest: Some(digest), ..self.clone() }
    }

    /// The repository alone.
    #[must_use]
    pub fn without_tag(&self) -> Self {
        Self { tag: None, digest: None, ..self.clone() }
    }

    /// With `:latest` where there is neither a tag nor a digest.
    #[must_use]
    pub fn or_latest(&self) -> Self {
        let mut reference = self.clone();
        if reference.tag.is_none() && reference.digest.is_none() {
            reference.tag = Some(LATEST.to_owned());
        }
        reference
    }

    /// Reads a reference whose names without a host belong to `default_host`.
    fn parse_for(text: &str, default_host: &str) -> Result<Self> {
        let bad = |why: &str| invalid(text, why);
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => {
                (rest, Some(digest.parse::<Digest>().map_err(|error| bad(&error.to_string()))?))
            }
            None => (text, None),
        };
        let (name, tag) = match rest.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
            _ => (rest, None),
        };
        if tag.is_some_and(|tag| !grammar::is_tag(tag)) {
            return Err(bad(
                "its tag is not made of at most 128 of [A-Za-z0-9_.-], not beginning with . or -",
            ));
        }
        if grammar::is_id(name) {
            return Err(bad("64 hexadecimal digits are an image's id and cannot be a name"));
        }
        let (host, path) = grammar::split_host(name).unwrap_or((default_host, name));
        let host = if host == "index.docker.io" { DEFAULT_HOST } else { host };
        let mut reference = Self::new(host, path).map_err(|_| bad(grammar::complaint(host, path)))?;
        if host == DEFAULT_HOST && !path.contains('/') {
            reference.repository.insert_str(0, OFFICIAL);
        }
        Ok(Self { tag: tag.map(str::to_owned), digest, ..reference })
    }
}

fn invalid(text: &str, why: &str) -> Error {
    // "invalid reference format" is what callers of docker look for.
    Error::invalid(format!("invalid reference format: {text:?}: {why}"))
}

impl FromStr for Reference {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse_for(text, DEFAULT_HOST)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.with_suffixes(self.name()))
    }
}

impl Serialize for Reference {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Reference {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
