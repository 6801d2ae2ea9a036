//! What is said about a container beside each line: its tag, chosen labels and variables.

use std::collections::BTreeMap;

use regex_lite::Regex;

use super::{Config, Driver};
use crate::{Error, Result};

/// The container that writes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Subject<'a> {
    /// Its id.
    pub id: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Its image, as it was named.
    pub image: &'a str,
    /// The image's id, `sha256:…`; empty for other root filesystems.
    pub image_id: &'a str,
    /// Its labels.
    pub labels: &'a [(&'a str, &'a str)],
    /// Its environment, `NAME=VALUE` each.
    pub env: &'a [&'a str],
}

impl<'a> Subject<'a> {
    /// The first twelve digits of the id.
    pub(super) fn short_id(&self) -> &'a str {
        self.id.get(..12).unwrap_or(self.id)
    }
}

/// What needs no container to be wrong.
pub(super) fn check(config: &Config) -> Result<()> {
    attributes(config, &Subject::default())?;
    tag(config, &Subject::default()).map(drop)
}

/// Names and values: of the options `labels`, `env` and their regular expressions, and the tag.
pub(super) fn attributes(config: &Config, subject: &Subject<'_>) -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    let labels = Choice::read(config, "labels", "labels-regex")?;
    for (name, value) in subject.labels.iter().filter(|(name, _)| labels.has(name)) {
        found.insert((*name).to_owned(), (*value).to_owned());
    }
    let env = Choice::read(config, "env", "env-regex")?;
    for (name, value) in subject.env.iter().filter_map(|variable| variable.split_once('=')) {
        if env.has(name) {
            found.insert(name.to_owned(), value.to_owned());
        }
    }
    if let Some(tag) = config.option("tag").filter(|_| config.driver != Driver::Journald) {
        let tag = expand(tag, subject)?;
        if !tag.is_empty() {
            found.insert("tag".to_owned(), tag);
        }
    }
    Ok(found)
}

/// The tag of a container in the journal: its short id when none was given.
pub(super) fn tag(config: &Config, subject: &Subject<'_>) -> Result<String> {
    expand(config.option("tag").filter(|tag| !tag.is_empty()).unwrap_or("{{.ID}}"), subject)
}

/// Names that were listed, or that match.
struct Choice<'a> {
    listed: &'a str,
    pattern: Option<Regex>,
}

impl<'a> Choice<'a> {
    fn read(config: &'a Config, list: &str, pattern: &str) -> Result<Self> {
        let text = config.option(pattern).filter(|text| !text.is_empty());
        let regex = text.map(|text| {
            Regex::new(text).map_err(|why| Error::invalid(format!("log-opt {pattern}={text}: {why}")))
        });
        Ok(Self { listed: config.option(list).unwrap_or_default(), pattern: regex.transpose()? })
    }

    fn has(&self, name: &str) -> bool {
        self.listed.split(',').any(|listed| listed == name)
            || self.pattern.as_ref().is_some_and(|pattern| pattern.is_match(name))
    }
}

/// `{{.Name}}` and the like replaced.
fn expand(template: &str, subject: &Subject<'_>) -> Result<String> {
    let mut text = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        text.push_str(before);
        let invalid = || {
            Error::invalid(format!("invalid tag {template:?} in --log-opt"))
                .hint("it knows {{.ID}} {{.FullID}} {{.Name}} {{.ImageID}} {{.ImageFullID}} {{.ImageName}} {{.DaemonName}}")
        };
        let (name, after) = after.split_once("}}").ok_or_else(invalid)?;
        text.push_str(match name.trim() {
            ".ID" => subject.short_id(),
            ".FullID" => subject.id,
            ".Name" => subject.name,
            ".ImageID" => {
                let id = subject.image_id.strip_prefix("sha256:").unwrap_or(subject.image_id);
                id.get(..12).unwrap_or(id)
            }
            ".ImageFullID" => subject.image_id,
            ".ImageName" => subject.image,
            ".DaemonName" => "barque",
            _ => return Err(invalid()),
        });
        rest = after;
    }
    text.push_str(rest);
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUBJECT: Subject<'static> = Subject {
        id: "0123456789abcdef0123",
        name: "web",
        image: "nginx:1",
        image_id: "sha256:fedcba98765432100000",
        labels: &[("tier", "front"), ("owner", "me")],
        env: &["MODE=test", "PATH=/bin"],
    };

    #[test]
    fn chosen_labels_and_variables() {
        for (options, expected) in [
            (&[][..], &[][..]),
            (&["labels=tier,absent", "env=MODE"], &[("MODE", "test"), ("tier", "front")]),
            (&["labels-regex=^own", "env-regex=^P.*H$"], &[("PATH", "/bin"), ("owner", "me")]),
            (&["tag={{.Name}}/{{ .ID }}"], &[("tag", "web/0123456789ab")]),
            (&["tag={{.ImageName}}-{{.ImageID}}"], &[("tag", "nginx:1-fedcba987654")]),
        ] {
            let config = Config::parse(None, options.iter().copied()).unwrap();
            let found = attributes(&config, &SUBJECT).unwrap();
            let found: Vec<_> = found.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            assert_eq!(found, expected, "{options:?}");
        }
    }

    #[test]
    fn tags_of_the_journal() {
        for (options, expected) in
            [(&[][..], "0123456789ab"), (&["tag=x-{{.FullID}}"], "x-0123456789abcdef0123")]
        {
            let config = Config::parse(Some("journald"), options.iter().copied()).unwrap();
            assert_eq!(tag(&config, &SUBJECT).unwrap(), expected);
            assert!(attributes(&config, &SUBJECT).unwrap().is_empty());
        }
    }

    #[test]
    fn refuses_what_it_cannot_expand() {
        for option in ["tag={{.Nope}}", "tag={{.ID", "labels-regex=(", "env-regex=["] {
            assert!(Config::parse(None, [option]).is_err(), "{option}");
        }
        assert!(Config::parse(Some("journald"), ["tag={{.Nope}}"]).is_err());
    }
}
