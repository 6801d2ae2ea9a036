//! Snapshots by copies, where overlayfs is not to be had.

use std::path::{Path, PathBuf};

use super::{Keys, Mount, Record, Snapshotter, root_like};
use crate::layer::{
    Change, Form, Limits, Merger, Options, Rights, WriteOptions, changes, remove_tree, unpack,
    write_difference,
};
use crate::{Context as _, Error, ErrorKind, Result};

/// `KEY/{tree,snapshot.json}`: every snapshot is all its layers, copied one over the other.
#[derive(Debug, Clone)]
pub struct Copying {
    keys: Keys,
    form: Form,
    rights: Rights,
}

impl Copying {
    /// Snapshots below a directory, of layers in a form.
    pub fn new(root: impl Into<PathBuf>, form: Form, rights: Rights) -> Self {
        Self { keys: Keys { root: root.into() }, form, rights }
    }

    fn make(&self, key: &str, layers: &[PathBuf], writable: bool) -> Result<Mount> {
        let record = Record::new(layers, writable);
        self.keys.make(key, &record, |new| self.copy(layers, &new.join("tree")))?;
        self.mount(key)
    }

    fn copy(&self, layers: &[PathBuf], target: &Path) -> Result<()> {
        barque_sys::file::make_directory(target, 0o755, None)?;
        root_like(layers, target)?;
        let mut merger = Merger::new(target, self.form, self.rights)?;
        for layer in layers.iter().rev() {
            merger.merge(layer).context(|| format!("layer {layer:?}"))?;
        }
        Ok(())
    }

    /// Shows a function the layers as they were, beside what has become of them.
    fn compare<T>(&self, key: &str, see: impl FnOnce(&Path, &Path) -> Result<T>) -> Result<T> {
        let path = self.keys.path(key)?;
        let record = Record::read(&path, key)?;
        let before = path.join("before");
        remove_tree(&before)?;
        let seen = self.copy(&record.layers, &before).and_then(|()| see(&before, &path.join("tree")));
        remove_tree(&before)?;
        seen
    }
}

impl Snapshotter for Copying {
    fn name(&self) -> &'static str {
        "vfs"
    }

    fn prepare(&self, key: &str, layers: &[PathBuf]) -> Result<Mount> {
        self.make(key, layers, true)
    }

    fn view(&self, key: &str, layers: &[PathBuf]) -> Result<Mount> {
        self.make(key, layers, false)
    }

    fn mount(&self, key: &str) -> Result<Mount> {
        let path = self.keys.path(key)?;
        let record = Record::read(&path, key)?;
        Ok(Mount::Bind { source: path.join("tree"), read_only: !record.writable })
    }

    fn changes(&self, key: &str) -> Result<Vec<Change>> {
        self.compare(key, |before, after| {
            let mut found = changes(before, after)?;
            found.retain(|change| change.path != Path::new("/"));
            Ok(found)
        })
    }

    fn commit(&self, key: &str, target: &Path) -> Result<()> {
        let path = self.keys.path(key)?;
        if !Record::read(&path, key)?.writable {
            return Err(Error::new(ErrorKind::Conflict, format!("snapshot {key:?} is read-only")));
        }
        let layer = path.join("layer");
        remove_tree(&layer)?;
        barque_sys::file::make_directory(&layer, 0o755, None)?;
        let options = WriteOptions { form: self.form, latest: None };
        // An archive in memory would be as large as what was written: it goes through a file without a name.
        let archive = barque_sys::file::open(&path, rustix::fs::OFlags::TMPFILE | rustix::fs::OFlags::RDWR)?;
        let mut archive = std::fs::File::from(archive);
        self.compare(key, |before, after| {
            let buffered = std::io::BufWriter::with_capacity(256 << 10, &archive);
            let written = write_difference(before, after, buffered, &options)?;
            written.into_inner().map(drop).map_err(|error| Error::from_io(error.into_error(), "write"))
        })?;
        std::io::Seek::rewind(&mut archive).map_err(|error| Error::from_io(error, "lseek"))?;
        unpack(
            &archive,
            &layer,
            &Options { form: self.form, rights: self.rights, limits: Limits::default() },
        )?;
        root_like(&[path.join("tree")], &layer)?;
        std::fs::rename(&layer, target)
            .map_err(|error| Error::from_io(error, format!("rename({layer:?}, {target:?})")))?;
        self.keys.remove(key)
    }

    fn remove(&self, key: &str) -> Result<()> {
        self.keys.remove(key)
    }

    fn keys(&self) -> Result<Vec<String>> {
        self.keys.all()
    }
}
