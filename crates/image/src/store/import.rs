//! A root filesystem becomes an image of one layer.

use std::fs;
use std::io::{self, Read, Write as _};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use super::change::change;
use super::layers::{LayerRecord, layer_name};
use super::names::{self, Named};
use super::{Image, Store};
use crate::content::Spool;
use crate::layer::{Compression, Unpacked};
use crate::reference::Reference;
use crate::spec::{Config, Descriptor, Execution, History, Manifest, Platform, RootFs, media_type};
use crate::{Digest, Error, Result};

/// What an imported image is to be.
#[derive(Debug, Clone)]
pub struct Import {
    /// Its name; none makes a dangling image.
    pub name: Option<Reference>,
    /// Instructions of a Dockerfile that say how it is run.
    pub changes: Vec<String>,
    /// What is said about it.
    pub message: String,
    /// For what it is.
    pub platform: Platform,
    /// When it was made, RFC 3339.
    pub created: String,
}

impl Store {
    /// Makes an image of a root filesystem in a tar archive, compressed or not. It is unpacked while it is read, and kept as
    /// it comes.
    pub fn import(&self, archive: impl Read + Send, import: &Import) -> Result<Image> {
        let mut execution = Execution::default();
        for instruction in &import.changes {
            change(&mut execution, instruction)?;
        }
        let lease = self.lease()?;
        let (layer, diff_id) = self.add_layer(archive)?;
        let step = History {
            created: Some(import.created.clone()),
            comment: Some(if import.message.is_empty() {
                "Imported".to_owned()
            } else {
                import.message.clone()
            }),
            ..History::default()
        };
        let config = Config {
            created: Some(import.created.clone()),
            author: None,
            architecture: import.platform.architecture.clone(),
            os: import.platform.os.clone(),
            variant: import.platform.variant.clone(),
            os_version: None,
            os_features: Vec::new(),
            config: execution,
            rootfs: RootFs { kind: "layers".to_owned(), diff_ids: vec![diff_id] },
            history: vec![step],
            comment: import.message.clone(),
        };
        let image = self.add_image(&config, vec![layer])?;
        self.list_image(&image, import.name.as_ref())?;
        self.touch(&image)?;
        drop(lease);
        self.collect_if_left()?;
        Ok(image)
    }

    /// Lists an image whose documents are there, under a name or without one. To be called under a [`super::Lease`].
    pub fn list_image(&self, image: &Image, name: Option<&Reference>) -> Result<()> {
        let name = name.map(|name| name.or_latest().to_string());
        let (manifest, hint) = (image.descriptor.clone(), Some(self.hint_of(image)));
        names::edit(&self.layout, |entries| {
            names::put(entries, Named { name, manifest, source: None, hint });
            Ok(())
        })
    }

    /// Puts the documents of an image in, whose layers are there. To be called under a [`super::Lease`]; without a name it
    /// goes with the next collection.
    pub fn add_image(&self, config: &Config, layers: Vec<Descriptor>) -> Result<Image> {
        let unwritable =
            |error| Error::invalid(format!("the image's configuration cannot be written: {error}"));
        let bytes = serde_json::to_vec(config).map_err(unwritable)?;
        let manifest = Manifest::new(self.layout.add(media_type::CONFIG, &bytes)?, layers);
        let bytes = serde_json::to_vec(&manifest).map_err(unwritable)?;
        let descriptor = self.layout.add(media_type::MANIFEST, &bytes)?;
        Image::new(descriptor, manifest, config.clone())
    }

    /// Puts a layer in whose digests nobody knows yet: unpacked while it is read, and kept as it comes. Returns what it is,
    /// and its diff id. To be called under a [`super::Lease`].
    pub fn add_layer(&self, archive: impl Read + Send) -> Result<(Descriptor, Digest)> {
        let directory = self.scratch()?;
        let mut spool = self.layout.spool()?;
        let mut head = Vec::new();
        let tee = Tee { source: archive, spool: &mut spool, head: &mut head };
        let unpacked = crate::layer::unpack(tee, &directory.join("fs"), &self.options);
        let added = unpacked.and_then(|unpacked| {
            let kind = Compression::of(&head).media_type();
            self.place(&directory, &unpacked)?;
            Ok((spool.finish(kind)?, unpacked.diff_id))
        });
        // What was not placed is for nobody.
        self.layers.trash().take(&directory)?;
        added
    }

    /// A new directory with an empty `fs`, on the file system of layers.
    pub(super) fn scratch(&self) -> Result<PathBuf> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        self.layers.make()?;
        loop {
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let directory =
                self.layers.root().join(".new").join(format!("scratch-{}-{number}", std::process::id()));
            match fs::create_dir(&directory) {
                Ok(()) => {
                    barque_sys::file::make_directory(&directory.join("fs"), 0o700, None)?;
                    return Ok(directory);
                }
                // Left by one of our id who was killed.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(Error::from_io(error, format!("mkdir({directory:?})"))),
            }
        }
    }

    /// Gives an unpacked layer its name, unless it is there already.
    pub(super) fn place(&self, directory: &std::path::Path, unpacked: &Unpacked) -> Result<()> {
        super::layers::describe(directory, &LayerRecord::of(unpacked.clone(), &directory.join("fs"))?)?;
        let target = self.layers.root().join(layer_name(&unpacked.diff_id));
        match fs::rename(directory, &target) {
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
            result => {
                result.map_err(|error| Error::from_io(error, format!("rename({directory:?}, {target:?})")))
            }
        }
    }
}

/// Keeps a copy of what is read through it.
struct Tee<'a, R> {
    source: R,
    spool: &'a mut Spool,
    /// The first bytes, from which one sees how it is compressed.
    head: &'a mut Vec<u8>,
}

impl<R: Read> Read for Tee<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        let bytes = &buffer[..count];
        let wanted = 8_usize.saturating_sub(self.head.len()).min(count);
        self.head.extend_from_slice(&bytes[..wanted]);
        self.spool.write_all(bytes)?;
        Ok(count)
    }
}
