//! `index.json`: names and what they name.
//!
//! Each name is an entry of its own. It stands in two annotations: the one of the image specification, by which skopeo and
//! umoci find it (`skopeo inspect oci:IMAGES:docker.io/library/debian:12`), and the one by which containerd imports it
//! under its full name. An entry without them is an image that has lost its name. Further annotations are of our own, and
//! only hints: what a list shows, so that it need not open two documents of each image.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io;

use crate::content::Layout;
use crate::spec::{Descriptor, Index, REF_NAME, media_type};
use crate::{Digest, Error, Result};

/// The full name, as containerd's importer reads it.
const FULL_NAME: &str = "io.containerd.image.name";
/// The digest by which a registry knows it: that of an index, where the name is one of an index there.
const SOURCE: &str = "dev.barque.source-digest";
/// The manifest that our other annotations are about.
const ABOUT: &str = "dev.barque.manifest";
/// The digest of the configuration.
const ID: &str = "dev.barque.id";
/// Bytes of all unpacked layers.
const SIZE: &str = "dev.barque.size";
/// When the image was made.
const CREATED: &str = "org.opencontainers.image.created";

/// One line of `index.json`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// In full: `docker.io/library/debian:12`, `quay.io/x/y@sha256:…`; none where it has lost it.
    pub name: Option<String>,
    /// The manifest.
    pub manifest: Descriptor,
    /// The digest by which a registry knows it: that of the manifest, or of an index that lists it.
    pub source: Option<Digest>,
    /// What a list shows of it; no more than a hint, and not there where another program has written the entry.
    pub hint: Option<Hint>,
}

/// What a list shows of an image without reading its documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// The digest of the configuration.
    pub id: Digest,
    /// When it was made, RFC 3339.
    pub created: Option<String>,
    /// Bytes of all unpacked layers.
    pub size: u64,
}

impl Named {
    /// What an entry says.
    pub fn of(entry: &Descriptor) -> Self {
        let mut manifest = entry.clone();
        let mut take = |key: &str| manifest.annotations.remove(key);
        let (full, short, about) = (take(FULL_NAME), take(REF_NAME), take(ABOUT));
        let (source, id, size, created) = (take(SOURCE), take(ID), take(SIZE), take(CREATED));
        // Programs that change an image keep annotations that they do not know.
        let ours = about.as_deref() == Some(entry.digest.as_str());
        let source = source.filter(|_| ours).and_then(|text| text.parse().ok());
        let hint = id
            .zip(size)
            .filter(|_| ours)
            .and_then(|(id, size)| Some(Hint { id: id.parse().ok()?, created, size: size.parse().ok()? }));
        Self { name: full_name(full, short), manifest, source, hint }
    }

    /// The entry that says this.
    pub fn descriptor(&self) -> Descriptor {
        let mut entry = self.manifest.clone();
        let mut put = |key: &str, value: Option<String>| {
            if let Some(value) = value {
                entry.annotations.insert(key.to_owned(), value);
            }
        };
        put(FULL_NAME, self.name.clone());
        put(REF_NAME, self.name.clone());
        if self.source.is_some() || self.hint.is_some() {
            put(ABOUT, Some(self.manifest.digest.to_string()));
        }
        put(SOURCE, self.source.as_ref().map(ToString::to_string));
        if let Some(hint) = &self.hint {
            put(ID, Some(hint.id.to_string()));
            put(SIZE, Some(hint.size.to_string()));
            put(CREATED, hint.created.clone());
        }
        entry
    }

    /// Whether it has a name with a tag: what has none is *dangling*.
    pub fn is_tagged(&self) -> bool {
        self.name.as_deref().is_some_and(|name| !name.contains('@'))
    }

    /// `repository@digest`, where it came from a registry or went to one.
    pub fn repository_digest(&self) -> Option<String> {
        let repository = repository(self.name.as_deref()?);
        Some(format!("{repository}@{}", self.source.as_ref()?))
    }

    /// It without its tag: known by digest where a registry knows it, nameless otherwise.
    fn untagged(&self) -> Self {
        Self { name: self.repository_digest(), ..self.clone() }
    }
}

