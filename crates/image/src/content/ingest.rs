//! Content on its way in.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use super::Layout;
use super::follow::{Follower, Tally};
use crate::digest::Hasher;
use crate::spec::Descriptor;
use crate::{Digest, Error, Result};

/// A blob being written, by nobody else. Dropped without [`Ingest::commit`], what has been written stays for the next.
#[derive(Debug)]
pub struct Ingest {
    file: File,
    path: PathBuf,
    target: PathBuf,
    digest: Digest,
    size: Option<u64>,
    hasher: Hasher,
    written: u64,
    tally: Tally,
}

impl Drop for Ingest {
    fn drop(&mut self) {
        self.tally.end(false);
    }
}

pub(super) fn begin(layout: &Layout, digest: &Digest, size: Option<u64>) -> Result<Option<Ingest>> {
    // One of another length is what a power loss has left of it: it is replaced.
    let there = || match size {
        Some(size) => layout.holds(&Descriptor::new("", digest.clone(), size)),
        None => layout.contains(digest),
    };
    if there() {
        return Ok(None);
    }
    layout.make()?;
    let path = layout.ingest_path(digest);
    let about = |error: io::Error| Error::from_io(error, format!("open({path:?})"));
    loop {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(about)?;
        barque_sys::file::lock(&file)?;
        if there() {
            // Another has finished it while we waited; ours is an empty file made after its rename, or already gone.
            if is_at(&file, &path) {
                drop(fs::remove_file(&path));
            }
            return Ok(None);
        }
        if is_at(&file, &path) {
            return Ingest::resume(file, path.clone(), layout.blob_path(digest), digest.clone(), size)
                .map(Some);
        }
        // The file that we have locked is not the one of this name any more: its writer has given up and removed it.
    }
}

/// Whether an open file is still what is found under a path.
pub(crate) fn is_at(file: &File, path: &std::path::Path) -> bool {
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(open), Ok(named)) => (open.dev(), open.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}

impl Ingest {
    /// Goes on where an earlier attempt has ended: its bytes are hashed again.
    fn resume(file: File, path: PathBuf, target: PathBuf, digest: Digest, size: Option<u64>) -> Result<Self> {
        let hasher = Hasher::new(digest.algorithm());
        let mut ingest =
            Self { file, path, target, digest, size, hasher, written: 0, tally: Tally::default() };
        let mut buffer = vec![0; 1 << 20];
        loop {
            let count = ingest.file.read(&mut buffer).map_err(|error| ingest.failed("read", error))?;
            if count == 0 {
                break;
            }
            ingest.hasher.update(&buffer[..count]);
            ingest.written += count as u64;
        }
        if ingest.size.is_some_and(|size| ingest.written > size) {
            ingest.restart()?;
        }
        ingest.tally.advance(ingest.written);
        Ok(ingest)
    }

    fn failed(&self, call: &str, error: io::Error) -> Error {
        Error::from_io(error, format!("{call}({:?})", self.path))
    }

    /// How many bytes are there.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Throws away what is there.
    pub fn restart(&mut self) -> Result<()> {
        self.file.set_len(0).map_err(|error| self.failed("ftruncate", error))?;
        self.file.seek(SeekFrom::Start(0)).map_err(|error| self.failed("lseek", error))?;
        self.hasher = Hasher::new(self.digest.algorithm());
        self.written = 0;
        self.tally.advance(0);
        Ok(())
    }

    /// Writes the next bytes. More than there should be are an error at once: a registry may never end.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let written = self.written + bytes.len() as u64;
        if let Some(size) = self.size.filter(|size| written > *size) {
            // Nobody can go on with it.
            drop(fs::remove_file(&self.path));
            return Err(Error::invalid(format!(
                "blob {} is longer than the {size} bytes it should have",
                self.digest
            )));
        }
        self.file.write_all(bytes).map_err(|error| self.failed("write", error))?;
        self.hasher.update(bytes);
        self.written = written;
        self.tally.advance(written);
        Ok(())
    }

    /// A reader of what is written, from the beginning, for another thread: a layer is unpacked while it comes. It waits
    /// for bytes that are not there yet, and ends only when [`Ingest::commit`] has found all of them to be right.
    pub fn follow(&self) -> Result<Follower> {
        let file = File::open(&self.path).map_err(|error| self.failed("open", error))?;
        Ok(Follower::new(file, self.tally.clone()))
    }

    /// Looks at length and digest and gives the blob its name. What is wrong is thrown away.
    pub fn commit(self) -> Result<()> {
        let digest = self.hasher.clone().finish();
        let complaint = match self.size {
            Some(size) if size != self.written => {
                Some(format!("blob {} has {} bytes instead of {size}", self.digest, self.written))
            }
            _ if digest != self.digest => Some(format!("blob {} has the digest {digest}", self.digest)),
            _ => None,
        };
        if let Some(complaint) = complaint {
            fs::remove_file(&self.path).map_err(|error| self.failed("unlink", error))?;
            return Err(Error::invalid(complaint)
                .hint("what was received is damaged or not what was asked for; nothing of it is kept"));
        }
        fs::rename(&self.path, &self.target)
            .map_err(|error| Error::from_io(error, format!("rename({:?}, {:?})", self.path, self.target)))?;
        self.tally.end(true);
        Ok(())
    }
}

/// Whether these bytes are what a digest names.
pub(crate) fn verify(digest: &Digest, bytes: &[u8]) -> Result<()> {
    let mut hasher = Hasher::new(digest.algorithm());
    hasher.update(bytes);
    let found = hasher.finish();
    if found == *digest {
        return Ok(());
    }
    Err(Error::invalid(format!("blob {digest} has the digest {found}"))
        .hint("`barque image check --repair` takes it away"))
}
