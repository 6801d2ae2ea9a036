//! The layout: blobs, looked up and read.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::ingest::{self, Ingest};
use super::spool::Spool;
use crate::digest::HashingReader;
use crate::spec::{Descriptor, MAX_DOCUMENT};
use crate::{Digest, Error, ErrorKind, Result};

/// A directory of content by digest.
#[derive(Debug, Clone)]
pub struct Layout {
    root: PathBuf,
}

/// What `oci-layout` must say.
pub(crate) const VERSION: &str = r#"{"imageLayoutVersion":"1.0.0"}"#;

impl Layout {
    /// The layout at a directory; nothing is made or looked at before it is needed.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Where it is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where a blob is, or would be.
    pub fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.root.join("blobs").join(digest.algorithm().name()).join(digest.hex())
    }

    /// Where a blob is on its way in.
    pub(super) fn ingest_path(&self, digest: &Digest) -> PathBuf {
        self.root.join("ingest").join(format!("{}-{}", digest.algorithm().name(), digest.hex()))
    }

    /// Makes the directories and the file that marks a layout.
    pub fn make(&self) -> Result<()> {
        for directory in ["blobs/sha256", "blobs/sha512", "ingest"] {
            barque_sys::file::make_directories(&self.root.join(directory), 0o711)?;
        }
        let marker = self.root.join("oci-layout");
        if !marker.exists() {
            let directory = barque_sys::file::open(&self.root, barque_sys::file::READ_DIRECTORY)?;
            barque_sys::file::replace(&directory, "oci-layout", VERSION.as_bytes())?;
        }
        Ok(())
    }

    /// Whether a blob is there, whole and right.
    pub fn contains(&self, digest: &Digest) -> bool {
        self.blob_path(digest).exists()
    }

    /// Whether a blob is there with the length it should have: after a power loss some have not.
    pub fn holds(&self, descriptor: &Descriptor) -> bool {
        fs::metadata(self.blob_path(&descriptor.digest)).is_ok_and(|facts| facts.len() == descriptor.size)
    }

    /// Reads a blob, whether it has its digest.
    pub fn is_right(&self, digest: &Digest) -> Result<bool> {
        let mut reader = HashingReader::new(self.open(digest)?.take(u64::MAX), digest.algorithm());
        let read = io::copy(&mut reader, &mut io::sink());
        read.map_err(|error| Error::from_io(error, format!("read(blob {digest})")))?;
        Ok(reader.finish().0 == *digest)
    }

    /// Opens a blob to read.
    pub fn open(&self, digest: &Digest) -> Result<File> {
        let path = self.blob_path(digest);
        File::open(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Error::new(ErrorKind::NotFound, format!("blob {digest} is not there")),
            _ => Error::from_io(error, format!("open({path:?})")),
        })
    }

    /// Reads a document: a manifest, an index, a configuration. Its digest is looked at again, as it is small.
    pub fn read(&self, digest: &Digest) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let file = self.open(digest)?;
        file.take(MAX_DOCUMENT + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| Error::from_io(error, format!("read of blob {digest}")))?;
        if bytes.len() as u64 > MAX_DOCUMENT {
            return Err(Error::invalid(format!(
                "blob {digest} is larger than a document may be ({MAX_DOCUMENT} bytes)"
            )));
        }
        ingest::verify(digest, &bytes)?;
        Ok(bytes)
    }

    /// Puts a document in. Does nothing where it is already.
    pub fn add(&self, media_type: &str, bytes: &[u8]) -> Result<Descriptor> {
        let descriptor = Descriptor::of(media_type, bytes);
        if let Some(mut ingest) = self.begin(&descriptor.digest, Some(descriptor.size))? {
            ingest.restart()?;
            ingest.write(bytes)?;
            ingest.commit()?;
        }
        Ok(descriptor)
    }

    /// Begins to put a blob in; nothing to begin where it is there already. Waits while another process or thread is at the same blob.
    pub fn begin(&self, digest: &Digest, size: Option<u64>) -> Result<Option<Ingest>> {
        ingest::begin(self, digest, size)
    }

    /// Begins to put a blob in whose digest is known only at its end.
    pub fn spool(&self) -> Result<Spool> {
        Spool::new(self)
    }

    /// The digests of all blobs, in no order.
    pub fn digests(&self) -> Result<Vec<Digest>> {
        let mut digests = Vec::new();
        for algorithm in ["sha256", "sha512"] {
            let directory = self.root.join("blobs").join(algorithm);
            let entries = match fs::read_dir(&directory) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                result => result.map_err(|error| Error::from_io(error, format!("open({directory:?})")))?,
            };
            for entry in entries.flatten() {
                let name = entry.file_name();
                digests.extend(format!("{algorithm}:{}", name.to_string_lossy()).parse::<Digest>());
            }
        }
        Ok(digests)
    }

    /// Removes a blob; it may be gone already.
    pub fn remove(&self, digest: &Digest) -> Result<()> {
        let path = self.blob_path(digest);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::from_io(error, format!("unlink({path:?})")))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
#[path = "layout_tests.rs"]
mod tests;