/// The name that two annotations say. The specification's own may be the tag alone, as Docker writes it, or that of somebody
/// who has tagged the image anew and kept the other annotation as it was.
fn full_name(full: Option<String>, short: Option<String>) -> Option<String> {
    match (full, short) {
        (Some(full), Some(short)) if full != short && !full.ends_with(&format!(":{short}")) => Some(short),
        (full, short) => full.or(short),
    }
}

/// A full name without tag and digest.
pub(super) fn repository(name: &str) -> &str {
    let name = name.split_once('@').map_or(name, |(before, _)| before);
    match name.rsplit_once(':') {
        Some((before, tag)) if !tag.contains('/') => before,
        _ => name,
    }
}

/// What stands in `index.json`; nothing where there is none.
pub(super) fn read(layout: &Layout) -> Result<Index> {
    let path = layout.root().join("index.json");
    match std::fs::read(&path) {
        Ok(bytes) => Index::parse(&bytes).map_err(|error| error.context(path.display())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Ok(Index { media_type: Some(media_type::INDEX.to_owned()), ..Index::new(Vec::new()) })
        }
        Err(error) => Err(Error::from_io(error, format!("open({path:?})"))),
    }
}

/// All entries.
pub(super) fn all(layout: &Layout) -> Result<Vec<Named>> {
    Ok(read(layout)?.manifests.iter().map(Named::of).collect())
}

/// Changes `index.json` while nobody else does. What the change returns is returned; nothing is written where it fails or
/// leaves everything as it was.
pub(super) fn edit<T>(layout: &Layout, change: impl FnOnce(&mut Vec<Named>) -> Result<T>) -> Result<T> {
    layout.make()?;
    let path = layout.root().join("index.lock");
    let lock = open_lock(&path)?;
    barque_sys::file::lock(&lock)?;
    let mut index = read(layout)?;
    let mut entries: Vec<Named> = index.manifests.iter().map(Named::of).collect();
    let before = entries.clone();
    let result = change(&mut entries)?;
    if entries != before || !layout.root().join("index.json").exists() {
        index.manifests = entries.iter().map(Named::descriptor).collect();
        let text = serde_json::to_vec(&index)
            .map_err(|error| Error::invalid(format!("index.json cannot be written: {error}")))?;
        let directory = barque_sys::file::open(layout.root(), barque_sys::file::READ_DIRECTORY)?;
        barque_sys::file::replace_mode(&directory, "index.json", &text, 0o644)?;
    }
    barque_sys::file::unlock(&lock)?;
    Ok(result)
}

/// Adds entries to a layout, whoever's it is.
pub(crate) fn add_names(layout: &Layout, new: Vec<Named>) -> Result<()> {
    edit(layout, |entries| {
        new.into_iter().for_each(|entry| put(entries, entry));
        Ok(())
    })
}

/// Opens a file that is there to be locked.
pub(super) fn open_lock(path: &std::path::Path) -> Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(|error| Error::from_io(error, format!("open({path:?})")))
}

/// Gives a name to a manifest. What had the name before loses it, and stays while it has none.
pub(super) fn put(entries: &mut Vec<Named>, new: Named) {
    if let Some(name) = &new.name {
        for old in entries.iter_mut().filter(|old| old.name.as_ref() == Some(name)) {
            if old.manifest.digest != new.manifest.digest {
                *old = old.untagged();
            }
        }
        entries.retain(|old| old.name.as_ref() != Some(name));
    }
    entries.push(new);
    tidy(entries);
}

/// Nameless entries are there only so that an image is not forgotten: one is enough, and none where it has a name.
pub(super) fn tidy(entries: &mut Vec<Named>) {
    let named: HashSet<Digest> = entries
        .iter()
        .filter(|entry| entry.name.is_some())
        .map(|entry| entry.manifest.digest.clone())
        .collect();
    let mut seen = HashSet::new();
    entries.retain(|entry| {
        let digest = &entry.manifest.digest;
        match &entry.name {
            Some(name) => seen.insert(name.clone()),
            None => !named.contains(digest) && seen.insert(digest.to_string()),
        }
    });
}
