//! Snapshots by overlayfs: nothing is copied.

use std::path::{Path, PathBuf};

use super::{Keys, Mount, Record, Snapshotter, root_like, stack};
use crate::layer::{Change, Form, changes_of_layer};
use crate::{Context as _, Error, Result};

/// `KEY/{upper,work,snapshot.json}`; for one to look at, `KEY/{empty,snapshot.json}`.
#[derive(Debug, Clone)]
pub struct Overlay {
    keys: Keys,
    form: Form,
}

impl Overlay {
    /// Snapshots below a directory. The form is that of the layers: [`Form::UserOverlay`] for users without privileges.
    pub fn new(root: impl Into<PathBuf>, form: Form) -> Self {
        Self { keys: Keys { root: root.into() }, form }
    }

    /// Whether the kernel mounts overlayfs with its upper directory below some directory, for this user. Tries it.
    pub fn works(directory: &Path, form: Form) -> bool {
        let probe = directory.join(format!(".overlay-{}", std::process::id()));
        let try_it = || -> Result<()> {
            let overlay = Self::new(&probe, form);
            let lower = probe.join(".lower");
            barque_sys::file::make_directories(&lower, 0o755)?;
            overlay.prepare("probe", &[lower])?.open().map(drop)
        };
        let works = try_it().is_ok();
        // What is left is swept with other leftovers.
        drop(crate::layer::remove_tree(&probe));
        works
    }

    fn mount_of(&self, path: &Path, record: Record) -> Mount {
        let upper = record.writable.then(|| (path.join("upper"), path.join("work")));
        let mut lowers = record.layers;
        if upper.is_none() && lowers.len() == 1 {
            // overlayfs wants two layers where nothing can be written.
            lowers.push(path.join("empty"));
        }
        Mount::Overlay { lowers, upper, user_attributes: self.form == Form::UserOverlay }
    }
}

impl Snapshotter for Overlay {
    fn name(&self) -> &'static str {
        "overlay2"
    }

    fn prepare(&self, key: &str, layers: &[PathBuf]) -> Result<Mount> {
        if layers.is_empty() {
            return Err(Error::invalid("overlayfs needs a layer to be above of"));
        }
        let record = Record::new(layers, true);
        self.keys.make(key, &record, |new| {
            barque_sys::file::make_directory(&new.join("upper"), 0o755, None)?;
            barque_sys::file::make_directory(&new.join("work"), 0o711, None)?;
            // The upper directory's own mode is what the root's will be.
            root_like(layers, &new.join("upper"))
        })?;
        Ok(self.mount_of(&self.keys.path(key)?, record))
    }

    fn view(&self, key: &str, layers: &[PathBuf]) -> Result<Mount> {
        if layers.is_empty() {
            return Err(Error::invalid("there is no layer to look at"));
        }
        let record = Record::new(layers, false);
        self.keys.make(key, &record, |new| {
            Ok(barque_sys::file::make_directory(&new.join("empty"), 0o755, None)?)
        })?;
        Ok(self.mount_of(&self.keys.path(key)?, record))
    }

    fn mount(&self, key: &str) -> Result<Mount> {
        let path = self.keys.path(key)?;
        let record = Record::read(&path, key)?;
        Ok(self.mount_of(&path, record))
    }

    fn changes(&self, key: &str) -> Result<Vec<Change>> {
        let path = self.keys.path(key)?;
        let record = Record::read(&path, key)?;
        if !record.writable {
            return Ok(Vec::new());
        }
        changes_of_layer(&path.join("upper"), &stack(&record, self.form)?, self.form)
            .context(|| format!("snapshot {key:?}"))
    }

    fn commit(&self, key: &str, target: &Path) -> Result<()> {
        let path = self.keys.path(key)?;
        if !Record::read(&path, key)?.writable {
            return Err(Error::new(crate::ErrorKind::Conflict, format!("snapshot {key:?} is read-only")));
        }
        let upper = path.join("upper");
        std::fs::rename(&upper, target)
            .map_err(|error| Error::from_io(error, format!("rename({upper:?}, {target:?})")))?;
        self.keys.remove(key)
    }

    fn remove(&self, key: &str) -> Result<()> {
        self.keys.remove(key)
    }

    fn keys(&self) -> Result<Vec<String>> {
        self.keys.all()
    }
}
