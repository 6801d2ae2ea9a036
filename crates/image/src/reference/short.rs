//! Names without a host.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{DEFAULT_HOST, Reference, grammar};
use crate::Result;

/// What names without a host may mean.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct ShortNames {
    /// The registries to look in, in this order; none is `docker.io`.
    pub search: Vec<String>,
    /// Names that mean one repository: `{"fedora": "registry.fedoraproject.org/fedora"}`.
    pub aliases: BTreeMap<String, String>,
}

impl ShortNames {
    /// The references that a text may mean, in the order to try them; one, where it names its registry.
    pub fn candidates(&self, text: &str) -> Result<Vec<Reference>> {
        let end = name_end(text);
        let (name, suffix) = text.split_at(end);
        if let Some(alias) = self.aliases.get(name) {
            return Ok(vec![Reference::parse_for(&format!("{alias}{suffix}"), DEFAULT_HOST)?]);
        }
        if grammar::split_host(name).is_some() || self.search.is_empty() {
            return Ok(vec![text.parse()?]);
        }
        self.search.iter().map(|host| Reference::parse_for(text, host)).collect()
    }
}

/// Where the name ends and tag or digest begin.
fn name_end(text: &str) -> usize {
    let end = text.find('@').unwrap_or(text.len());
    match text[..end].rfind(':') {
        Some(colon) if !text[colon..end].contains('/') => colon,
        _ => end,
    }
}
