//! Changes of this machine's own root filesystem: made in memory, kept on disk when the container has ended.
//!
//! overlayfs refuses a writable layer below the directory it lies above, and below `/` is everything on its file system. So
//! the monitor mounts a tmpfs on the container's layer, in a mount namespace of its own where the container's begins. Others
//! reach it through the monitor's root; at the end it is copied beside it, and back at the next start.

use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use barque_runtime::plan::mount::{RootSource, Upper};
use barque_runtime::spec::Spec;
use barque_sys::mount::{Attributes, FileSystem, MountAttrFlags, Propagation, UnmountFlags};
use barque_sys::namespace::{self, Namespaces};
use barque_sys::{Call as _, file, mount};
use rustix::fs::{RenameFlags, Stat};

use super::place;
use super::tree::Tree;
use crate::definition::Root;
use crate::start::from_image as told;
use crate::{Container, ErrorKind, Result, start};

const KEPT: &str = "kept";
const NEW: &str = "kept.new";

/// Mounts memory on the layer of a container that could not write on disk, with what is kept in it, or with what its image
/// changes. The rest of this process's life is then spent in a mount namespace of its own, where the host's mounts still come
/// and go. Says whether there is something to keep at the end.
pub(crate) fn begin(container: &Container, spec: &Spec<'_>) -> Result<bool> {
    let definition = &container.definition;
    let of_host = definition.root.changes_of_host().is_some();
    // Layers of images are never above a container's directory: most need not be looked at.
    if !of_host && (definition.auto_remove || matches!(definition.root, Root::Image { .. })) {
        return Ok(false);
    }
    let source = start::root_source(definition, &container.directory(), spec)?;
    let RootSource::Overlay { upper: Upper::Memory, .. } = source else { return Ok(false) };
    namespace::unshare(Namespaces::MOUNT)?;
    let everything = file::open(Path::new("/"), file::DIRECTORY)?;
    let slave = Attributes { propagation: Some(Propagation::Slave), ..Attributes::default() };
    mount::set_attributes(&everything, true, &slave)?;
    fill(container)?;
    Ok(!definition.auto_remove)
}

/// Mounts memory on the layer, and copies what is kept to it, or what the image changes.
pub(super) fn fill(container: &Container) -> Result<()> {
    let directory = container.directory();
    let layer = directory.join(start::LAYER);
    file::make_directories(&layer, 0o711)?;
    let memory = FileSystem::open("tmpfs")?;
    memory.set("mode", "0711")?;
    let memory = memory.mount(MountAttrFlags::empty())?;
    mount::attach(&memory, file::open(&layer, file::DIRECTORY)?)?;
    let kept = directory.join(KEPT);
    if kept.join("upper").is_dir() {
        return copy(&kept, &layer);
    }
    let changes = container.definition.root.changes_of_host().unwrap_or_default();
    for changed in changes.iter().rev() {
        let upper = layer.join("upper");
        file::make_directories(&upper, 0o755)?;
        all(&open(&upper)?)?.copy_content(&open(changed)?)?;
    }
    Ok(())
}

/// Takes the memory off the layer: what is mounted in this process's own namespace cannot be removed by it.
pub(crate) fn let_go(container: &Container) {
    if container.definition.root.changes_of_host().is_some() {
        // Where nothing is mounted, because the start failed, there is nothing to take off.
        drop(mount::unmount(&container.directory().join(start::LAYER), UnmountFlags::DETACH));
    }
}

/// Keeps what is in the layer, in the place of what was kept before: whole or not at all.
pub(crate) fn save(container: &Container) -> Result<()> {
    let directory = container.directory();
    let (kept, new) = (directory.join(KEPT), directory.join(NEW));
    barque_image::layer::remove_tree(&new).map_err(told)?;
    file::make_directory(&new, 0o711, None)?;
    copy(&directory.join(start::LAYER), &new)?;
    let cwd = rustix::fs::CWD;
    if kept.is_dir() {
        rustix::fs::renameat_with(cwd, &new, cwd, &kept, RenameFlags::EXCHANGE)
            .call(|| format!("renameat2({new:?}, {kept:?}, RENAME_EXCHANGE)"))?;
        return barque_image::layer::remove_tree(&new).map_err(told);
    }
    Ok(std::fs::rename(&new, &kept).call(|| format!("rename({new:?}, {kept:?})"))?)
}

/// Copies the directory of the layer as overlayfs has made it, with its own notes.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let from = open(from)?;
    let name = OsStr::new("upper");
    if place::stat(&from, name)?.is_some() { all(&open(to)?)?.copy(&from, name, name) } else { Ok(()) }
}

/// A copy that keeps everything.
fn all(to: &OwnedFd) -> Result<Tree<'static>> {
    let mut tree = Tree::new(to, &|stat: &Stat| (stat.st_uid, stat.st_gid))?;
    tree.with_all_attributes();
    Ok(tree)
}

fn open(path: &Path) -> Result<OwnedFd> {
    Ok(file::open(path, file::READ_DIRECTORY)?)
}

/// Where the changes are now: in the memory of one that runs, kept of one that does not.
pub(super) fn upper(container: &Container, pid: Option<i32>) -> Result<Option<PathBuf>> {
    let directory = container.directory();
    let Some(pid) = pid else { return Ok(Some(directory.join(KEPT).join("upper"))) };
    let monitor = parent_of(pid)?;
    let layer = directory.join(start::LAYER);
    let path = PathBuf::from(format!("/proc/{monitor}/root")).join(layer.strip_prefix("/").unwrap_or(&layer));
    // Of one that was started with --rm, or whose monitor was killed, there is none.
    let upper = path.join("upper");
    Ok(upper.is_dir().then_some(upper))
}

/// The process that has started another.
fn parent_of(pid: i32) -> Result<i32> {
    let ended = || crate::Error::new(ErrorKind::Conflict, "it has just ended").hint("try again");
    let text = file::read(Path::new(&format!("/proc/{pid}/status"))).map_err(|error| match error.kind() {
        ErrorKind::NotFound => ended(),
        _ => error.into(),
    })?;
    let line = text.lines().find_map(|line| line.strip_prefix("PPid:"));
    line.and_then(|number| number.trim().parse().ok()).ok_or_else(ended)
}
