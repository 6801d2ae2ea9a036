//! Docker's own form of an archive: `manifest.json` says which files are the configuration and the layers.

use std::collections::HashMap;
use std::io::Read;

use serde::Deserialize;

use super::files::Files;
use super::load::Found;
use crate::content::Sink;
use crate::digest::{Algorithm, HashingReader};
use crate::layer::Compression;
use crate::progress::Progress;
use crate::reference::Reference;
use crate::spec::{Config, Descriptor, Manifest, media_type};
use crate::store::Source;
use crate::{Context as _, Digest, Error, ErrorKind, Result};

/// One image, as `manifest.json` lists it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Item {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    layers: Vec<String>,
}

/// The images of an archive, given manifests: the form has none.
#[derive(Debug)]
pub(super) struct Docker<'a> {
    files: &'a Files,
    documents: HashMap<Digest, Vec<u8>>,
    /// The file of each layer.
    layers: HashMap<Digest, String>,
}

impl<'a> Docker<'a> {
    /// Reads what is in an archive.
    pub(super) fn read(files: &'a Files) -> Result<(Self, Vec<Found>)> {
        let items: Vec<Item> = serde_json::from_slice(&files.document("manifest.json")?)
            .map_err(|error| Error::invalid(format!("manifest.json: {error}")))?;
        let mut docker = Self { files, documents: HashMap::new(), layers: HashMap::new() };
        let found: Result<Vec<Found>> = items.iter().map(|item| docker.image(item)).collect();
        Ok((docker, found?))
    }

    fn image(&mut self, item: &Item) -> Result<Found> {
        let config = self.files.document(&item.config)?;
        let parsed = Config::parse(&config).context(|| format!("file {:?}", item.config))?;
        let diff_ids = &parsed.rootfs.diff_ids;
        if diff_ids.len() != item.layers.len() {
            return Err(Error::invalid(format!(
                "manifest.json lists {} layers of the image in {:?}, its configuration {}",
                item.layers.len(),
                item.config,
                diff_ids.len()
            )));
        }
        let layers: Result<Vec<Descriptor>> =
            item.layers.iter().zip(diff_ids).map(|(file, diff_id)| self.layer(file, diff_id)).collect();
        let manifest = Manifest::new(Descriptor::of(media_type::CONFIG, &config), layers?);
        let bytes = serde_json::to_vec(&manifest)
            .map_err(|error| Error::invalid(format!("the image in {:?}: {error}", item.config)))?;
        let descriptor = Descriptor::of(media_type::MANIFEST, &bytes);
        self.documents.insert(manifest.config.digest, config);
        self.documents.insert(descriptor.digest.clone(), bytes);
        Ok(Found { descriptor, names: names(item)? })
    }

    /// A layer as it lies there. Not compressed, its digest is its diff id, which is looked at when it is taken out;
    /// compressed, nothing says the digest, and it is read twice.
    fn layer(&mut self, file: &str, diff_id: &Digest) -> Result<Descriptor> {
        let mut first = [0; 8];
        let mut source = self.files.read(file, 0)?;
        let failed = |error| Error::from_io(error, format!("read({file:?})"));
        let count = source.read(&mut first).map_err(failed)?;
        let compression = Compression::of(&first[..count]);
        let (digest, size) = match compression {
            Compression::None => (diff_id.clone(), self.files.size(file)?),
            _ => {
                let mut reader = HashingReader::new(self.files.read(file, 0)?, Algorithm::Sha256);
                std::io::copy(&mut reader, &mut std::io::sink()).map_err(failed)?;
                reader.finish()
            }
        };
        self.layers.insert(digest.clone(), file.to_owned());
        Ok(Descriptor::new(compression.media_type(), digest, size))
    }
}

fn names(item: &Item) -> Result<Vec<String>> {
    let name = |text: &String| -> Result<String> {
        let name: Reference = text
            .parse()
            .map_err(|error: Error| error.context(format!("a name in manifest.json, {text:?}")))?;
        Ok(name.or_latest().to_string())
    };
    item.repo_tags.iter().flatten().map(name).collect()
}

impl Source for Docker<'_> {
    fn document(&self, descriptor: &Descriptor) -> Result<Vec<u8>> {
        self.documents.get(&descriptor.digest).cloned().ok_or_else(|| absent(descriptor))
    }

    fn blob(&self, descriptor: &Descriptor, sink: &mut dyn Sink, progress: &dyn Progress) -> Result<()> {
        let file = self.layers.get(&descriptor.digest).ok_or_else(|| absent(descriptor))?;
        self.files.copy(file, descriptor, sink, progress)
    }
}

fn absent(descriptor: &Descriptor) -> Error {
    Error::new(ErrorKind::NotFound, format!("the archive has no blob {}", descriptor.digest))
}
