//! `barque image mount` and `barque image unmount`: an image's files, read-only, for looking.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use barque_image::store::Image;
use barque_sys::file::{self, DIRECTORY};
use barque_sys::mount::{self, Attributes, FileSystem, MountAttrFlags, UnmountFlags};

use super::{Images, each, told};
use crate::commands::Places;
use crate::flags::Parsed;
use crate::{Error, ErrorKind, Result, console};

/// Where an image is mounted, and under which key it is in use.
fn place(places: &Places, image: &Image) -> (PathBuf, String) {
    let id = image.id().hex();
    (directory(places).join(id), format!("mount-{id}"))
}

fn directory(places: &Places) -> PathBuf {
    places.run_root.join("image-mounts")
}

/// Whether something is mounted at a path. A single layer comes as a bind mount: its device tells nothing.
fn is_mounted(path: &Path) -> bool {
    use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags, statx};
    statx(CWD, path, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::BASIC_STATS)
        .is_ok_and(|facts| facts.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
}

/// Mounts images, or lists what is mounted.
pub(super) fn mount(flags: &Parsed, places: &Places) -> Result<i32> {
    let images = Images::open(places)?;
    if flags.positional().is_empty() {
        for (id, path) in mounted(places) {
            console::out(&format!("sha256:{id}\t{}\n", path.display()));
        }
        return Ok(0);
    }
    if !rustix::process::geteuid().is_root() {
        return Err(Error::new(ErrorKind::PermissionDenied, "mounting an image needs root")
            .hint("to look inside: barque run --rm -it IMAGE sh, or barque save IMAGE"));
    }
    Ok(each(flags.positional(), |typed| {
        let lease = images.store.lease().map_err(told)?;
        let image = images.find(typed)?;
        let (target, key) = place(places, &image);
        if !is_mounted(&target) {
            images.store.keep(&key, &image).map_err(told)?;
            let lowers = images.store.rootfs(&image).map_err(told)?;
            let done = file::make_directories(&target, 0o700).map_err(Error::from);
            if let Err(error) = done.and_then(|()| attach(&lowers, &target)) {
                images.store.release(&key).map_err(told)?;
                return Err(error.context(format_args!("mounting image {typed}")));
            }
        }
        drop(lease);
        console::out(&format!("{}\n", target.display()));
        Ok(())
    }))
}

fn attach(lowers: &[PathBuf], target: &Path) -> Result<()> {
    Ok(mount::attach(&detached(lowers)?, file::open(target, DIRECTORY)?)?)
}

/// A read-only view that is nowhere yet: one layer is shown as it is, several are laid one over the other.
pub(in crate::commands) fn detached(lowers: &[PathBuf]) -> Result<OwnedFd> {
    let only_read = MountAttrFlags::MOUNT_ATTR_RDONLY
        | MountAttrFlags::MOUNT_ATTR_NODEV
        | MountAttrFlags::MOUNT_ATTR_NOSUID;
    match lowers {
        [one] => {
            let tree = mount::clone_tree(one, false)?;
            let change = Attributes { set: only_read, ..Attributes::default() };
            mount::set_attributes(&tree, false, &change)?;
            Ok(tree)
        }
        _ => {
            let overlay = FileSystem::open("overlay")?;
            overlay.set("source", "barque-image")?;
            for lower in lowers {
                let name = lower.to_string_lossy().replace('\\', r"\\").replace(':', r"\:");
                overlay.set("lowerdir+", &name)?;
            }
            Ok(overlay.mount(only_read)?)
        }
    }
}

/// Ids of images that are mounted, and where.
fn mounted(places: &Places) -> Vec<(String, PathBuf)> {
    let entries = std::fs::read_dir(directory(places)).into_iter().flatten().flatten();
    let mut found: Vec<(String, PathBuf)> = entries
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path()))
        .filter(|(_, path)| is_mounted(path))
        .collect();
    found.sort();
    found
}

/// Takes mounts away.
pub(super) fn unmount(flags: &Parsed, places: &Places) -> Result<i32> {
    let images = Images::open(places)?;
    let names: Vec<String> = if flags.switch("all") {
        mounted(places).into_iter().map(|(id, _)| id).collect()
    } else {
        flags.positional().to_vec()
    };
    if names.is_empty() && !flags.switch("all") {
        return Err(Error::invalid("name an image, or say --all"));
    }
    let code = each(&names, |typed| {
        let image = images.find(typed)?;
        let (target, key) = place(places, &image);
        if !is_mounted(&target) {
            return Err(Error::invalid(format!("image {typed} is not mounted")));
        }
        mount::unmount(&target, UnmountFlags::empty())?;
        // An empty directory is no harm.
        drop(std::fs::remove_dir(&target));
        images.store.release(&key).map_err(told)?;
        console::out(&format!("{}\n", image.id()));
        Ok(())
    });
    // Of no use when nothing is left in it.
    drop(std::fs::remove_dir(directory(places)));
    Ok(code)
}
