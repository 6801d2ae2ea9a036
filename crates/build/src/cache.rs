//! The build cache: what steps have made, found again by their keys.
//!
//! The result of a step is an image in the store, with the layers up to this step, that is pinned under the step's key
//! ([`Store::pin`]). There is no other record: what is pinned is there, whole, and what is not is built again. Directories
//! of `RUN --mount=type=cache` lie in `<root>/build/mounts`.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use barque_image::store::{Pinned, Store};

use crate::{Error, Result};

/// One thing that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// By what it is found.
    pub key: String,
    /// What it is: an instruction, or the id of a cache mount.
    pub note: String,
    /// Bytes.
    pub size: u64,
    /// When it was last of use.
    pub used: Option<SystemTime>,
    /// Whether it is a cache mount.
    pub mount: bool,
}

/// What is to be taken away.
#[derive(Debug, Clone, Copy, Default)]
pub struct Selection {
    /// Only what was of no use for so long.
    pub unused_for: Option<Duration>,
    /// So many bytes may stay; what was used last stays.
    pub keep: Option<u64>,
    /// Cache mounts as well.
    pub all: bool,
}

/// All that is kept, what was longest of no use first.
pub fn list(store: &Store) -> Result<Vec<Entry>> {
    let mut entries: Vec<Entry> = store.pins()?.into_iter().map(step).collect();
    entries.extend(mounts(store)?);
    entries.sort_by(|a, b| (a.used, &a.key).cmp(&(b.used, &b.key)));
    Ok(entries)
}

/// Takes away what is selected; returns it. The caller collects the store's garbage.
pub fn prune(store: &Store, selection: &Selection) -> Result<Vec<Entry>> {
    let entries = list(store)?;
    let mut total: u64 = entries.iter().map(|entry| entry.size).sum();
    let now = SystemTime::now();
    let mut gone = Vec::new();
    for entry in entries {
        let idle = entry.used.and_then(|used| now.duration_since(used).ok());
        let old = selection.unused_for.is_none_or(|wanted| idle.is_some_and(|idle| idle >= wanted));
        let too_much = selection.keep.is_none_or(|keep| total > keep);
        if !old || !too_much || entry.mount && !selection.all {
            continue;
        }
        if entry.mount {
            let path = mounts_root(store.root()).join(&entry.key);
            if !take_mount(&path)? {
                continue;
            }
        } else {
            store.unpin(&entry.key)?;
        }
        total = total.saturating_sub(entry.size);
        gone.push(entry);
    }
    Ok(gone)
}

fn step(pinned: Pinned) -> Entry {
    let Pinned { key, pin, used } = pinned;
    Entry { key, note: pin.note, size: pin.size, used, mount: false }
}

/// Where cache mounts are.
pub(crate) fn mounts_root(root: &Path) -> PathBuf {
    root.join("build").join("mounts")
}

fn mounts(store: &Store) -> Result<Vec<Entry>> {
    let root = mounts_root(store.root());
    let entries = match std::fs::read_dir(&root) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|error| Error::from_io(&error, format!("open({root:?})")))?,
    };
    let mut found = Vec::new();
    for entry in entries.flatten() {
        let path = entry.path();
        let note = std::fs::read_to_string(path.join("id")).unwrap_or_default();
        found.push(Entry {
            key: entry.file_name().to_string_lossy().into_owned(),
            note: format!("cache mount {note}"),
            size: size_of(&path.join("data")),
            used: std::fs::metadata(path.join("id")).and_then(|facts| facts.modified()).ok(),
            mount: true,
        });
    }
    Ok(found)
}

/// Bytes of all files below a directory.
fn size_of(directory: &Path) -> u64 {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(facts) if facts.is_dir() => size_of(&entry.path()),
            Ok(facts) => facts.len(),
            Err(_) => 0,
        })
        .sum()
}

/// Removes a cache mount that nobody uses now; says whether it has.
fn take_mount(path: &Path) -> Result<bool> {
    let lock = barque_sys::file::open(path, barque_sys::file::READ_DIRECTORY)?;
    if !barque_sys::file::try_lock(&lock)? {
        return Ok(false);
    }
    barque_image::layer::remove_tree(path)?;
    barque_sys::file::unlock(&lock)?;
    Ok(true)
}
