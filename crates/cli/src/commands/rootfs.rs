//! Files of a root filesystem before there is a container.

use std::path::Path;

use barque_sys::path::Root;

use crate::run::RootSource;

/// A text file of the container's root filesystem, by a path that is resolved inside it.
pub(super) fn rootfs_file(root: &RootSource, path: &str) -> Option<String> {
    let directory = match root {
        RootSource::Host => "/",
        RootSource::Directory(path) => path,
        RootSource::Archive(_) | RootSource::Image(_) => return None,
    };
    let root = Root::open_host(Path::new(directory)).ok()?;
    barque_sys::file::read_regular(|flags| root.open(Path::new(path), flags)).ok()
}
