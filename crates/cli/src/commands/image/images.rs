//! `barque images`.

use barque_image::Digest;
use barque_image::store::Summary;
use serde_json::{Value, json};

use super::scene::repository_and_tag;
use super::{Images, told};
use crate::commands::Places;
use crate::commands::filters::{Filters, has_label, matches};
use crate::flags::Parsed;
use crate::format::{Column, Listing, Row, ago, human_size, row};
use crate::value::{date_and_time, now, point, timestamp};
use crate::{Result, console};

const COLUMNS: &[Column] = &[
    Column { field: "Repository", heading: "REPOSITORY" },
    Column { field: "Tag", heading: "TAG" },
    Column { field: "Digest", heading: "DIGEST" },
    Column { field: "ID", heading: "IMAGE ID" },
    Column { field: "CreatedSince", heading: "CREATED" },
    Column { field: "CreatedAt", heading: "CREATED AT" },
    Column { field: "Size", heading: "SIZE" },
    Column { field: "Containers", heading: "CONTAINERS" },
    Column { field: "VirtualSize", heading: "SIZE" },
    Column { field: "SharedSize", heading: "SHARED SIZE" },
    Column { field: "UniqueSize", heading: "UNIQUE SIZE" },
];

const NONE: &str = "<none>";

/// Lists images.
pub(super) fn list(flags: &Parsed, places: &Places) -> Result<i32> {
    if flags.switch("tree") {
        return super::tree::tree(flags, places);
    }
    let images = Images::open(places)?;
    let filters = Filters::read(flags, &["dangling", "label", "before", "since", "until", "reference"])?;
    let now = now();
    let mut list = images.store.list().map_err(told)?;
    if !filters.is_empty() {
        list = filtered(&images, &filters, list, now)?;
    }
    let wanted = Wanted {
        name: flags.positional().first().map(String::as_str),
        patterns: filters.all("reference").collect(),
        digests: flags.switch("digests")
            || flags.value("format").is_some_and(|format| format.contains(".Digest")),
        whole: flags.switch("no-trunc"),
        now,
    };
    let mut rows: Vec<Row> = list.iter().flat_map(|image| wanted.rows(image)).collect();
    let quiet = flags.switch("quiet");
    if quiet && !flags.has("format") {
        // One line for an image, however many names it has.
        let mut seen = std::collections::BTreeSet::new();
        rows.retain(|row| row.get("ID").and_then(Value::as_str).is_some_and(|id| seen.insert(id.to_owned())));
    }
    let mut shown = vec!["Repository", "Tag", "ID", "CreatedSince", "Size"];
    if flags.switch("digests") {
        shown.insert(2, "Digest");
    }
    let listing = Listing { columns: COLUMNS, shown, quiet: Some("ID") };
    console::out(&listing.text(flags.value("format"), quiet, rows)?);
    Ok(0)
}

/// The images that all filters let through; `reference` is about names and comes later.
fn filtered(images: &Images, filters: &Filters, mut list: Vec<Summary>, now: i64) -> Result<Vec<Summary>> {
    if let Some(dangling) = filters.switch("dangling")? {
        list.retain(|image| image.is_dangling() == dangling);
    }
    let created = |image: &Summary| image.created.as_deref().and_then(timestamp).unwrap_or(0);
    for (key, later) in [("before", false), ("since", true)] {
        for typed in filters.all(key) {
            let other = images.find(typed)?;
            let (id, at) =
                (other.id().clone(), other.config.created.as_deref().and_then(timestamp).unwrap_or(0));
            list.retain(|image| {
                image.id != id && if later { created(image) > at } else { created(image) < at }
            });
        }
    }
    for text in filters.all("until") {
        let until = point(text, now).map_err(crate::Error::invalid)?;
        list.retain(|image| created(image) < until);
    }
    for label in filters.all("label") {
        list.retain(|image| {
            let entry = image.entries.first();
            let found = entry.and_then(|entry| images.store.image(&entry.manifest).ok());
            found.is_some_and(|found| has_label(&found.config.config.labels, label))
        });
    }
    Ok(list)
}

/// What is to be shown of each image.
struct Wanted<'a> {
    name: Option<&'a str>,
    patterns: Vec<&'a str>,
    digests: bool,
    whole: bool,
    now: i64,
}

impl Wanted<'_> {
    /// One row for each name, as Docker has it.
    fn rows(&self, image: &Summary) -> Vec<Row> {
        let mut names: Vec<(String, String, String)> = Vec::new();
        for entry in &image.entries {
            let Some(full) = entry.name.as_deref() else { continue };
            let (repository, tag) = repository_and_tag(full);
            let digest = entry.repository_digest().and_then(|name| Some(name.split_once('@')?.1.to_owned()));
            let digest = digest.unwrap_or_else(|| NONE.to_owned());
            match tag {
                Some(tag) => names.push((repository, tag, digest)),
                // Without its tag it is told apart by its digest only.
                None => names.push((repository, NONE.to_owned(), digest)),
            }
        }
        if names.iter().any(|(_, tag, _)| tag != NONE) {
            names.retain(|(_, tag, _)| tag != NONE);
        } else if names.is_empty() {
            names.push((NONE.to_owned(), NONE.to_owned(), NONE.to_owned()));
        }
        names.retain(|(repository, tag, _)| self.wants(repository, tag));
        names.dedup();
        names.into_iter().map(|name| self.row(image, name)).collect()
    }

    fn wants(&self, repository: &str, tag: &str) -> bool {
        let both = format!("{repository}:{tag}");
        let fits = |pattern: &str| matches(pattern, repository) || matches(pattern, &both);
        self.name.is_none_or(fits) && (self.patterns.is_empty() || self.patterns.iter().any(|p| fits(p)))
    }

    fn row(&self, image: &Summary, (repository, tag, digest): (String, String, String)) -> Row {
        let created = image.created.as_deref().and_then(timestamp);
        row([
            ("Repository", repository.into()),
            ("Tag", tag.into()),
            ("Digest", if self.digests { digest.into() } else { json!(NONE) }),
            ("ID", shown_id(&image.id, self.whole).into()),
            ("CreatedSince", created.map_or_else(|| "N/A".to_owned(), |at| ago(self.now - at)).into()),
            ("CreatedAt", created.map_or_else(|| "N/A".to_owned(), date_and_time).into()),
            ("Size", human_size(image.size, 3).into()),
            ("VirtualSize", human_size(image.size, 4).into()),
            ("Containers", "N/A".into()),
            ("SharedSize", "N/A".into()),
            ("UniqueSize", "N/A".into()),
        ])
    }
}

/// An id, in full or its first twelve digits.
pub(super) fn shown_id(id: &Digest, whole: bool) -> String {
    if whole { id.to_string() } else { id.short().to_owned() }
}
