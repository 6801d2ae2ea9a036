//! Mounts in the container's root.

use std::os::fd::OwnedFd;
use std::path::Path;

use barque_sys::mount::{self, Attributes, FileSystem, MountAttrFlags};
use barque_sys::path::{self, Root};
use barque_sys::{copy, file};

use super::init::Init;
use super::{devices, ids, root};
use crate::error::Context as _;
use crate::plan::mount::{self as planned, Mount, Source};
use crate::plan::{Op, Plan};
use crate::{Error, ErrorKind, Result};

/// Makes one mount.
pub(super) fn mount(init: &mut Init<'_, '_>, mount: &Mount) -> Result<()> {
    make(init, mount).map_err(|error| error.context(format_args!("mounts: {:?}", mount.target)))
}

fn make(init: &mut Init<'_, '_>, mount: &Mount) -> Result<()> {
    let fd = match &mount.source {
        Source::New { kind, source, parameters } => {
            refuse_link(init.root()?, kind, &mount.target)?;
            new_file_system(kind, source.as_deref(), parameters, mount.attributes)?
        }
        Source::Bind { .. } | Source::Device { .. } | Source::Program => prepare(mount)?,
        Source::Prepared { slot, path } => init.prepared_mount(*slot, path)?,
        Source::Existing { parameters } => return change_existing(init.root()?, mount, parameters),
    };
    let root = init.root()?;
    // A mount point that is made only now has nothing to copy, and no owner or mode to take over.
    let new = matches!(mount.source, Source::New { .. });
    if mount.copy_up && !new {
        fill(root, &mount.target, &fd)?;
    }
    let copies = mount.copy_up && new && root.handle(Path::new(&mount.target)).is_ok();
    let target = mount_point(root, &fd, &mount.target)?;
    if copies {
        copy_up(root, &mount.target, &fd)?;
    }
    if let Some((uid, gid)) = mount.owner {
        give(&fd, uid, gid)?;
    }
    mount::attach(&fd, &target)?;
    finish(&fd, mount)
}

/// What changes only once the mount is attached, or must come last.
fn finish(fd: &OwnedFd, mount: &Mount) -> Result<()> {
    set(fd, true, mount.recursive_attributes)?;
    for propagation in &mount.propagation {
        root::apply_propagation(fd, propagation)?;
    }
    Ok(())
}

/// The same in the creator's mount namespace, where what is cloned is a peer of the host's mount: what the container
/// mounts below it would travel to the host, unless it gets the propagation of the container's own mounts.
/// `program` is the view that this program runs from, where it holds one.
pub(super) fn prepare_for(plan: &Plan, mount: &Mount, program: Option<&OwnedFd>) -> Result<OwnedFd> {
    let fd = match mount.source {
        Source::Program => program_view(program, mount)?,
        _ => prepare(mount)?,
    };
    let host = plan.steps.iter().find_map(|step| match &step.op {
        Op::SetPropagation { propagation, after_pivot: false } if propagation != "rshared" => {
            Some(propagation)
        }
        _ => None,
    });
    if let Some(propagation) = host {
        root::apply_propagation(&fd, propagation)?;
    }
    Ok(fd)
}

/// A detached bind mount with its attributes and ids, or a device node as one.
pub(super) fn prepare(mount: &Mount) -> Result<OwnedFd> {
    if let Source::Device { kind, major, minor, mode, uid, gid } = mount.source {
        let node = devices::Node { kind, major, minor, mode, uid, gid };
        return devices::detached(&node, &mount.target);
    }
    let Source::Bind { path, recursive, subdirectory } = &mount.source else {
        return Err(Error::new(ErrorKind::Internal, "only bind mounts are prepared"));
    };
    let fd = match subdirectory {
        None => clone(path, *recursive)?,
        Some(subdirectory) => clone_below(path, subdirectory, *recursive)?,
    };
    if let Some((uid, gid)) = mount.owner.filter(|_| mount.id_mapping.is_none()) {
        give(&fd, uid, gid)?;
    }
    if let Some(map) = &mount.id_mapping {
        let namespace = ids::namespace(&map.maps())?;
        let change =
            Attributes { id_mapping: Some(std::os::fd::AsFd::as_fd(&namespace)), ..Attributes::default() };
        mount::set_attributes(&fd, map.recursive, &change).map_err(|error| {
            Error::from(error)
                .context(format_args!("mapping the ids of {path:?}"))
                .hint("idmapped mounts take Linux 5.12 and a file system that knows them")
        })?;
    }
    set(&fd, false, mount.attributes)?;
    Ok(fd)
}

