//! Device nodes and links.

use std::os::fd::OwnedFd;
use std::path::Path;

use barque_sys::file::{self, FileType};
use barque_sys::mount::{self, FileSystem, MountAttrFlags};
use barque_sys::path::Root;

use crate::error::Context as _;
use crate::plan::Op;
use crate::{Error, ErrorKind, Result};

/// Makes a node or a link of the plan.
pub(super) fn make(root: &Root, op: &Op) -> Result<()> {
    match op {
        Op::MakeLink { target, path } => link(root, target, path).context(|| format!("link {path:?}")),
        Op::MakeDevice { path, bind: true, .. } => bind(root, path).context(|| format!("device {path:?}")),
        Op::MakeDevice { .. } => node(root, op),
        _ => Err(super::misplaced(op)),
    }
}

fn link(root: &Root, target: &str, path: &str) -> Result<()> {
    let (parent, name) = root.parent_of(Path::new(path))?;
    file::make_link(target, &parent, name)?;
    Ok(())
}

fn node(root: &Root, op: &Op) -> Result<()> {
    let Op::MakeDevice { path, kind, major, minor, mode, uid, gid, .. } = op else { return Ok(()) };
    let node = Node { kind: *kind, major: *major, minor: *minor, mode: *mode, uid: *uid, gid: *gid };
    let (parent, name) = root.parent_of(Path::new(path))?;
    match node.make(&parent, &name.to_string_lossy()) {
        // The place for a bind mount (below), left by a start that was killed.
        Err(error) if error.kind() == ErrorKind::AlreadyExists && is_empty_file(root, path)? => {
            bind(root, path)
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            check_existing(root, path, node.kind(), *major, *minor)
        }
        // A user namespace, or a container around us, does not let us make nodes.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => bind(root, path),
        result => result.context(|| format!("device {path:?}")),
    }
}

/// A node to make.
pub(super) struct Node {
    pub(super) kind: char,
    pub(super) major: u32,
    pub(super) minor: u32,
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
}

impl Node {
    fn kind(&self) -> FileType {
        match self.kind {
            'b' => FileType::BlockDevice,
            'p' => FileType::Fifo,
            _ => FileType::CharacterDevice,
        }
    }

    fn make(&self, parent: &OwnedFd, name: &str) -> barque_sys::Result<()> {
        file::make_node(parent, name, self.kind(), self.mode, self.major, self.minor)?;
        if (self.uid, self.gid) != (0, 0) {
            file::change_owner(parent, name, self.uid, self.gid)?;
            // A change of owner may take mode bits away.
            file::change_mode(parent, name, self.mode)?;
        }
        Ok(())
    }
}

/// A node on a tmpfs that nobody else sees, as a detached mount of it alone. Where the kernel does not clone mounts that
/// are not attached (before Linux 6.15), the host's node of the same path.
pub(super) fn detached(node: &Node, path: &str) -> Result<OwnedFd> {
    let context = FileSystem::open("tmpfs")?;
    context.set("source", "devices")?;
    let directory = context.mount(MountAttrFlags::empty())?;
    node.make(&directory, "node").context(|| format!("device {path:?}"))?;
    // The tmpfs lasts until its descriptor is closed, or a mount of it is attached.
    let root = Root::new(directory);
    let handle = root.handle(Path::new("node"))?;
    match mount::clone_tree_fd(&handle, false) {
        Err(error) if error.kind() == ErrorKind::InvalidArgument => {
            mount::clone_tree(Path::new(path), false).context(|| format!("device {path:?}"))
        }
        result => Ok(result?),
    }
}

/// What is there already must be what was asked for: a regular file in the place of `/dev/null` would collect what
/// programs throw away.
fn check_existing(root: &Root, path: &str, kind: FileType, major: u32, minor: u32) -> Result<()> {
    let stat = root.stat(Path::new(path))?;
    if file::is_node(&stat, kind, major, minor) {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::AlreadyExists,
        format!("device {path:?}: the root filesystem has another file there"),
    )
    .hint("remove it, or mount a tmpfs on /dev"))
}

fn is_empty_file(root: &Root, path: &str) -> Result<bool> {
    let stat = root.stat(Path::new(path))?;
    Ok(FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile && stat.st_size == 0)
}

fn bind(root: &Root, path: &str) -> Result<()> {
    let tree = mount::clone_tree(Path::new(path), false)?;
    let target = root.make_file(Path::new(path))?;
    Ok(mount::attach(&tree, &target)?)
}
