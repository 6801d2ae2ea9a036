//! The root filesystem: attached, and switched to.

use std::os::fd::{AsFd as _, AsRawFd as _};
use std::path::Path;

use barque_sys::file::{self, DIRECTORY};
use barque_sys::mount::{self, Attributes, FileSystem, MountAttrFlags, Propagation, UnmountFlags};
use barque_sys::path::Root;

use super::compose;
use crate::error::Context as _;
use crate::plan::mount::{RootSource, Upper};
use crate::{Error, ErrorKind, Result};

/// Changes the propagation of `/` and, with an `r` before, of all below.
pub(super) fn set_propagation(name: &str) -> Result<()> {
    if name == "rshared" {
        // The container's mounts are to travel to the host. All but `/` itself stay what they are.
        return Ok(());
    }
    let root = file::open(Path::new("/"), DIRECTORY)?;
    apply_propagation(&root, name).context(|| format!("linux.rootfsPropagation {name:?}"))
}

/// Changes the propagation of the mount a descriptor stands for.
pub(super) fn apply_propagation(fd: impl std::os::fd::AsFd, name: &str) -> Result<()> {
    let (recursive, plain) = match name.strip_prefix('r') {
        Some(plain) => (true, plain),
        None => (false, name),
    };
    let propagation = match plain {
        "shared" => Propagation::Shared,
        "slave" => Propagation::Slave,
        "private" => Propagation::Private,
        "unbindable" => Propagation::Unbindable,
        _ => return Ok(()),
    };
    let change = Attributes { propagation: Some(propagation), ..Attributes::default() };
    Ok(mount::set_attributes(fd, recursive, &change)?)
}

/// Mounts the root filesystem in the container's mount namespace, and opens it.
pub(super) fn attach(source: &RootSource, user_namespace: bool) -> Result<Root> {
    match source {
        RootSource::Directory { path } => {
            let tree = mount::clone_tree(path, true).map_err(|error| missing(error, path))?;
            // pivot_root(2) refuses a shared mount, which this is where the host's are to stay shared.
            apply_propagation(&tree, "slave")?;
            attach_at(tree, path)
        }
        RootSource::Overlay { lower, upper, mount_point } => {
            let overlay = overlay(lower, upper, mount_point, user_namespace)?;
            attach_at(overlay, mount_point)
        }
        RootSource::Composed { parts, mount_point } => {
            attach_at(compose::root(parts, mount_point)?, mount_point)
        }
    }
}

fn missing(error: barque_sys::Error, path: &Path) -> Error {
    let error = Error::from(error).context(format_args!("root.path {path:?}"));
    match error.kind() {
        ErrorKind::NotFound => error.hint("the root filesystem's directory must exist"),
        _ if !path.is_dir() => error.hint("the root filesystem must be a directory"),
        _ => error,
    }
}

fn attach_at(tree: std::os::fd::OwnedFd, path: &Path) -> Result<Root> {
    end_parents_sharing(path)?;
    let target = file::open(path, DIRECTORY)?;
    mount::attach(&tree, &target).context(|| format!("root.path {path:?}"))?;
    Ok(Root::new(tree))
}

/// `pivot_root` refuses a root whose parent mount is shared. The path may lie anywhere below the mount's root, which
/// is the only place where attributes can be changed: the nearest ancestor that is one.
fn end_parents_sharing(path: &Path) -> Result<()> {
    let change = Attributes { propagation: Some(Propagation::Slave), ..Attributes::default() };
    for ancestor in path.ancestors() {
        let fd = file::open(ancestor, DIRECTORY)?;
        match mount::set_attributes(&fd, false, &change) {
            Err(error) if error.kind() == ErrorKind::InvalidArgument => {}
            result => return Ok(result?),
        }
    }
    Ok(())
}

fn overlay(
    lower: &[std::path::PathBuf],
    upper: &Upper,
    mount_point: &Path,
    user_namespace: bool,
) -> Result<std::os::fd::OwnedFd> {
    let (directory, volatile) = match upper {
        Upper::Directory { path, volatile } => (path.clone(), *volatile),
        Upper::Memory => {
            memory(mount_point)?;
            (mount_point.to_owned(), true)
        }
    };
    let (upper, work) = (directory.join("upper"), directory.join("work"));
    for path in [&upper, &work] {
        file::make_directories(path, 0o755)?;
    }
    let views: Vec<&Path> = lower.iter().map(std::path::PathBuf::as_path).collect();
    let layers = Layers { lower: &views, upper: &upper, work: &work, volatile };
    overlay_mount(&layers, user_namespace).map_err(|error| match lower.iter().find(|path| !path.is_dir()) {
        // Before Linux 6.5 the layers are looked up only when all is mounted.
        Some(path) if !error.to_string().contains("root.path") => error
            .context(format_args!("root.path {path:?}"))
            .hint("the root filesystem must be a directory that exists"),
        _ => error,
    })
}

/// A lower directory as the mount option is written.
fn escape(path: &Path) -> String {
    path.to_string_lossy().replace('\\', r"\\").replace(':', r"\:")
}

/// A tmpfs that takes what is written.
pub(super) fn memory(mount_point: &Path) -> Result<()> {
    let memory = FileSystem::open("tmpfs")?;
    memory.set("mode", "0755")?;
    let memory = memory.mount(MountAttrFlags::empty())?;
    Ok(mount::attach(&memory, file::open(mount_point, DIRECTORY)?)?)
}

