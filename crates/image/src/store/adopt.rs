//! Layers that are written in place: above lower ones, through overlayfs, and then given a name. Nothing is unpacked.

use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use super::layers::layer_name;
use super::{Store, trash::Trash};
use crate::layer::{self, Compression, MountPoints, Stack, Unpacked};
use crate::spec::Descriptor;
use crate::{Digest, Error, Result};

/// A place to write a layer to, on the file system of layers. What is in it when it is dropped is for nobody.
#[derive(Debug)]
pub struct Scratch {
    directory: PathBuf,
    trash: PathBuf,
}

impl Scratch {
    /// Its directory, where there is room for more than the layer.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The directory that overlayfs writes to.
    pub fn upper(&self) -> PathBuf {
        self.directory.join("upper")
    }

    /// The directory that overlayfs wants beside it.
    pub fn work(&self) -> PathBuf {
        self.directory.join("work")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays goes with the next collection.
        drop(Trash::new(self.trash.clone()).take(&self.directory));
    }
}

/// What has been written above some layers.
#[derive(Debug)]
pub struct Written<'a> {
    /// Where it was written.
    pub scratch: &'a Scratch,
    /// The layers below, the uppermost first.
    pub lowers: &'a [PathBuf],
    /// What is there only because something was mounted on it.
    pub mount_points: MountPoints,
    /// No time of modification is later than this one, in seconds since 1970 (`SOURCE_DATE_EPOCH`).
    pub latest: Option<i64>,
}

/// What a write of the archive gathers at once.
const BUFFER: usize = 256 << 10;

impl Store {
    /// A place to write a layer to, above others. To be called under a [`super::Lease`].
    pub fn writable(&self, lowers: &[PathBuf]) -> Result<Scratch> {
        let directory = self.scratch()?;
        let scratch = Scratch { trash: self.layers.root().join(".trash"), directory };
        let files = scratch.directory.join("fs");
        std::fs::rename(&files, scratch.upper())
            .map_err(|error| Error::from_io(error, format!("rename({files:?}, upper)")))?;
        barque_sys::file::make_directory(&scratch.work(), 0o700, None)?;
        // The root directory of a layer's mount is the uppermost one's.
        match lowers.first() {
            Some(lower) => layer::copy_root(lower, &scratch.upper())?,
            None => {
                let upper = barque_sys::file::open(&scratch.upper(), barque_sys::file::READ_DIRECTORY)?;
                barque_sys::file::change_mode(&upper, ".", 0o755)?;
            }
        }
        Ok(scratch)
    }

    /// Makes a layer of what was written: its archive is kept as a blob, not compressed, and the directory itself is the
    /// unpacked layer. Nothing may be mounted on it any more. To be called under a [`super::Lease`].
    pub fn adopt_layer(&self, written: &Written<'_>) -> Result<(Descriptor, Digest)> {
        let form = self.options.form;
        let lowers = Stack::open(written.lowers, form)?;
        let upper = written.scratch.upper();
        let kept = layer::tidy(&upper, &lowers, &written.mount_points)?;
        let spool = BufWriter::with_capacity(BUFFER, self.layout.spool()?);
        let options = layer::WriteOptions { form, latest: written.latest };
        let mut spool = layer::write_layer(&upper, spool, &options)?;
        let failed = |error| Error::from_io(error, "write(archive of the layer)");
        spool.flush().map_err(failed)?;
        let spool = spool.into_inner().map_err(|error| failed(error.into_error()))?;
        let descriptor = spool.finish(Compression::None.media_type())?;
        let diff_id = descriptor.digest.clone();
        if written.latest.is_none() && !self.layers.contains(&layer_name(&diff_id)) {
            let files = written.scratch.directory.join("fs");
            std::fs::rename(&upper, &files)
                .map_err(|error| Error::from_io(error, format!("rename({upper:?}, {files:?})")))?;
            layer::remove_tree(&written.scratch.work())?;
            let unpacked = Unpacked {
                diff_id: diff_id.clone(),
                size: descriptor.size,
                entries: kept.entries,
                content: kept.content,
                pending: layer::Pending::default(),
                lost: layer::Lost::default(),
            };
            self.place(&written.scratch.directory, &unpacked)?;
        }
        // With clamped times the directory is not what the archive says: it is unpacked where it is needed.
        Ok((descriptor, diff_id))
    }

    /// Where the files of an unpacked layer are.
    pub fn layer_files(&self, diff_id: &Digest) -> PathBuf {
        self.layers.files(&layer_name(diff_id))
    }
}
