//! What is kept although it has no name and nobody uses it: files in `images/pins`. The build cache is made of them.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::{Image, Store};
use crate::spec::Descriptor;
use crate::{Error, Result};

/// An image that is kept under a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pin {
    /// Of this format: 1.
    version: u32,
    /// What is kept.
    pub manifest: Descriptor,
    /// What it is, for people.
    pub note: String,
    /// When it was made, RFC 3339.
    pub created: String,
    /// Bytes of its uppermost layer.
    pub size: u64,
}

impl Pin {
    /// A pin of an image.
    pub fn new(image: &Image, note: String, created: String) -> Self {
        let size = image.manifest.layers.last().map_or(0, |layer| layer.size);
        Self { version: 1, manifest: image.descriptor.clone(), note, created, size }
    }
}

/// A pin with its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pinned {
    /// Its name.
    pub key: String,
    /// What is kept.
    pub pin: Pin,
    /// When it was last of use.
    pub used: Option<SystemTime>,
}

impl Store {
    /// Keeps an image under a key, whatever was kept under it before. To be called under a [`super::Lease`].
    pub fn pin(&self, key: &str, pin: &Pin) -> Result<()> {
        let path = self.pin_path(key)?;
        barque_sys::file::make_directories(&self.pins_root(), 0o711)?;
        let text = serde_json::to_vec(pin).map_err(|error| Error::invalid(format!("pin {key}: {error}")))?;
        let directory = path.parent().unwrap_or(&path);
        let directory = barque_sys::file::open(directory, barque_sys::file::READ_DIRECTORY)?;
        Ok(barque_sys::file::replace(&directory, key, &text)?)
    }

    /// What is kept under a key. One that cannot be read, or whose image is not there any more, keeps nothing.
    pub fn pinned(&self, key: &str) -> Result<Option<Pin>> {
        let path = self.pin_path(key)?;
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            bytes => bytes.map_err(|error| Error::from_io(error, format!("open({path:?})")))?,
        };
        let pin: Option<Pin> = serde_json::from_slice(&bytes).ok();
        Ok(pin.filter(|pin| self.layout.blob_path(&pin.manifest.digest).exists()))
    }

    /// Notes that a pin was of use now.
    pub fn touch_pin(&self, key: &str) -> Result<()> {
        let now = fs::FileTimes::new().set_modified(SystemTime::now());
        match fs::File::options().write(true).open(self.pin_path(key)?) {
            Ok(file) => {
                file.set_times(now).map_err(|error| Error::from_io(error, format!("futimens({key})")))
            }
            // Somebody has just taken it back.
            Err(_) => Ok(()),
        }
    }

    /// Takes a pin back; what it kept goes with the next collection.
    pub fn unpin(&self, key: &str) -> Result<()> {
        let path = self.pin_path(key)?;
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::from_io(error, format!("unlink({path:?})")))
            }
            _ => Ok(()),
        }
    }

    /// All pins, those that were longest of no use first.
    pub fn pins(&self) -> Result<Vec<Pinned>> {
        let root = self.pins_root();
        let entries = match fs::read_dir(&root) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(|error| Error::from_io(error, format!("open({root:?})")))?,
        };
        let mut pins = Vec::new();
        for entry in entries.flatten() {
            let key = entry.file_name().to_string_lossy().into_owned();
            if key.starts_with('.') {
                continue;
            }
            if let Some(pin) = self.pinned(&key)? {
                let used = entry.metadata().and_then(|facts| facts.modified()).ok();
                pins.push(Pinned { key, pin, used });
            }
        }
        pins.sort_by(|a, b| (a.used, &a.key).cmp(&(b.used, &b.key)));
        Ok(pins)
    }

    fn pins_root(&self) -> PathBuf {
        self.layout.root().join("pins")
    }

    fn pin_path(&self, key: &str) -> Result<PathBuf> {
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(Error::invalid(format!("{key:?} cannot be the key of a pin")));
        }
        Ok(self.pins_root().join(key))
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Memory, bring, store};
    use super::*;

    #[test]
    fn keys_are_names_of_files() {
        let store = Store::new("/nonexistent");
        for key in ["", "a/b", "..", ".x", "a-b"] {
            store.pinned(key).unwrap_err();
        }
        assert_eq!(store.pinned("abc").unwrap(), None);
        assert_eq!(store.pins().unwrap(), []);
    }

    #[test]
    fn what_is_pinned_stays() {
        let (_directory, store) = store();
        let mut memory = Memory::default();
        let descriptor = memory.image("one", &[&[("a", "text")]]);
        let image = bring(&store, &memory, &descriptor, "one").unwrap();
        let pin = Pin::new(&image, "RUN true".to_owned(), "2026-01-01T00:00:00Z".to_owned());
        assert!(pin.size > 0);
        store.pin("abc", &pin).unwrap();
        store.remove("one", &crate::reference::ShortNames::default(), false).unwrap();
        store.collect().unwrap();
        assert_eq!(store.pinned("abc").unwrap(), Some(pin.clone()));
        assert_eq!(store.rootfs(&store.image(&pin.manifest).unwrap()).unwrap().len(), 1);
        assert_eq!(
            store.pins().unwrap().iter().map(|pinned| pinned.key.as_str()).collect::<Vec<_>>(),
            ["abc"]
        );
        store.unpin("abc").unwrap();
        store.unpin("abc").unwrap();
        let gone = store.collect().unwrap();
        // The layer, and what its chain needs besides; manifest, configuration and the layer's archive.
        assert_eq!((gone.layers.len(), gone.blobs.len()), (2, 3));
        assert_eq!(store.pinned("abc").unwrap(), None);
    }
}
