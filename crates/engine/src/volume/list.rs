//! All volumes.

use std::fs;

use barque_sys::Call as _;

use super::held::is_volume;
use super::{Volume, Volumes};
use crate::{Error, ErrorKind, Result};

/// What a list has found.
#[derive(Debug, Default)]
pub struct ListedVolumes {
    /// The volumes, by name.
    pub volumes: Vec<Volume>,
    /// What could not be read, a complaint each: it keeps no other from being listed.
    pub damaged: Vec<Error>,
}

impl Volumes {
    /// All volumes.
    pub fn list(&self) -> Result<ListedVolumes> {
        let mut listed = ListedVolumes::default();
        for name in self.entries()?.into_iter().filter(|name| !name.starts_with('.')) {
            match Volume::read(&self.directory().join(&name), &name) {
                Ok(volume) => listed.volumes.push(volume),
                // It has just gone.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => listed.damaged.push(error),
            }
        }
        listed.volumes.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(listed)
    }

    /// What lies in the directory of all volumes.
    pub(super) fn entries(&self) -> Result<Vec<String>> {
        let directory = self.directory();
        let entries = match fs::read_dir(&directory) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.call(|| format!("open({directory:?})"))?,
        };
        let name = |entry: std::io::Result<fs::DirEntry>| entry.ok()?.file_name().into_string().ok();
        let is_ours = |name: &String| {
            let unfinished = name.starts_with(".new-") || name.starts_with(".trash-");
            unfinished || is_volume(&directory.join(name))
        };
        Ok(entries.filter_map(name).filter(is_ours).collect())
    }
}
