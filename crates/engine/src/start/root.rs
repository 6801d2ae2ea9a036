//! Which root filesystem the runtime is given, and what lies around it.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use barque_runtime::container;
use barque_runtime::plan::HostFile;
use barque_runtime::plan::mount::{RootSource, Upper};
use barque_runtime::spec::{IdMapping, Linux, Spec};

use super::{Purpose, from_image};
use crate::definition::Root;
use crate::{Definition, Error, Result};

/// Where an archive is unpacked, in the container's directory.
const UNPACKED: &str = "rootfs";
/// Says that it is unpacked whole.
pub(crate) const UNPACKED_MARK: &str = "rootfs.done";
/// Where an overlay is mounted, in the container's directory.
const MERGED: &str = "merged";
/// Where what the container writes lies, in its directory.
pub(crate) const LAYER: &str = "layer";

/// Where the root filesystem will be, for `root.path` of the configuration.
pub fn root_path(definition: &Definition, directory: &Path, spec: &Spec<'_>) -> PathBuf {
    match &definition.root {
        Root::Directory { path, writable: true } => path.clone(),
        Root::Archive { .. } if !ids_differ(spec) => directory.join(UNPACKED),
        _ => directory.join(MERGED),
    }
}

/// Whether the container has other ids than the files that root has unpacked for it.
fn ids_differ(spec: &Spec<'_>) -> bool {
    let mapped = |linux: &Linux<'_>| !linux.uid_mappings.is_empty();
    barque_sys::process::effective_ids().0 == 0 && spec.linux.as_ref().is_some_and(mapped)
}

/// Whether the files below the writable layer must be shown with the container's ids: root's own user namespaces have
/// other ids than the files, unless somebody has changed their owners already.
pub(super) fn map_root_ids(root: &RootSource, spec: &Spec<'_>) -> bool {
    let Some(linux) = spec.linux.as_ref().filter(|linux| !linux.uid_mappings.is_empty()) else {
        return false;
    };
    let RootSource::Overlay { lower, .. } = root else { return false };
    let owner = lower.first().and_then(|lower| std::fs::metadata(lower).ok()).map(|metadata| metadata.uid());
    let is_within =
        |uid: u32, range: &IdMapping| uid.checked_sub(range.host_id).is_some_and(|at| at < range.size);
    let shifted = |uid: u32| linux.uid_mappings.iter().any(|range| is_within(uid, range));
    barque_sys::process::effective_ids().0 == 0 && !owner.is_some_and(shifted)
}

/// The root filesystem: the directory itself, or a layer over it.
pub(crate) fn root(definition: &Definition, directory: &Path, spec: &Spec<'_>) -> Result<RootSource> {
    let lower = match &definition.root {
        // overlayfs takes no layer that lies below another: its files become the first ones of the writable layer.
        root if root.changes_of_host().is_some() => {
            if !privileged() {
                return Err(Error::unsupported(format!(
                    "image {}: changes of @host are shown to root alone",
                    definition.image
                )));
            }
            PathBuf::from("/")
        }
        Root::Host => PathBuf::from("/"),
        Root::Directory { path, .. } => path.clone(),
        Root::Archive { .. } => directory.join(UNPACKED),
        Root::Image { layers } => return Ok(overlay(definition, directory, layers.clone())),
    };
    // What was unpacked for this container alone needs no layer above it, but for the ids to be mapped.
    if root_path(definition, directory, spec) == lower {
        return Ok(RootSource::Directory { path: lower });
    }
    if !privileged() {
        let covered: Vec<_> = spec.mounts.iter().map(|mount| Path::new(mount.destination.as_str())).collect();
        if let Some(parts) = container::compose(&lower, &covered)? {
            return Ok(RootSource::Composed { parts, mount_point: directory.join(MERGED) });
        }
    }
    Ok(overlay(definition, directory, vec![lower]))
}

fn overlay(definition: &Definition, directory: &Path, lower: Vec<PathBuf>) -> RootSource {
    // overlayfs refuses an upper directory that lies below its lower one, unless another file system is mounted on it.
    let upper = if lower.iter().any(|lower| is_below(&directory.join(LAYER), lower)) {
        Upper::Memory
    } else {
        Upper::Directory { path: directory.join(LAYER), volatile: definition.auto_remove }
    };
    RootSource::Overlay { lower, upper, mount_point: directory.join(MERGED) }
}

/// Whether we can mount without a user namespace of our own.
fn privileged() -> bool {
    use rustix::thread::{CapabilitySet, capabilities};
    capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::SYS_ADMIN))
}

/// Whether a directory that may not exist yet will lie below another, on the same file system.
fn is_below(directory: &Path, above: &Path) -> bool {
    let existing = directory.ancestors().find_map(|ancestor| std::fs::metadata(ancestor).ok());
    let device = |metadata: std::fs::Metadata| metadata.dev();
    directory.starts_with(above) && existing.map(device) == std::fs::metadata(above).ok().map(device)
}

/// The container's own directory with what lies in it, and the directories that `-v` asks for. What the container writes
/// belongs to the user its root is outside.
pub(super) fn host_files(
    definition: &Definition,
    directory: &Path,
    spec: &Spec<'_>,
    root: &RootSource,
    purpose: Purpose,
) -> Vec<HostFile> {
    let shared = definition.create_directories.iter();
    let mut files: Vec<_> = shared.map(|path| HostFile::Shared(PathBuf::from(path))).collect();
    let owner = spec.linux.as_ref().and_then(root_outside);
    // A script removes at its end what it has made; the directories of a container that is there stay until `rm`.
    let kept = purpose == Purpose::Run || directory.exists();
    let mut own = |path: PathBuf| files.push(HostFile::Directory { path, mode: 0o711, owner, kept });
    own(directory.to_owned());
    match root {
        RootSource::Directory { .. } => {}
        RootSource::Overlay { mount_point, upper, .. } => {
            own(mount_point.clone());
            if let Upper::Directory { path, .. } = upper {
                own(path.clone());
            }
        }
        RootSource::Composed { mount_point, .. } => own(mount_point.clone()),
    }
    for scratch in &definition.scratch_directories {
        let (path, mode, owner) = (scratch.path.clone(), scratch.mode, scratch.owner);
        files.push(HostFile::Directory { path, mode, owner, kept: false });
    }
    if let Root::Archive { path: archive } = &definition.root {
        let unpacked = directory.join(UNPACKED);
        if !directory.join(UNPACKED_MARK).exists() {
            let path = unpacked.clone();
            files.push(HostFile::Directory { path, mode: 0o755, owner: None, kept });
            files.push(HostFile::Archive { archive: archive.clone(), directory: unpacked });
        }
    }
    files.extend(
        definition.files.iter().map(|file| HostFile::File(directory.join(&file.name), file.text.clone())),
    );
    files
}

/// Removes what a start that was killed has unpacked: nobody knows how far it came.
pub(super) fn clear_half_unpacked(definition: &Definition, directory: &Path) -> Result<()> {
    let half = matches!(definition.root, Root::Archive { .. }) && !directory.join(UNPACKED_MARK).exists();
    if half {
        barque_image::layer::remove_tree(&directory.join(UNPACKED)).map_err(from_image)
    } else {
        Ok(())
    }
}

/// The user and the group that the container's root is outside.
fn root_outside(linux: &Linux<'_>) -> Option<(u32, u32)> {
    let host_id = |mappings: &[IdMapping]| {
        mappings.iter().find(|mapping| mapping.container_id == 0).map(|mapping| mapping.host_id)
    };
    Some((host_id(&linux.uid_mappings)?, host_id(&linux.gid_mappings)?))
}