/// The mount that this program's file lies on. It is one of nobody's until the container attaches it. A program that
/// lies on a read-only file system runs from where it lies, and holds none: then one is made.
fn program_view(held: Option<&OwnedFd>, mount: &Mount) -> Result<OwnedFd> {
    let view = match held {
        Some(view) => barque_sys::Call::call(view.try_clone(), || "dup(the view of this program)")?,
        None => barque_sys::executable::read_only_view()?,
    };
    set(&view, false, mount.attributes)?;
    Ok(view)
}

fn clone(path: &Path, recursive: bool) -> Result<OwnedFd> {
    mount::clone_tree(path, recursive).map_err(|error| {
        let error = Error::from(error).context(format_args!("source {path:?}"));
        if error.kind() == ErrorKind::NotFound { error.hint("it must exist on the host") } else { error }
    })
}

/// What a path names in a directory in which others may have made links, seen at one moment: found and cloned by one
/// descriptor (CVE-2017-1002101).
fn clone_below(path: &Path, subdirectory: &str, recursive: bool) -> Result<OwnedFd> {
    let below = Root::open_host(path)?.handle(Path::new(subdirectory)).map_err(|error| {
        let error = Error::from(error).context(format_args!("{subdirectory:?} in {path:?}"));
        if error.kind() == ErrorKind::NotFound { error.hint("it must exist in the volume") } else { error }
    })?;
    Ok(mount::clone_tree_fd(&below, recursive)?)
}

/// Gives a source to the container's user.
fn give(fd: &OwnedFd, uid: u32, gid: u32) -> Result<()> {
    copy::change_owner(fd, uid, gid).map_err(|error| {
        let error = Error::from(error).context(format_args!("giving it to {uid}:{gid}"));
        if error.kind() == ErrorKind::PermissionDenied {
            return error.hint("only its owner's own ids can be given its files: use :idmap, or run as root");
        }
        error
    })
}

fn set(fd: &OwnedFd, recursive: bool, attributes: planned::Attributes) -> Result<()> {
    if attributes.is_empty() {
        return Ok(());
    }
    let change = Attributes {
        set: MountAttrFlags::from_bits_retain(attributes.set),
        clear: MountAttrFlags::from_bits_retain(attributes.clear),
        ..Attributes::default()
    };
    mount::set_attributes(fd, recursive, &change).map_err(|error| {
        let error = Error::from(error);
        if error.kind() == ErrorKind::PermissionDenied {
            return error.hint(
                "an attribute that the host has set on this mount cannot be lifted inside a user namespace",
            );
        }
        error
    })
}

fn new_file_system(
    kind: &str,
    source: Option<&str>,
    parameters: &[(String, Option<String>)],
    attributes: planned::Attributes,
) -> Result<OwnedFd> {
    let context = FileSystem::open(kind).map_err(|error| {
        let error = Error::from(error);
        if error.kind() == ErrorKind::NotFound {
            return error.hint(format!("this kernel knows no file system {kind:?}; see /proc/filesystems"));
        }
        error
    })?;
    context.set("source", source.unwrap_or(kind))?;
    configure(&context, parameters)?;
    let flags = MountAttrFlags::from_bits_retain(attributes.set);
    context.mount(flags).map_err(|error| {
        let error = Error::from(error);
        match (kind, error.kind()) {
            ("sysfs", ErrorKind::PermissionDenied) => {
                error.hint("a user namespace may mount sysfs only together with a network namespace of its own: bind /sys instead")
            }
            ("proc", ErrorKind::PermissionDenied) => {
                error.hint("a user namespace may mount proc only with a pid namespace of its own, and where nothing hides parts of the host's")
            }
            _ => error,
        }
    })
}

fn configure(context: &FileSystem, parameters: &[(String, Option<String>)]) -> Result<()> {
    for (key, value) in parameters {
        match value {
            Some(value) if key == "lowerdir" && value.len() > root::LONGEST => {
                root::set_each_lower(context, value)?;
            }
            Some(value) => context.set(key, value)?,
            None => context.flag(key)?,
        }
    }
    Ok(())
}

/// procfs and sysfs go where they are named and nowhere else: a root whose `/proc` is a symbolic link could otherwise
/// make what is masked and read-only lie elsewhere than what programs use (CVE-2019-19921, CVE-2023-28642).
fn refuse_link(root: &Root, kind: &str, target: &str) -> Result<()> {
    if !matches!(kind, "proc" | "sysfs") {
        return Ok(());
    }
    let Ok(handle) = root.handle_nofollow(Path::new(target)) else { return Ok(()) };
    if path::is_directory(&handle)? {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "{kind} must be mounted on ordinary directory: {target:?} is a link or a file in the root filesystem"
    ))
    .hint("the root filesystem is broken or hostile; make it a directory"))
}

