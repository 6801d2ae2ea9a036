//! Saving images.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;
use tar_core::EntryType;
use tar_core::builder::EntryBuilder;

use super::files::blob_name;
use crate::content;
use crate::reference::Reference;
use crate::spec::{Descriptor, Index};
use crate::store::{Image, Named, Store};
use crate::{Error, Result};

/// What an archive is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As Docker 25 and later write it: an OCI archive with Docker's `manifest.json`, which older ones read.
    Docker,
    /// An OCI archive.
    Oci,
}

/// An image to be saved, and the names that go with it, in full.
#[derive(Debug, Clone)]
pub struct Saved {
    /// The image.
    pub image: Image,
    /// Its names; none where it is saved by its id.
    pub names: Vec<Reference>,
}

/// One image in Docker's `manifest.json`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Item {
    config: String,
    repo_tags: Option<Vec<String>>,
    layers: Vec<String>,
}

/// Writes images into one archive: the same bytes each time, every blob once.
pub fn save(store: &Store, images: &[Saved], form: Form, sink: &mut impl Write) -> Result<()> {
    let _lease = store.lease()?;
    let mut writer = Writer { sink };
    writer.document("oci-layout", content::VERSION.as_bytes())?;
    writer.document("index.json", &json(&index(images))?)?;
    if form == Form::Docker {
        writer.document("manifest.json", &json(&items(images))?)?;
    }
    let mut written = HashSet::new();
    for descriptor in images.iter().flat_map(|saved| blobs(&saved.image)) {
        if written.insert(&descriptor.digest) {
            writer.file(&blob_name(&descriptor.digest), &mut store.layout().open(&descriptor.digest)?)?;
        }
    }
    writer.finish()
}

/// Writes images into a directory that is or becomes an OCI layout. What is there stays; names that are there move.
pub fn save_layout(store: &Store, images: &[Saved], directory: &Path) -> Result<()> {
    let _lease = store.lease()?;
    let layout = content::Layout::new(directory);
    for descriptor in images.iter().flat_map(|saved| blobs(&saved.image)) {
        if let Some(mut ingest) = layout.begin(&descriptor.digest, Some(descriptor.size))? {
            ingest.restart()?;
            copy(&mut store.layout().open(&descriptor.digest)?, |bytes| ingest.write(bytes))?;
            ingest.commit()?;
        }
    }
    crate::store::add_names(&layout, index(images).manifests.iter().map(Named::of).collect())?;
    // What we need while we write is nothing that a layout has. Somebody else's unfinished business stays.
    drop(fs::remove_dir(directory.join("ingest")));
    drop(fs::remove_file(directory.join("index.lock")));
    Ok(())
}

/// Writes one image into a directory as skopeo's `dir` has it.
pub fn save_dir(store: &Store, image: &Image, directory: &Path) -> Result<()> {
    let _lease = store.lease()?;
    barque_sys::file::make_directories(directory, 0o755)?;
    let write = |name: &str, bytes: &[u8]| {
        let path = directory.join(name);
        fs::write(&path, bytes).map_err(|error| Error::from_io(error, format!("write({path:?})")))
    };
    write("version", b"Directory Transport Version: 1.1\n")?;
    for descriptor in blobs(image).skip(1) {
        let path = directory.join(descriptor.digest.hex());
        let failed = |error| Error::from_io(error, format!("write({path:?})"));
        let mut file = File::create(&path).map_err(failed)?;
        io::copy(&mut store.layout().open(&descriptor.digest)?, &mut file).map_err(failed)?;
    }
    // Last, so that a directory with a manifest is whole.
    write("manifest.json", &store.layout().read(&image.descriptor.digest)?)
}

/// All blobs of an image, its manifest first.
fn blobs(image: &Image) -> impl Iterator<Item = &Descriptor> {
    [&image.descriptor, &image.manifest.config].into_iter().chain(&image.manifest.layers)
}

fn index(images: &[Saved]) -> Index {
    let mut entries = Vec::new();
    for Saved { image, names } in images {
        let entry = |name| Named { name, manifest: image.descriptor.clone(), source: None, hint: None };
        if names.is_empty() {
            entries.push(entry(None).descriptor());
        }
        entries.extend(names.iter().map(|name| entry(Some(name.to_string())).descriptor()));
    }
    Index::new(entries)
}

fn items(images: &[Saved]) -> Vec<Item> {
    let item = |Saved { image, names }: &Saved| Item {
        config: blob_name(image.id()),
        // In full: podman takes a short name for one of this machine, `localhost/…`; Docker reads both.
        repo_tags: (!names.is_empty()).then(|| names.iter().map(Reference::to_string).collect()),
        layers: image.manifest.layers.iter().map(|layer| blob_name(&layer.digest)).collect(),
    };
    images.iter().map(item).collect()
}

fn json(value: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(value)
        .map_err(|error| Error::invalid(format!("the archive's list of images: {error}")))
}

/// Shows all bytes of a file to a function.
fn copy(file: &mut File, mut take: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
    use io::Read as _;
    let mut buffer = vec![0; 1 << 20];
    loop {
        let count = file.read(&mut buffer).map_err(|error| Error::from_io(error, "read(blob)"))?;
        if count == 0 {
            return Ok(());
        }
        take(&buffer[..count])?;
    }
}

/// A tar archive being written: files only, nobody's, from 1970.
struct Writer<'a, W> {
    sink: &'a mut W,
}

fn failed(error: io::Error) -> Error {
    Error::from_io(error, "write(archive)")
}

impl<W: Write> Writer<'_, W> {
    fn header(&mut self, name: &str, size: u64) -> Result<()> {
        let mut builder = EntryBuilder::new_ustar();
        let bad =
            |error: tar_core::HeaderError| Error::invalid(format!("file {name:?} of the archive: {error}"));
        builder.path(name).mode(0o644).map_err(bad)?.size(size).map_err(bad)?.mtime(0).map_err(bad)?;
        builder.uid(0).map_err(bad)?.gid(0).map_err(bad)?.entry_type(EntryType::Regular);
        self.sink.write_all(&builder.finish_bytes()).map_err(failed)
    }

    fn document(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        self.header(name, bytes.len() as u64)?;
        self.sink.write_all(bytes).map_err(failed)?;
        self.pad(bytes.len() as u64)
    }

    fn file(&mut self, name: &str, file: &mut File) -> Result<()> {
        let size = file.metadata().map_err(failed)?.len();
        self.header(name, size)?;
        let copied = io::copy(file, self.sink).map_err(failed)?;
        if copied != size {
            return Err(Error::invalid(format!("{name} has become {copied} bytes instead of {size}")));
        }
        self.pad(size)
    }

    fn pad(&mut self, size: u64) -> Result<()> {
        let rest = usize::try_from(size.next_multiple_of(512) - size).unwrap_or(0);
        self.sink.write_all(&[0; 512][..rest]).map_err(failed)
    }

    fn finish(self) -> Result<()> {
        self.sink.write_all(&[0; 1024]).map_err(failed)?;
        self.sink.flush().map_err(failed)
    }
}
