//! Who uses volumes, and how large they are.

use std::collections::{BTreeMap, HashSet};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use barque_sys::Call as _;

use super::{Volume, Volumes};
use crate::{Container, Containers, Definition, Error, ErrorKind, Places, Result};

/// The containers that use volumes.
#[derive(Debug, Default)]
pub struct Users {
    /// Ids of containers, by the volume's name.
    by_volume: BTreeMap<String, Vec<String>>,
    /// Containers whose definitions have been read: which volumes they use never changes.
    seen: HashSet<String>,
    /// Containers whose records cannot be read: what they use is not known.
    pub damaged: Vec<Error>,
}

impl Users {
    /// The ids of the containers that use a volume.
    pub fn of(&self, name: &str) -> &[String] {
        self.by_volume.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    /// Looks for containers that have come since.
    pub(super) fn refresh(&mut self, places: &Places) -> Result<()> {
        for id in Containers::new(places.clone()).ids()? {
            if self.seen.contains(&id) {
                continue;
            }
            match Container::open(places, &id) {
                Ok(container) => self.add(id, &container.definition),
                // It is being made, or has just gone.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => {
                    self.seen.insert(id);
                    self.damaged.push(error);
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, id: String, definition: &Definition) {
        for name in definition.mounts.iter().filter_map(|mount| mount.name.as_ref()) {
            let ids = self.by_volume.entry(name.clone()).or_default();
            if !ids.contains(&id) {
                ids.push(id.clone());
            }
        }
        self.seen.insert(id);
    }
}

impl Volumes {
    /// Who uses what now, said by the containers' definitions.
    pub fn users(&self) -> Result<Users> {
        let mut users = Users::default();
        users.refresh(&self.places)?;
        Ok(users)
    }
}

impl Volume {
    /// The bytes that its content takes on disk; a file with several names counts once.
    pub fn size(&self) -> Result<u64> {
        size_of(&self.data())
    }
}

pub(crate) fn size_of(directory: &Path) -> Result<u64> {
    let mut seen = HashSet::new();
    let mut total = 0;
    // Not by recursion: how deep it is, is the containers' choice.
    let mut open = vec![directory.to_owned()];
    while let Some(directory) = open.pop() {
        let entries = match std::fs::read_dir(&directory) {
            // Gone meanwhile.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            entries => entries.call(|| format!("open({directory:?})"))?,
        };
        for entry in entries.flatten() {
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.nlink() > 1 && !metadata.is_dir() && !seen.insert((metadata.dev(), metadata.ino())) {
                continue;
            }
            total += metadata.blocks() * 512;
            if metadata.is_dir() {
                open.push(entry.path());
            }
        }
    }
    Ok(total)
}
