//! Lists: tags of a repository, repositories of a registry. They come in pages.

use std::collections::HashSet;

use serde::Deserialize;
use ureq::http::{Method, Uri};

use super::auth::Scope;
use super::client::{Body, Call, Client, Target};
use super::endpoint::Endpoint;
use super::failure::{Failure, plain};
use super::manifest::repository_at;
use super::transport::Time;
use super::url;
use crate::{Context as _, Error, Reference, Result};

/// A list of more pages than this has no end.
const MAX_PAGES: usize = 2000;

#[derive(Deserialize)]
struct Tags {
    /// Null where there are none.
    #[serde(default)]
    tags: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Catalog {
    #[serde(default)]
    repositories: Option<Vec<String>>,
}

/// What is listed, and for whom.
pub(super) struct Pages<'a> {
    pub(super) endpoint: &'a Endpoint,
    pub(super) path: String,
    pub(super) scope: Scope,
    pub(super) repository: &'a str,
    pub(super) accept: &'static str,
}

impl Client {
    /// The tags of a repository, in the registry's order.
    pub fn tags(&self, repository: &Reference) -> Result<Vec<String>> {
        self.read_from(repository, |endpoint| {
            let name = repository_at(endpoint, repository);
            let pages = Pages {
                endpoint,
                path: format!("/v2/{name}/tags/list?n=1000"),
                scope: Scope::repository(&name, "pull"),
                repository: repository.repository(),
                accept: "application/json",
            };
            let mut tags = Vec::new();
            self.pages(&pages, |page| {
                let page: Tags = read(page)?;
                tags.extend(page.tags.unwrap_or_default().iter().map(|tag| plain(tag)));
                Ok(())
            })?;
            Ok(tags)
        })
        .context(|| format!("tags of {}", repository.familiar_name()))
    }

    /// The repositories of a registry, where it tells them.
    pub fn catalog(&self, host: &str) -> Result<Vec<String>> {
        let endpoint = self.settings.hosts.origin(host);
        let pages = Pages {
            endpoint: &endpoint,
            path: "/v2/_catalog?n=1000".into(),
            scope: Scope::catalog(),
            repository: "",
            accept: "application/json",
        };
        let mut repositories = Vec::new();
        self.pages(&pages, |page| {
            let page: Catalog = read(page)?;
            repositories.extend(page.repositories.unwrap_or_default().iter().map(|name| plain(name)));
            Ok(())
        })
        .map_err(|failure| failure.error)
        .context(|| format!("repositories of {host}"))?;
        Ok(repositories)
    }

    /// Reads page after page; the last has no link to another.
    pub(super) fn pages(
        &self,
        pages: &Pages<'_>,
        mut take: impl FnMut(&[u8]) -> Result<()>,
    ) -> std::result::Result<(), Failure> {
        let mut next: Option<Uri> = None;
        let mut seen = HashSet::new();
        loop {
            let call = Call {
                method: &Method::GET,
                target: next.as_ref().map_or(Target::Path(&pages.path), Target::Url),
                headers: &[("accept", pages.accept)],
                body: Body::None,
                scope: &pages.scope,
                repository: pages.repository,
                time: Time::Answer,
            };
            let response = self.call(pages.endpoint, &call, &[200])?;
            let link =
                response.headers("link").find_map(url::next_link).map(|link| url::join(&response.url, link));
            let link = link.transpose()?.filter(|link| url::same_origin(link, &response.url));
            take(&response.document("list")?)?;
            let Some(link) = link else { return Ok(()) };
            if seen.len() >= MAX_PAGES || !seen.insert(link.to_string()) {
                return Err(Error::invalid("the registry's list has no end").into());
            }
            next = Some(link);
        }
    }
}

fn read<'a, T: Deserialize<'a>>(page: &'a [u8]) -> Result<T> {
    serde_json::from_slice(page).map_err(|error| Error::invalid(format!("the registry's list: {error}")))
}
