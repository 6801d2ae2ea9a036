//! A root filesystem put together from parts, each copy-on-write by itself.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use barque_sys::Call as _;
use barque_sys::file::{self, DIRECTORY};
use barque_sys::mount::{self, Attributes, MountAttrFlags};

use super::root::{self, Layers};
use crate::Result;
use crate::plan::mount::Part;

/// Builds the root below a tmpfs on the mount point, and returns a detached copy of it with all its mounts. The tmpfs
/// holds two directories: `root`, and `layers` with what overlayfs writes.
pub(super) fn root(parts: &[Part], mount_point: &Path) -> Result<OwnedFd> {
    root::memory(mount_point)?;
    let place = Place { root: mount_point.join("root"), layers: mount_point.join("layers") };
    file::make_directory(&place.root, 0o755, None)?;
    file::make_directory(&place.layers, 0o700, None)?;
    for (number, part) in parts.iter().enumerate() {
        place.add(part, number)?;
    }
    Ok(mount::clone_tree(&place.root, true)?)
}

/// Where the parts go. All of it is ours alone, so plain paths lead nowhere else.
struct Place {
    root: PathBuf,
    layers: PathBuf,
}

impl Place {
    fn add(&self, part: &Part, number: usize) -> Result<()> {
        match part {
            Part::Directory { path, mode } => Ok(file::make_directory(&self.inside(path), *mode, None)?),
            Part::Link { path, target } => {
                let path = self.inside(path);
                let made = std::os::unix::fs::symlink(target, &path);
                Ok(made.call(|| format!("symlink({target:?}, {path:?})"))?)
            }
            Part::Overlay { path, mode, lower } => self.overlay(&self.inside(path), *mode, lower, number),
            Part::File { path, source } => file_part(&self.inside(path), source),
        }
    }

    fn inside(&self, path: &Path) -> PathBuf {
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }

    fn overlay(&self, path: &Path, mode: u32, lower: &Path, number: usize) -> Result<()> {
        let layer = self.layers.join(number.to_string());
        let (upper, work) = (layer.join("upper"), layer.join("work"));
        file::make_directory(&layer, 0o700, None)?;
        // The merged directory shows mode and owner of the upper one: the container's root may write in it.
        file::make_directory(&upper, mode, None)?;
        file::make_directory(&work, 0o700, None)?;
        file::make_directory(path, mode, None)?;
        let layers = Layers { lower: &[lower], upper: &upper, work: &work, volatile: true };
        let overlay = root::overlay_mount(&layers, true)?;
        Ok(mount::attach(&overlay, file::open(path, DIRECTORY)?)?)
    }
}

fn file_part(path: &Path, source: &Path) -> Result<()> {
    std::fs::File::create_new(path).call(|| format!("open({path:?}, O_CREAT|O_EXCL)"))?;
    let bind = mount::clone_tree(source, false)?;
    let change = Attributes { set: MountAttrFlags::MOUNT_ATTR_RDONLY, ..Attributes::default() };
    mount::set_attributes(&bind, false, &change)?;
    Ok(mount::attach(&bind, file::open(path, file::READ)?)?)
}
