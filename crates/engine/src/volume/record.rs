//! One volume, as its `volume.json` says.

use std::collections::BTreeMap;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use barque_sys::file;
use serde::{Deserialize, Serialize};

use super::Options;
use crate::{Error, ErrorKind, Result, Time};

pub(super) const FILE: &str = "volume.json";
pub(super) const DATA: &str = "data";
const VERSION: u32 = 1;

/// The label of a volume that was given no name.
pub const ANONYMOUS: &str = "com.docker.volume.anonymous";

/// The text of `volume.json`. The name is the directory's, so that it changes with one rename.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Record {
    version: u32,
    created: Time,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    options: BTreeMap<String, String>,
}

impl Record {
    pub(super) fn new(labels: BTreeMap<String, String>, options: BTreeMap<String, String>) -> Self {
        Self { version: VERSION, created: Time::now(), labels, options }
    }

    pub(super) fn write(&self, directory: impl AsFd) -> Result<()> {
        let text = serde_json::to_vec(self).unwrap_or_default();
        Ok(file::replace_mode(directory, FILE, &text, 0o644)?)
    }
}

/// A volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created: Time,
    /// What users say of it.
    pub labels: BTreeMap<String, String>,
    /// What is mounted in its place, where that is not its own directory.
    pub options: BTreeMap<String, String>,
    directory: PathBuf,
}

impl Volume {
    /// Reads the volume in a directory.
    pub(super) fn read(directory: &Path, name: &str) -> Result<Self> {
        let path = directory.join(FILE);
        let text = file::read(&path)?;
        let record: Record = serde_json::from_str(&text).map_err(|error| {
            Error::new(
                ErrorKind::Internal,
                format!("the record of volume {name} is damaged: {path:?}: {error}"),
            )
            .hint(format!(
                "its files are in {:?}; mend the record, or remove the volume",
                directory.join(DATA)
            ))
        })?;
        if record.version > VERSION {
            return Err(Error::unsupported(format!("volume {name} was made by a newer Barque")));
        }
        Ok(Self {
            name: name.to_owned(),
            created: record.created,
            labels: record.labels,
            options: record.options,
            directory: directory.to_owned(),
        })
    }

    /// Where its content is.
    pub fn data(&self) -> PathBuf {
        self.directory.join(DATA)
    }

    /// Whether it was given no name.
    pub fn is_anonymous(&self) -> bool {
        self.labels.contains_key(ANONYMOUS)
    }

    /// What is mounted in its place, if anything is.
    pub fn mounted(&self) -> Result<Option<Options>> {
        Options::read(&self.options)
    }
}
