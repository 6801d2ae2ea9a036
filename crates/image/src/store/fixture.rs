//! Images for tests: made in memory, served from memory.

use std::collections::HashMap;
use std::io::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Image, Request, Source, Store};
use crate::content::Sink;
use crate::layer::{Form, Options, Rights};
use crate::progress::{Progress, Silent};
use crate::spec::{Config, Descriptor, Manifest, RootFs, media_type};
use crate::{Digest, Error, ErrorKind, Result};

/// A store in a directory of its own; layers are unpacked with the rights that there are.
pub(crate) fn store() -> (tempfile::TempDir, Store) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::new(directory.path());
    (directory, with_rights(store))
}

pub(crate) fn with_rights(store: Store) -> Store {
    if rustix::process::geteuid().is_root() {
        return store;
    }
    store.with_options(Options { rights: Rights::Own, form: Form::UserOverlay, ..Options::default() })
}

/// A place full of content that counts what it is asked for.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(crate) blobs: HashMap<Digest, Vec<u8>>,
    pub(crate) asked: Mutex<HashMap<Digest, u32>>,
    /// Breaks off in the middle of each blob.
    pub(crate) breaks: AtomicBool,
}

impl Memory {
    pub(crate) fn add(&mut self, media_type: &str, bytes: Vec<u8>) -> Descriptor {
        let descriptor = Descriptor::of(media_type, &bytes);
        self.blobs.insert(descriptor.digest.clone(), bytes);
        descriptor
    }

    /// Adds an image of layers, each given as files and their texts.
    pub(crate) fn image(&mut self, author: &str, layers: &[&[(&str, &str)]]) -> Descriptor {
        let (mut diff_ids, mut descriptors) = (Vec::new(), Vec::new());
        for files in layers {
            let tar = tar(files);
            diff_ids.push(Digest::of(&tar));
            descriptors.push(self.add(media_type::LAYER_GZIP, gzip(&tar)));
        }
        let config = self.config(author, diff_ids);
        let manifest = serde_json::to_vec(&Manifest::new(config, descriptors)).unwrap();
        self.add(media_type::MANIFEST, manifest)
    }

    pub(crate) fn config(&mut self, author: &str, diff_ids: Vec<Digest>) -> Descriptor {
        let config: Config = serde_json::from_value(serde_json::json!({
            "architecture": crate::spec::Platform::of_this_machine().architecture, "os": "linux", "author": author,
            "created": "2026-01-01T00:00:00Z", "rootfs": RootFs { kind: "layers".into(), diff_ids }
        }))
        .unwrap();
        self.add(media_type::CONFIG, serde_json::to_vec(&config).unwrap())
    }

    pub(crate) fn asked(&self, digest: &Digest) -> u32 {
        self.asked.lock().unwrap().get(digest).copied().unwrap_or_default()
    }

    fn get(&self, digest: &Digest) -> Result<&Vec<u8>> {
        *self.asked.lock().unwrap().entry(digest.clone()).or_default() += 1;
        self.blobs.get(digest).ok_or_else(|| Error::new(ErrorKind::NotFound, format!("no blob {digest}")))
    }
}

impl Source for Memory {
    fn document(&self, descriptor: &Descriptor) -> Result<Vec<u8>> {
        self.get(&descriptor.digest).cloned()
    }

    fn blob(&self, descriptor: &Descriptor, sink: &mut dyn Sink, progress: &dyn Progress) -> Result<()> {
        let bytes = self.get(&descriptor.digest)?;
        for piece in bytes[usize::try_from(sink.written()).unwrap()..].chunks(777) {
            if self.breaks.load(Ordering::Relaxed) && sink.written() * 2 > bytes.len() as u64 {
                return Err(Error::new(ErrorKind::Unavailable, "connection reset"));
            }
            sink.write(piece)?;
            progress.advance(&descriptor.digest, piece.len() as u64);
        }
        Ok(())
    }
}

pub(crate) fn request(descriptor: &Descriptor, name: &str) -> Request {
    let name: crate::Reference = name.parse().unwrap();
    Request {
        descriptor: descriptor.clone(),
        names: vec![name.or_latest().to_string()],
        from_registry: true,
        platform: None,
    }
}

pub(crate) fn bring(store: &Store, source: &Memory, descriptor: &Descriptor, name: &str) -> Result<Image> {
    store.bring(source, &request(descriptor, name), &Silent)
}

pub(crate) fn tar(files: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, text) in files {
        let mut builder = tar_core::builder::EntryBuilder::new_ustar();
        let kind =
            if name.ends_with('/') { tar_core::EntryType::Directory } else { tar_core::EntryType::Regular };
        builder.path(name).mode(0o755).unwrap().size(text.len() as u64).unwrap().entry_type(kind);
        bytes.extend(builder.finish_bytes());
        bytes.extend(text.as_bytes());
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