/// The layers of an overlay.
pub(super) struct Layers<'a> {
    /// The uppermost first.
    pub(super) lower: &'a [&'a Path],
    pub(super) upper: &'a Path,
    pub(super) work: &'a Path,
    pub(super) volatile: bool,
}

/// A detached overlay mount.
pub(super) fn overlay_mount(layers: &Layers<'_>, user_namespace: bool) -> Result<std::os::fd::OwnedFd> {
    let Layers { lower, upper, work, volatile } = *layers;
    let overlay = FileSystem::open("overlay").map_err(|error| {
        Error::from(error).hint("this kernel has no overlayfs: load the module, or use --rw-rootfs")
    })?;
    overlay.set("source", "overlay")?;
    set_lower(&overlay, lower)?;
    overlay.set("upperdir", &upper.to_string_lossy())?;
    overlay.set("workdir", &work.to_string_lossy())?;
    if user_namespace {
        // The attributes overlayfs keeps its notes in are `trusted.*`, which a user namespace may not write (Linux 5.11).
        drop(overlay.flag("userxattr"));
    }
    if volatile {
        // Linux 5.10; without it an unmount syncs the whole file system below. A kernel that does not know it says so.
        drop(overlay.flag("volatile"));
    }
    overlay.mount(MountAttrFlags::empty()).map_err(|error| overlay_failed(error, upper))
}

/// What one string of `fsconfig(2)` may hold.
pub(super) const LONGEST: usize = 255;

/// The lower directories: as one option where they fit into it, else one by one (Linux 6.8).
fn set_lower(overlay: &FileSystem, lower: &[&Path]) -> Result<()> {
    let names: Vec<String> = lower.iter().map(|path| escape(path)).collect();
    let joined = names.join(":");
    if joined.len() <= LONGEST {
        return overlay.set("lowerdir", &joined).map_err(|error| missing(error, Path::new(&joined)));
    }
    for (name, path) in names.iter().zip(lower) {
        overlay.set("lowerdir+", name).map_err(|error| match error.kind() {
            ErrorKind::InvalidArgument => Error::from(error)
                .hint("so many layers, or such long paths, take Linux 6.8, or a shorter --root"),
            _ => missing(error, path),
        })?;
    }
    Ok(())
}

/// The lower directories of a mount option that is too long for one string.
pub(super) fn set_each_lower(overlay: &FileSystem, joined: &str) -> Result<()> {
    let mut rest = joined;
    while !rest.is_empty() {
        let mut escaped = false;
        let end = rest.find(|c: char| {
            let ends = c == ':' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        });
        let (name, after) = end.map_or((rest, ""), |end| (&rest[..end], &rest[end + 1..]));
        overlay.set("lowerdir+", name)?;
        rest = after;
    }
    Ok(())
}

fn overlay_failed(error: barque_sys::Error, upper: &Path) -> Error {
    let loops = error.kind() == ErrorKind::InvalidArgument;
    let error = Error::from(error).context("mounting the root filesystem");
    if loops {
        return error.hint(format!(
            "{upper:?} must be on a file system that overlayfs takes, and not below a lower layer"
        ));
    }
    error
}

/// Unmounts the host's procfs and sysfs mounts, see [`crate::plan::Op::HideHostViews`].
pub(super) fn hide_host_views(root: &Root) -> Result<()> {
    let own = std::fs::read_link(format!("/proc/self/fd/{}", root.as_fd().as_raw_fd())).unwrap_or_default();
    let table = file::read(Path::new("/proc/self/mountinfo"))?;
    for line in table.lines() {
        let (before, after) = line.split_once(" - ").unwrap_or((line, ""));
        let mut fields = before.split(' ').skip(3);
        let (whole, place) = (fields.next() == Some("/"), Path::new(fields.next().unwrap_or("/")));
        let is_view = matches!(after.split(' ').next(), Some("proc" | "sysfs"));
        if !whole || !is_view || place.starts_with(&own) {
            continue;
        }
        let private = Attributes { propagation: Some(Propagation::Private), ..Attributes::default() };
        mount::set_attributes(file::open(place, DIRECTORY)?, false, &private)?;
        if mount::unmount(place, UnmountFlags::DETACH).is_err() {
            // Locked in a user namespace: it is covered.
            let cover = FileSystem::open("tmpfs")?.mount(MountAttrFlags::MOUNT_ATTR_RDONLY)?;
            mount::attach(&cover, file::open(place, DIRECTORY)?)?;
        }
    }
    Ok(())
}

/// Makes the root the process's `/` and lets go of the old one.
pub(super) fn switch(root: &Root, by_move: bool) -> Result<()> {
    barque_sys::process::change_directory_to(root)?;
    if by_move {
        mount::move_here_to_root()?;
        barque_sys::process::change_root_here()?;
    } else {
        let old = file::open(Path::new("/"), DIRECTORY)?;
        mount::pivot_root_here().map_err(|error| {
            Error::from(error).hint("where / is the initramfs, pivot_root is impossible: use --no-pivot")
        })?;
        // The old root lies on top of the new one now, while "." still means the new one. Unmounting must not travel
        // to the host.
        apply_propagation(&old, "rslave")?;
        barque_sys::process::change_directory_to(&old)?;
        drop(old);
        mount::unmount_here()?;
    }
    barque_sys::process::change_directory(Path::new("/"))?;
    Ok(())
}
