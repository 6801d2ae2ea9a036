//! The files of a stage at one place: an image without a description, and its layers as directories.

use std::path::PathBuf;

use barque_image::Digest;
use barque_image::spec::{Descriptor, Platform};
use barque_image::store::{Image, Store};

use crate::{Error, Result};

/// Some files that a step goes on from.
#[derive(Debug, Clone, Default)]
pub(super) struct Tip {
    /// None where there is nothing yet.
    image: Option<Image>,
    /// The directories of its layers, the uppermost first, where they are known.
    lowers: Option<Vec<PathBuf>>,
}

impl Tip {
    pub(super) fn of(image: Image) -> Self {
        Self { image: Some(image), lowers: None }
    }

    /// With one more layer, whose files are there.
    pub(super) fn above(image: Image, top: PathBuf, mut lowers: Vec<PathBuf>) -> Self {
        // overlayfs refuses the same directory in two places: see `Store::rootfs`.
        lowers.retain(|lower| *lower != top);
        lowers.insert(0, top);
        Self { image: Some(image), lowers: Some(lowers) }
    }

    /// The directories of its layers, the uppermost first: at least one, as overlayfs wants it.
    pub(super) fn lowers(&self, store: &Store) -> Result<Vec<PathBuf>> {
        let lowers = match (&self.lowers, &self.image) {
            (Some(lowers), _) => lowers.clone(),
            (None, Some(image)) => store.rootfs(image)?,
            (None, None) => Vec::new(),
        };
        if lowers.is_empty() {
            let nothing = store.root().join("build").join("empty");
            barque_sys::file::make_directories(&store.root().join("build"), 0o711)?;
            match barque_sys::file::make_directory(&nothing, 0o755, None) {
                Err(error) if error.kind() == crate::ErrorKind::AlreadyExists => {}
                made => made?,
            }
            return absolute(vec![nothing]);
        }
        absolute(lowers)
    }

    pub(super) fn layers(&self) -> &[Descriptor] {
        self.image.as_ref().map(|image| &image.manifest.layers[..]).unwrap_or_default()
    }

    pub(super) fn diff_ids(&self) -> &[Digest] {
        self.image.as_ref().map(Image::diff_ids).unwrap_or_default()
    }

    pub(super) fn platform(&self) -> Option<Platform> {
        self.image.as_ref().map(|image| image.config.platform())
    }
}

fn absolute(paths: Vec<PathBuf>) -> Result<Vec<PathBuf>> {
    let absolute = paths.iter().map(std::path::absolute).collect::<std::io::Result<Vec<_>>>();
    absolute.map_err(|error| Error::from_io(&error, "getcwd()"))
}
