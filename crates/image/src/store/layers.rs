//! The directory of unpacked layers: each under its diff id, made by one command at a time, there only when whole.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::fingerprint::{boot_id, fingerprint};
use super::names::open_lock;
use super::trash::Trash;
use crate::layer::{Pending, Unpacked};
use crate::{Digest, Error, Result};

/// What `layer.json` says of an unpacked layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerRecord {
    /// Of this format: 1.
    pub version: u32,
    /// The digest of the uncompressed archive.
    pub diff_id: Digest,
    /// Bytes of the uncompressed archive.
    pub size: u64,
    /// Entries of the archive.
    pub entries: u64,
    /// Bytes of its files.
    pub content: u64,
    /// What it needs from the layers below.
    #[serde(default, skip_serializing_if = "Pending::is_empty")]
    pub pending: Pending,
    /// What its files looked like when it was whole; not there where an older version has unpacked it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<Digest>,
    /// The boot in which it was unpacked. Nothing is synced then, so after a power loss it may not be whole: in a later boot
    /// it is looked at before its first use, and then this goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot: Option<String>,
}

impl LayerRecord {
    /// What unpacking has found, and what has come of it in a directory.
    pub(super) fn of(unpacked: Unpacked, files: &Path) -> Result<Self> {
        let Unpacked { diff_id, size, entries, content, pending, .. } = unpacked;
        let fingerprint = Some(fingerprint(files)?);
        Ok(Self { version: 1, diff_id, size, entries, content, pending, fingerprint, boot: Some(boot_id()) })
    }

    /// Whether nothing has happened to it since it was unpacked, or it was looked at since.
    pub(super) fn is_trusted(&self) -> bool {
        self.boot.as_ref().is_none_or(|boot| *boot == boot_id())
    }
}

/// `layers/`.
#[derive(Debug, Clone)]
pub(super) struct Layers {
    root: PathBuf,
}

impl Layers {
    pub(super) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Makes the directories. Nobody else may go in: files in layers have the owners and modes they have in images, and a
    /// program that runs as root whoever starts it would do so here as well (CVE-2021-41091).
    pub(super) fn make(&self) -> Result<()> {
        for directory in [".lock", ".new", ".trash"] {
            barque_sys::file::make_directories(&self.root.join(directory), 0o700)?;
        }
        Ok(())
    }

    /// Where things go that are nobody's any more.
    pub(super) fn trash(&self) -> Trash {
        Trash::new(self.root.join(".trash"))
    }

