//! Which root filesystem the runtime is given, and what lies around it.

use std::path::{Path, PathBuf};

use barque_runtime::container;
use barque_runtime::plan::HostFile;
use barque_runtime::plan::mount as planned;
use barque_runtime::spec::Spec;
use barque_sys::path::Root;

use crate::Result;
use crate::run::{RootSource, RunRequest};

/// Where an archive is unpacked, in the container's directory.
const UNPACKED: &str = "rootfs";

/// Whether the files below the writable layer must be shown with the container's ids: root's own user namespaces have
/// other ids than the files, unless somebody has changed their owners already.
pub(super) fn map_root_ids(root: &planned::RootSource, spec: &Spec<'_>) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let Some(linux) = spec.linux.as_ref().filter(|linux| !linux.uid_mappings.is_empty()) else {
        return false;
    };
    let planned::RootSource::Overlay { lower, .. } = root else { return false };
    let owner = lower.first().and_then(|lower| std::fs::metadata(lower).ok()).map(|metadata| metadata.uid());
    let shifted = |uid: u32| {
        linux
            .uid_mappings
            .iter()
            .any(|range| uid.checked_sub(range.host_id).is_some_and(|at| at < range.size))
    };
    rustix::process::geteuid().is_root() && !owner.is_some_and(shifted)
}

/// A text file of the container's root filesystem, before there is a container.
pub(super) fn rootfs_file(root: &RootSource, path: &str) -> Option<String> {
    let directory = root_directory(root)?;
    let root = Root::open_host(Path::new(&directory)).ok()?;
    barque_sys::file::read_regular(|flags| root.open(Path::new(path), flags)).ok()
}

fn root_directory(root: &RootSource) -> Option<String> {
    match root {
        RootSource::Host => Some("/".to_owned()),
        RootSource::Directory(path) => Some(path.clone()),
        RootSource::Archive(_) | RootSource::Image(_) => None,
    }
}

/// The root filesystem: the directory itself, or a throw-away layer over it.
pub(super) fn root(
    request: &RunRequest,
    directory: &Path,
    spec: &Spec<'_>,
    layers: Option<&[PathBuf]>,
    privileged: bool,
) -> Result<planned::RootSource> {
    let lower = root_directory(&request.rootfs).map_or_else(|| directory.join(UNPACKED), PathBuf::from);
    let ids_differ = rustix::process::geteuid().is_root()
        && spec.linux.as_ref().is_some_and(|linux| !linux.uid_mappings.is_empty());
    // What was unpacked for this container alone needs no layer above it, but for the ids to be mapped.
    let own = matches!(request.rootfs, RootSource::Archive(_)) && !ids_differ;
    if request.rw_rootfs || own {
        return Ok(planned::RootSource::Directory { path: lower });
    }
    let mount_point = directory.join("merged");
    if let Some(layers) = layers {
        let upper = planned::Upper::Directory { path: directory.join("layer"), volatile: request.rm };
        return Ok(planned::RootSource::Overlay { lower: layers.to_vec(), upper, mount_point });
    }
    if !privileged {
        let covered: Vec<_> = spec.mounts.iter().map(|mount| Path::new(mount.destination.as_str())).collect();
        if let Some(parts) = container::compose(&lower, &covered)? {
            return Ok(planned::RootSource::Composed { parts, mount_point });
        }
    }
    // overlayfs refuses an upper directory that lies below its lower one.
    let upper = if is_below(directory, &lower) {
        planned::Upper::Memory
    } else {
        planned::Upper::Directory { path: directory.join("layer"), volatile: request.rm }
    };
    Ok(planned::RootSource::Overlay { lower: vec![lower], upper, mount_point })
}

/// Whether a directory that may not exist yet will lie below another, on the same file system.
fn is_below(directory: &Path, above: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let existing = directory.ancestors().find_map(|ancestor| std::fs::metadata(ancestor).ok());
    let device = |metadata: std::fs::Metadata| metadata.dev();
    directory.starts_with(above) && existing.map(device) == std::fs::metadata(above).ok().map(device)
}

/// The container's own directory with what lies in it, and the directories that `-v` asks for. What the container writes
/// belongs to the user its root is outside.
pub(super) fn host_files(
    request: &RunRequest,
    directory: &Path,
    spec: &Spec<'_>,
    root: &planned::RootSource,
) -> Vec<HostFile> {
    let mut files: Vec<_> =
        request.create_directories.iter().map(|path| HostFile::Shared(PathBuf::from(path))).collect();
    let owner = spec.linux.as_ref().and_then(|linux| {
        let host_id = |mappings: &[barque_runtime::spec::IdMapping]| {
            mappings.iter().find(|mapping| mapping.container_id == 0).map(|mapping| mapping.host_id)
        };
        Some((host_id(&linux.uid_mappings)?, host_id(&linux.gid_mappings)?))
    });
    let mut own = |path: PathBuf| files.push(HostFile::Directory { path, mode: 0o711, owner });
    own(directory.to_owned());
    match root {
        planned::RootSource::Directory { .. } => {}
        planned::RootSource::Overlay { mount_point, .. } => {
            own(mount_point.clone());
            own(directory.join("layer"));
        }
        planned::RootSource::Composed { mount_point, .. } => own(mount_point.clone()),
    }
    if let RootSource::Archive(archive) = &request.rootfs {
        let unpacked = directory.join(UNPACKED);
        files.push(HostFile::Directory { path: unpacked.clone(), mode: 0o755, owner: None });
        files.push(HostFile::Archive { archive: PathBuf::from(archive), directory: unpacked });
    }
    files.extend(
        request.files.iter().map(|file| HostFile::File(directory.join(file.name), file.text.clone())),
    );
    files
}
