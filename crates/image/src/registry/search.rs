//! Images by words in their names.

use serde::Deserialize;
use ureq::http::Method;

use super::auth::Scope;
use super::client::{Body, Call, Client, Target};
use super::endpoint::{Endpoint, Security};
use super::failure::{Failure, plain};
use super::transport::Time;
use super::url;
use crate::reference::DEFAULT_HOST;
use crate::{Context as _, Error, Result};

/// Where Docker Hub is searched.
const DOCKER_INDEX: &str = "index.docker.io";

/// An image that was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Found {
    /// As one would pull it.
    pub name: String,
    /// What its makers say of it.
    pub description: String,
    /// How many people like it.
    #[serde(rename = "star_count")]
    pub stars: u64,
    /// The registry's own.
    #[serde(rename = "is_official")]
    pub official: bool,
    /// Built by the registry.
    #[serde(rename = "is_automated")]
    pub automated: bool,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    results: Vec<Found>,
}

impl Client {
    /// Images of a registry that a term finds, at most so many. Registries without a search are searched by the names
    /// that they list.
    pub fn search(&self, host: &str, term: &str, limit: usize) -> Result<Vec<Found>> {
        let endpoint = match host {
            DEFAULT_HOST => Endpoint::new(DEFAULT_HOST, DOCKER_INDEX, Security::Strict),
            _ => self.settings.hosts.origin(host),
        };
        let found = match self.search_index(&endpoint, term, limit) {
            Err(failure) if host != DEFAULT_HOST && matches!(failure.status, Some(401 | 403 | 404 | 405)) => {
                self.search_catalog(host, term)
            }
            result => result.map_err(|failure| failure.error),
        };
        let mut found = found.context(|| format!("search for {term:?} in {host}"))?;
        found.truncate(limit);
        Ok(found)
    }

    fn search_index(
        &self,
        endpoint: &Endpoint,
        term: &str,
        limit: usize,
    ) -> std::result::Result<Vec<Found>, Failure> {
        let call = Call {
            method: &Method::GET,
            target: Target::Path(&format!("/v1/search?q={}&n={}", url::escape(term), limit.clamp(1, 100))),
            headers: &[("accept", "application/json")],
            body: Body::None,
            scope: &Scope::none(),
            repository: "",
            time: Time::Answer,
        };
        let bytes = self.call(endpoint, &call, &[200])?.document("search")?;
        let answer: Answer = serde_json::from_slice(&bytes)
            .map_err(|error| Error::invalid(format!("what the registry has found: {error}")))?;
        let clean = |found: Found| Found {
            name: plain(&found.name),
            description: plain(&found.description),
            ..found
        };
        Ok(answer.results.into_iter().map(clean).collect())
    }

    fn search_catalog(&self, host: &str, term: &str) -> Result<Vec<Found>> {
        let names = self.catalog(host)?.into_iter().filter(|name| name.contains(term));
        Ok(names.map(|name| Found { name: format!("{host}/{name}"), ..Found::default() }).collect())
    }
}
