//! What lies under a container: the directories of an image's layers, to be mounted one above the other.

use std::collections::HashSet;
use std::fs::{self, File, FileTimes};
use std::io;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::SystemTime;

use super::layers::{LayerRecord, chain_name, layer_name};
use super::source::Source;
use super::{Image, Store, layer};
use crate::content::Sink;
use crate::layer::Settle;
use crate::progress::{Progress, Silent};
use crate::spec::Descriptor;
use crate::{Digest, Error, Result};

impl Store {
    /// The directories of an image's layers, the uppermost first. What is missing of them is made from the blobs.
    pub fn rootfs(&self, image: &Image) -> Result<Vec<PathBuf>> {
        let records = self.records(image)?;
        let mut directories: Vec<PathBuf> =
            image.diff_ids().iter().map(|diff_id| self.layers.files(&layer_name(diff_id))).collect();
        if !records.iter().all(|record| record.pending.is_empty()) {
            let settled = self.settle(image, &records, &directories)?;
            directories.extend(settled);
        }
        directories.reverse();
        // A layer that is there twice (of instructions that change nothing) is mounted once: overlayfs refuses the same
        // directory in two places, and the upper one says again all that the lower one says.
        let mut seen = HashSet::new();
        directories.retain(|directory| seen.insert(directory.clone()));
        Ok(directories)
    }

    /// What is known of each layer, the lowest first.
    fn records(&self, image: &Image) -> Result<Vec<LayerRecord>> {
        let layers = image.diff_ids().iter().zip(&image.manifest.layers);
        layers.map(|(diff_id, descriptor)| self.record(diff_id, descriptor)).collect()
    }

    fn record(&self, diff_id: &Digest, descriptor: &Descriptor) -> Result<LayerRecord> {
        if let Some(record) = self.layers.sound(diff_id)? {
            return Ok(record);
        }
        let (progress, stop) = (&Silent, &AtomicBool::new(false));
        layer::Task { store: self, source: &Nowhere, descriptor, diff_id, progress, stop }.run()?;
        let missing = || Error::invalid(format!("layer {diff_id} is not there though it was just unpacked"));
        self.layers.record(diff_id)?.ok_or_else(missing)
    }

    /// What a chain of layers needs besides them, above them all; nothing where it turns out to need nothing.
    fn settle(
        &self,
        image: &Image,
        records: &[LayerRecord],
        directories: &[PathBuf],
    ) -> Result<Option<PathBuf>> {
        let Some(top) = image.chain_ids().pop() else { return Ok(None) };
        let name = chain_name(&top);
        if let Some(claim) = self.layers.claim(&name, || ())? {
            let chain: Vec<Settle<'_>> = records
                .iter()
                .zip(directories)
                .map(|(record, root)| Settle { root, pending: &record.pending })
                .collect();
            let target = claim.begin()?;
            // It is made only if something is in it.
            fs::remove_dir(&target).map_err(|error| Error::from_io(error, format!("rmdir({target:?})")))?;
            crate::layer::settle(&chain, &target, &self.options)?;
            claim.finish()?;
        }
        let files = self.layers.files(&name);
        Ok(files.exists().then_some(files))
    }

    /// Notes that an image is used now.
    pub fn touch(&self, image: &Image) -> Result<()> {
        let directory = self.layout.root().join("used");
        let path = directory.join(image.id().hex());
        let now = FileTimes::new().set_modified(SystemTime::now());
        let failed = |error: io::Error| Error::from_io(error, format!("utimensat({path:?})"));
        match File::options().write(true).open(&path) {
            Ok(file) => return file.set_times(now).map_err(failed),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        barque_sys::file::make_directories(&directory, 0o711)?;
        File::create(&path).map(drop).map_err(failed)
    }

    /// When an image was last used; nothing where that is not known.
    pub fn last_used(&self, id: &Digest) -> Option<SystemTime> {
        fs::metadata(self.layout.root().join("used").join(id.hex())).ok()?.modified().ok()
    }
}

/// Where nothing more can be had from.
struct Nowhere;

impl Source for Nowhere {
    fn document(&self, descriptor: &Descriptor) -> Result<Vec<u8>> {
        Err(missing(descriptor))
    }

    fn blob(&self, descriptor: &Descriptor, _: &mut dyn Sink, _: &dyn Progress) -> Result<()> {
        Err(missing(descriptor))
    }
}

fn missing(descriptor: &Descriptor) -> Error {
    Error::new(crate::ErrorKind::NotFound, format!("blob {} is missing from the store", descriptor.digest))
        .hint("pull or load the image again")
}
