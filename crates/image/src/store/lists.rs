//! Images for several platforms under one name, while they are put together: kept until they are pushed or removed.

use std::fs;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Store;
use super::names::open_lock;
use crate::spec::{Descriptor, Index, media_type};
use crate::{Digest, Error, Reference, Result};

/// A list that is being put together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestList {
    /// Of this format: 1.
    version: u32,
    /// What it will be called, in full.
    pub name: String,
    /// What is in it.
    pub manifests: Vec<Listed>,
}

/// One image of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// Where it is, in full.
    pub reference: String,
    /// Its manifest, with its platform.
    pub descriptor: Descriptor,
}

impl ManifestList {
    /// A list without anything in it.
    pub fn new(name: &Reference) -> Self {
        Self { version: 1, name: name.to_string(), manifests: Vec::new() }
    }

    /// The document to be pushed: Docker's kind where all of its images are Docker's, so that old clients read it.
    pub fn index(&self) -> Index {
        let mut index = Index::new(self.manifests.iter().map(|listed| listed.descriptor.clone()).collect());
        if index.manifests.iter().all(|manifest| manifest.media_type == media_type::DOCKER_MANIFEST) {
            index.media_type = Some(media_type::DOCKER_INDEX.to_owned());
        }
        index
    }

    /// Adds an image; what was there under the same reference goes.
    pub fn put(&mut self, listed: Listed) {
        match self.manifests.iter_mut().find(|old| old.reference == listed.reference) {
            Some(old) => *old = listed,
            None => self.manifests.push(listed),
        }
    }
}

impl Store {
    fn list_path(&self, name: &Reference) -> PathBuf {
        let digest = Digest::of(name.to_string().as_bytes());
        self.layout.root().join("lists").join(format!("{}.json", digest.hex()))
    }

    /// The list of that name; nothing where there is none.
    pub fn manifest_list(&self, name: &Reference) -> Result<Option<ManifestList>> {
        let path = self.list_path(name);
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            bytes => bytes.map_err(|error| Error::from_io(error, format!("open({path:?})")))?,
        };
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|error| Error::invalid(format!("{}: {error}", path.display())))
    }

    /// Makes something else of a list while nobody else does; nothing is kept where nothing comes of it.
    pub fn edit_manifest_list(
        &self,
        name: &Reference,
        change: impl FnOnce(Option<ManifestList>) -> Result<Option<ManifestList>>,
    ) -> Result<()> {
        self.layout.make()?;
        let path = self.list_path(name);
        let directory = path.parent().unwrap_or(self.layout.root());
        barque_sys::file::make_directories(directory, 0o711)?;
        let lock = open_lock(&directory.join(".lock"))?;
        barque_sys::file::lock(&lock)?;
        match change(self.manifest_list(name)?)? {
            Some(list) => {
                let text = serde_json::to_vec(&list)
                    .map_err(|error| Error::invalid(format!("manifest list {}: {error}", list.name)))?;
                let file = format!("{}.json", Digest::of(list.name.as_bytes()).hex());
                let directory = barque_sys::file::open(directory, barque_sys::file::READ_DIRECTORY)?;
                barque_sys::file::replace(&directory, &file, &text)?;
            }
            None => drop(fs::remove_file(&path)),
        }
        barque_sys::file::unlock(&lock)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_kept_changed_and_removed() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::new(directory.path());
        let name: Reference = "quay.io/team/app:1".parse().unwrap();
        assert_eq!(store.manifest_list(&name).unwrap(), None);
        let listed = |kind: &str, text: &str| Listed {
            reference: format!("quay.io/team/app:{text}"),
            descriptor: Descriptor::of(kind, text.as_bytes()),
        };
        let add = |list: Option<ManifestList>, new: Listed| {
            let mut list = list.unwrap_or_else(|| ManifestList::new(&name));
            list.put(new);
            Ok(Some(list))
        };
        store.edit_manifest_list(&name, |list| add(list, listed(media_type::DOCKER_MANIFEST, "a"))).unwrap();
        store.edit_manifest_list(&name, |list| add(list, listed(media_type::DOCKER_MANIFEST, "a"))).unwrap();
        let list = store.manifest_list(&name).unwrap().unwrap();
        assert_eq!((list.manifests.len(), list.name.as_str()), (1, "quay.io/team/app:1"));
        assert_eq!(list.index().media_type.as_deref(), Some(media_type::DOCKER_INDEX));
        store.edit_manifest_list(&name, |list| add(list, listed(media_type::MANIFEST, "b"))).unwrap();
        let list = store.manifest_list(&name).unwrap().unwrap();
        assert_eq!(
            (list.index().manifests.len(), list.index().media_type.unwrap()),
            (2, media_type::INDEX.into())
        );
        store.edit_manifest_list(&name, |_| Ok(None)).unwrap();
        assert_eq!(store.manifest_list(&name).unwrap(), None);
    }
}
