//! Loading images from whatever form they come in.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use rustix::fs::{Mode, OFlags};

use super::docker::Docker;
use super::files::Files;
use super::oci::{self, Layout};
use super::tarball::Tarball;
use crate::layer::{Compression, decompress};
use crate::progress::Progress;
use crate::spec::{Descriptor, Platform};
use crate::store::{Image, Request, Source, Store};
use crate::{Error, ErrorKind, Result};

/// Where images are loaded from.
pub enum Input<'a> {
    /// An archive, compressed or not: a file, or what is no more than a stream.
    Archive(File),
    /// An archive from something else.
    Stream(&'a mut (dyn Read + Send)),
    /// A layout or `dir`.
    Directory(&'a Path),
}

impl std::fmt::Debug for Input<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Archive(_) => "Archive",
            Self::Stream(_) => "Stream",
            Self::Directory(_) => "Directory",
        })
    }
}

/// An image that was loaded.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// Names it came with, in full.
    pub names: Vec<String>,
    /// The image.
    pub image: Image,
}

/// An image that is in an archive.
#[derive(Debug)]
pub(super) struct Found {
    /// Its manifest, or an index of those for several platforms.
    pub(super) descriptor: Descriptor,
    /// Names in full.
    pub(super) names: Vec<String>,
}

/// Loads all images that are there.
pub fn load(
    store: &Store,
    input: Input<'_>,
    platform: Option<&Platform>,
    progress: &dyn Progress,
) -> Result<Vec<Loaded>> {
    let files = match input {
        Input::Directory(directory) => Files::Directory(directory.to_owned()),
        Input::Archive(file) => Files::Archive(Tarball::open(plain(store, file)?)?),
        Input::Stream(stream) => Files::Archive(Tarball::open(spool(store, stream)?)?),
    };
    // An archive that is both is read as a layout: only that has the digests of manifests.
    if files.contains("oci-layout") && files.contains("index.json") {
        let found = oci::images(&files)?;
        return bring(store, &Layout { files: &files, flat: false }, found, platform, progress);
    }
    if files.contains("version") && files.contains("manifest.json") && matches!(files, Files::Directory(_)) {
        let found = vec![oci::single(&files)?];
        return bring(store, &Layout { files: &files, flat: true }, found, platform, progress);
    }
    if files.contains("manifest.json") {
        let (source, found) = Docker::read(&files)?;
        return bring(store, &source, found, platform, progress);
    }
    let hint = if files.contains("repositories") {
        "it is of the kind that Docker wrote before 1.10: load it there and save it again"
    } else {
        "for an archive of a root filesystem, use `barque import`"
    };
    Err(Error::invalid("there is neither an index.json nor a manifest.json in it: it holds no images")
        .hint(hint))
}

fn bring(
    store: &Store,
    source: &dyn Source,
    found: Vec<Found>,
    platform: Option<&Platform>,
    progress: &dyn Progress,
) -> Result<Vec<Loaded>> {
    let one = |Found { descriptor, names }: Found| -> Result<Loaded> {
        let request =
            Request { descriptor, names: names.clone(), from_registry: false, platform: platform.cloned() };
        Ok(Loaded { names, image: store.bring(source, &request, progress)? })
    };
    found.into_iter().map(one).collect()
}

/// The archive as a file that can be read at any place and is not compressed.
fn plain(store: &Store, file: File) -> Result<File> {
    let mut first = [0; 8];
    match file.read_at(&mut first, 0) {
        Ok(count) if Compression::of(&first[..count]) == Compression::None => Ok(file),
        // A pipe cannot be read at a place, a compressed archive only from the beginning.
        _ => spool(store, file),
    }
}

/// Writes an archive to a file without a name, which is gone with us.
fn spool(store: &Store, source: impl Read) -> Result<File> {
    store.layout().make()?;
    let directory = store.layout().root().join("ingest");
    let flags = OFlags::RDWR | OFlags::TMPFILE | OFlags::CLOEXEC;
    let file = rustix::fs::open(&directory, flags, Mode::from_raw_mode(0o600));
    let mut file = file
        .map(File::from)
        .map_err(|errno| barque_sys::Error::new(format!("open({directory:?}, {flags:?}, 0600)"), errno))?;
    let unreadable = |error: io::Error| Error::invalid(format!("the archive cannot be read: {error}"));
    let limit = store.options().limits.size.saturating_mul(LAYERS);
    let mut source = decompress(source).map_err(unreadable)?.take(limit);
    let count = io::copy(&mut source, &mut file).map_err(unreadable)?;
    if count == limit {
        return Err(Error::new(
            ErrorKind::Unavailable,
            format!("the archive is larger than the {limit} bytes an archive may have"),
        )
        .hint("a small file that unpacks to so much is made to fill disks; look where it comes from"));
    }
    Ok(file)
}

/// How many of the largest layers an archive may hold.
const LAYERS: u64 = 4;

#[cfg(test)]
#[path = "hostile_tests.rs"]
mod tests;
