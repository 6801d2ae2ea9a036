//! Files of an archive or a directory, by name.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek as _, SeekFrom};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::tarball::Tarball;
use crate::content::Sink;
use crate::progress::{Phase, Progress};
use crate::spec::{Descriptor, MAX_DOCUMENT};
use crate::{Digest, Error, Result};

/// Where files are.
#[derive(Debug)]
pub(super) enum Files {
    Archive(Tarball),
    Directory(PathBuf),
}

impl Files {
    pub(super) fn contains(&self, name: &str) -> bool {
        match self {
            Self::Archive(archive) => archive.contains(name),
            Self::Directory(directory) => directory.join(name).is_file(),
        }
    }

    /// Reads a file that is a document.
    pub(super) fn document(&self, name: &str) -> Result<Vec<u8>> {
        match self {
            Self::Archive(archive) => archive.document(name),
            Self::Directory(directory) => {
                let mut bytes = Vec::new();
                let path = directory.join(name);
                let file = open(&path)?.take(MAX_DOCUMENT + 1);
                read_all(file, &mut bytes)
                    .map_err(|error| Error::from_io(error, format!("read({path:?})")))?;
                if bytes.len() as u64 > MAX_DOCUMENT {
                    return Err(Error::invalid(format!(
                        "{} is larger than a document may be",
                        path.display()
                    )));
                }
                Ok(bytes)
            }
        }
    }

    /// How long a file is.
    pub(super) fn size(&self, name: &str) -> Result<u64> {
        match self {
            Self::Archive(archive) => Ok(archive.extent(name)?.size),
            Self::Directory(directory) => Ok(length(&open(&directory.join(name))?)),
        }
    }

    /// Reads a file from a position on.
    pub(super) fn read(&self, name: &str, position: u64) -> Result<Box<dyn Read + '_>> {
        match self {
            Self::Archive(archive) => {
                let mut part = archive.read(archive.extent(name)?);
                part.skip(position);
                Ok(Box::new(part))
            }
            Self::Directory(directory) => {
                let path = directory.join(name);
                let mut file = open(&path)?;
                file.seek(SeekFrom::Start(position))
                    .map_err(|error| Error::from_io(error, format!("lseek({path:?})")))?;
                Ok(Box::new(file))
            }
        }
    }

    /// Copies what is missing of a blob.
    pub(super) fn copy(
        &self,
        name: &str,
        descriptor: &Descriptor,
        sink: &mut dyn Sink,
        progress: &dyn Progress,
    ) -> Result<()> {
        progress.phase(&descriptor.digest, Phase::Downloading, Some(descriptor.size));
        progress.advance(&descriptor.digest, sink.written());
        let mut source = self.read(name, sink.written())?;
        let mut buffer = vec![0; 256 << 10];
        loop {
            let count = match source.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Error::from_io(error, format!("read({name:?})"))),
            };
            sink.write(&buffer[..count])?;
            progress.advance(&descriptor.digest, count as u64);
        }
    }
}

/// Opens a regular file: a fifo would wait for ever, a device do what it does.
fn open(path: &Path) -> Result<File> {
    let flags = i32::try_from((OFlags::NONBLOCK | OFlags::NOCTTY).bits()).unwrap_or_default();
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path)
        .map_err(|error| Error::from_io(error, format!("open({path:?})")))?;
    if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
        return Err(Error::invalid(format!("{} is no regular file", path.display())));
    }
    Ok(file)
}

fn length(file: &File) -> u64 {
    file.metadata().map_or(0, |metadata| metadata.len())
}

fn read_all(mut source: impl Read, bytes: &mut Vec<u8>) -> io::Result<usize> {
    source.read_to_end(bytes)
}

/// The name of a blob in a layout.
pub(super) fn blob_name(digest: &Digest) -> String {
    format!("blobs/{}/{}", digest.algorithm().name(), digest.hex())
}
