//! Content whose digest is known only at its end.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Layout;
use crate::digest::{Algorithm, Hasher};
use crate::spec::Descriptor;
use crate::{Error, Result};

/// What the names of such files in `ingest/` begin with. They cannot be continued: what is left of a killed writer is
/// removed when the store is collected.
pub(crate) const PREFIX: &str = "spool-";

/// A blob being written under a passing name. Dropped before [`Spool::finish`], nothing stays.
#[derive(Debug)]
pub struct Spool {
    layout: Layout,
    file: File,
    path: PathBuf,
    hasher: Hasher,
    written: u64,
}

impl Spool {
    pub(super) fn new(layout: &Layout) -> Result<Self> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        layout.make()?;
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = layout.root().join("ingest").join(format!("{PREFIX}{}-{number}", std::process::id()));
        // In another pid namespace there may be one of our id: its file has the name then, and we fail.
        let file =
            File::create_new(&path).map_err(|error| Error::from_io(error, format!("open({path:?})")))?;
        let hasher = Hasher::new(Algorithm::Sha256);
        Ok(Self { layout: layout.clone(), file, path, hasher, written: 0 })
    }

    /// A reader of what has been written, from its beginning.
    pub fn reader(&self) -> Result<File> {
        File::open(&self.path).map_err(|error| Error::from_io(error, format!("open({:?})", self.path)))
    }

    /// Gives the blob its name.
    pub fn finish(self, media_type: &str) -> Result<Descriptor> {
        let descriptor = Descriptor::new(media_type, self.hasher.clone().finish(), self.written);
        let target = self.layout.blob_path(&descriptor.digest);
        // Over one of the same content, if there is one: whoever reads it has it open.
        fs::rename(&self.path, &target)
            .map_err(|error| Error::from_io(error, format!("rename({:?}, {target:?})", self.path)))?;
        Ok(descriptor)
    }
}

impl Write for Spool {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        self.written += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        // Under its own name it is not to be found here any more.
        drop(fs::remove_file(&self.path));
    }
}