/// A handle to where a mount goes, made when it is missing: a directory for a directory, a file for the rest.
fn mount_point(root: &Root, fd: &OwnedFd, target: &str) -> Result<OwnedFd> {
    let target = Path::new(target);
    let wants_directory = path::is_directory(fd)?;
    let handle = if wants_directory { root.make_directory(target) } else { root.make_file(target) };
    let handle = handle.map_err(|error| {
        let error = Error::from(error).context("making the mount point");
        if error.kind() == ErrorKind::PermissionDenied {
            return error.hint("the root filesystem is read-only there: make the mount point beforehand");
        }
        error
    })?;
    if !wants_directory && path::is_directory(&handle)? {
        return Err(Error::invalid("a file cannot be mounted on a directory")
            .hint("name the file in the destination, or mount a directory"));
    }
    Ok(handle)
}

fn change_existing(root: &Root, mount: &Mount, parameters: &[(String, Option<String>)]) -> Result<()> {
    let handle = root.handle(Path::new(&mount.target))?;
    if !parameters.is_empty() {
        let context = FileSystem::pick(&handle).map_err(|error| {
            Error::from(error).hint("remount changes what is mounted there: it must be the root of a mount")
        })?;
        configure(&context, parameters)?;
        context.reconfigure()?;
    }
    set(&handle, false, mount.attributes)?;
    finish(&handle, mount)
}

/// Copies what the directory holds into the tmpfs that is about to hide it (`tmpcopyup`).
fn copy_up(root: &Root, target: &str, tmpfs: &OwnedFd) -> Result<()> {
    copy::tree(root.handle(Path::new(target))?, tmpfs).context(|| "tmpcopyup")
}

/// Says that files are being copied into a volume: one whose copying was interrupted is not taken for a filled one.
const FILLING: &str = "user.barque.filling";

/// Copies what the root has in a directory into the empty volume that is about to hide it, and gives that its owner and mode.
fn fill(root: &Root, target: &str, volume: &OwnedFd) -> Result<()> {
    let from = match root.handle(Path::new(target)) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        from => from?,
    };
    if !path::is_directory(&from)? || !path::is_directory(volume)? {
        return Ok(());
    }
    let volume = file::reopen(volume, file::READ_DIRECTORY)?;
    // Another container may be starting with it.
    file::lock(&volume)?;
    let filled = fill_locked(&from, &volume).context(|| "copying the image's files into the volume");
    file::unlock(&volume)?;
    filled
}

fn fill_locked(from: &OwnedFd, volume: &OwnedFd) -> Result<()> {
    if !copy::is_empty(volume)? && !file::is_marked(volume, FILLING) {
        return Ok(());
    }
    // Where a file system has no such attributes, nothing is marked.
    let marked = file::mark(volume, FILLING).is_ok();
    copy::tree(from, volume)?;
    if marked {
        file::unmark(volume, FILLING)?;
    }
    Ok(())
}

/// Makes a path unreadable.
pub(super) fn mask(root: &Root, target: &str) -> Result<()> {
    let Some(handle) = existing(root, target)? else { return Ok(()) };
    let cover = if path::is_directory(&handle)? {
        let tmpfs = FileSystem::open("tmpfs")?;
        tmpfs.set("source", "tmpfs")?;
        tmpfs.flag("ro")?;
        tmpfs.mount(MountAttrFlags::MOUNT_ATTR_RDONLY)?
    } else {
        // The root is not switched yet: this is the host's, whatever the container's /dev/null may be.
        mount::clone_tree(Path::new("/dev/null"), false)?
    };
    mount::attach(&cover, &handle).context(|| format!("linux.maskedPaths {target:?}"))
}

/// Makes a path with all below it read-only: it is bind mounted on itself, so that only this view changes.
pub(super) fn make_readonly(root: &Root, target: &str) -> Result<()> {
    let Some(handle) = existing(root, target)? else { return Ok(()) };
    let tree = mount::clone_tree_fd(&handle, true)?;
    let change = Attributes { set: MountAttrFlags::MOUNT_ATTR_RDONLY, ..Attributes::default() };
    mount::set_attributes(&tree, true, &change)?;
    mount::attach(&tree, &handle).context(|| format!("linux.readonlyPaths {target:?}"))
}

fn existing(root: &Root, target: &str) -> Result<Option<OwnedFd>> {
    match root.handle(Path::new(target)) {
        Ok(handle) => Ok(Some(handle)),
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::NotFound | ErrorKind::InvalidArgument | ErrorKind::PermissionDenied
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// Makes the mount of the root read-only; mounts below keep what they are.
pub(super) fn make_root_readonly(root: &Root) -> Result<()> {
    let change = Attributes { set: MountAttrFlags::MOUNT_ATTR_RDONLY, ..Attributes::default() };
    Ok(mount::set_attributes(root, false, &change)?)
}