    fn directory(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// The files of a layer or a chain, by its name here.
    pub(super) fn files(&self, name: &str) -> PathBuf {
        self.directory(name).join("fs")
    }

    /// Whether it is there, whole.
    pub(super) fn contains(&self, name: &str) -> bool {
        self.directory(name).exists()
    }

    /// What is known of a layer; nothing where it is not there.
    pub(super) fn record(&self, diff_id: &Digest) -> Result<Option<LayerRecord>> {
        let path = self.directory(&layer_name(diff_id)).join("layer.json");
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            bytes => bytes.map_err(|error| Error::from_io(error, format!("open({path:?})")))?,
        };
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|error| Error::invalid(format!("{}: {error}", path.display())))
    }

    /// The names of all that is there: hexadecimal digits of diff ids, and `chain-…`.
    pub(super) fn names(&self) -> Result<Vec<String>> {
        let entries = match fs::read_dir(&self.root) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(|error| Error::from_io(error, format!("open({:?})", self.root)))?,
        };
        let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
        Ok(names.filter(|name| !name.starts_with('.')).collect())
    }

    /// The right to make something, for nobody else at that time; nothing where it is there. Waits while another makes it,
    /// and says so before.
    pub(super) fn claim(&self, name: &str, waiting: impl FnOnce()) -> Result<Option<Claim<'_>>> {
        if self.contains(name) {
            return Ok(None);
        }
        self.make()?;
        let path = self.root.join(".lock").join(name);
        let mut waiting = Some(waiting);
        loop {
            let lock = open_lock(&path)?;
            if !barque_sys::file::try_lock(&lock)? {
                if let Some(waiting) = waiting.take() {
                    waiting();
                }
                barque_sys::file::lock(&lock)?;
            }
            let claim = Claim { layers: self, name: name.to_owned(), lock };
            if self.contains(name) {
                return Ok(None);
            }
            // Whoever had it before has removed the file: what we have locked has no name any more.
            if crate::content::is_at(&claim.lock, &path) {
                claim.clear()?;
                return Ok(Some(claim));
            }
        }
    }

    /// What is known of a layer that is whole: one that has come through a boot is looked at once. What is not whole is taken
    /// away, to be unpacked again.
    pub(super) fn sound(&self, diff_id: &Digest) -> Result<Option<LayerRecord>> {
        let name = layer_name(diff_id);
        match self.record(diff_id) {
            Ok(Some(record)) if record.is_trusted() => return Ok(Some(record)),
            Ok(None) if !self.contains(&name) => return Ok(None),
            _ => {}
        }
        let claim = self.take(&name)?;
        // Somebody else may have done it meanwhile.
        if let Ok(Some(mut record)) = self.record(diff_id) {
            let whole = record.is_trusted()
                || record.fingerprint.is_some()
                    && record.fingerprint == fingerprint(&self.files(&claim.name)).ok();
            if whole {
                record.boot = None;
                // Where it cannot be written, the next one looks again.
                drop(describe(&self.directory(&claim.name), &record));
                return Ok(Some(record));
            }
        }
        if self.contains(&claim.name) {
            self.discard(&claim.name)?;
        }
        Ok(None)
    }

    /// The right to do something to what may be there.
    fn take(&self, name: &str) -> Result<Claim<'_>> {
        self.make()?;
        let path = self.root.join(".lock").join(name);
        loop {
            let lock = open_lock(&path)?;
            barque_sys::file::lock(&lock)?;
            // Whoever had it before has removed the file: what we have locked has no name any more.
            if crate::content::is_at(&lock, &path) {
                return Ok(Claim { layers: self, name: name.to_owned(), lock });
            }
        }
    }

    /// Takes something out of everybody's sight.
    pub(super) fn discard(&self, name: &str) -> Result<()> {
        self.trash().take(&self.directory(name))
    }
}

/// The right to make a layer or a chain.
#[derive(Debug)]
pub(super) struct Claim<'a> {
    layers: &'a Layers,
    name: String,
    lock: File,
}

impl Claim<'_> {
    fn directory(&self) -> PathBuf {
        self.layers.root.join(".new").join(&self.name)
    }

    /// Takes away what somebody has left who was killed.
    pub(super) fn clear(&self) -> Result<()> {
        self.layers.trash().take(&self.directory())
    }

    /// An empty directory to make it in.
    pub(super) fn begin(&self) -> Result<PathBuf> {
        let files = self.directory().join("fs");
        barque_sys::file::make_directories(&files, 0o700)?;
        Ok(files)
    }

    /// Writes what is to be known of a layer beside its files.
    pub(super) fn describe(&self, record: &LayerRecord) -> Result<()> {
        describe(&self.directory(), record)
    }

    /// Gives it its name.
    pub(super) fn finish(self) -> Result<()> {
        let (new, target) = (self.directory(), self.layers.directory(&self.name));
        fs::rename(&new, &target)
            .map_err(|error| Error::from_io(error, format!("rename({new:?}, {target:?})")))
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        // What was not finished is for nobody; where this fails, the next claim does it.
        drop(self.clear());
        drop(fs::remove_file(self.layers.root.join(".lock").join(&self.name)));
        drop(barque_sys::file::unlock(&self.lock));
    }
}

/// Writes what is to be known of a layer beside its files.
pub(super) fn describe(directory: &Path, record: &LayerRecord) -> Result<()> {
    let text = serde_json::to_vec(record)
        .map_err(|error| Error::invalid(format!("layer.json cannot be written: {error}")))?;
    let directory = barque_sys::file::open(directory, barque_sys::file::READ_DIRECTORY)?;
    Ok(barque_sys::file::replace(&directory, "layer.json", &text)?)
}

/// The name of a layer's directory.
pub(super) fn layer_name(diff_id: &Digest) -> String {
    diff_id.hex().to_owned()
}

/// The name of a chain's directory.
pub(super) fn chain_name(chain_id: &Digest) -> String {
    format!("chain-{}", chain_id.hex())
}
