//! Device nodes and links.

use std::path::Path;

use barque_sys::mount;
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
    barque_sys::file::make_link(target, &parent, name)?;
    Ok(())
}

fn node(root: &Root, op: &Op) -> Result<()> {
    let Op::MakeDevice { path, kind, major, minor, mode, uid, gid, .. } = op else { return Ok(()) };
    let (parent, name) = root.parent_of(Path::new(path))?;
    let name = name.to_string_lossy();
    let kind = match kind {
        'b' => barque_sys::file::FileType::BlockDevice,
        'p' => barque_sys::file::FileType::Fifo,
        _ => barque_sys::file::FileType::CharacterDevice,
    };
    match barque_sys::file::make_node(&parent, &name, kind, *mode, *major, *minor) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            return check_existing(root, path, kind, *major, *minor);
        }
        // A user namespace, or a container around us, does not let us make nodes.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => return bind(root, path),
        Err(error) => return Err(Error::from(error).context(format_args!("device {path:?}"))),
    }
    if (*uid, *gid) != (0, 0) {
        barque_sys::file::change_owner(&parent, &name, *uid, *gid)?;
        // A change of owner may take mode bits away.
        barque_sys::file::change_mode(&parent, &name, *mode)?;
    }
    Ok(())
}

/// What is there already must be what was asked for: a regular file in the place of `/dev/null` would collect what
/// programs throw away.
fn check_existing(
    root: &Root,
    path: &str,
    kind: barque_sys::file::FileType,
    major: u32,
    minor: u32,
) -> Result<()> {
    let stat = root.stat(Path::new(path))?;
    if barque_sys::file::is_node(&stat, kind, major, minor) {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::AlreadyExists,
        format!("device {path:?}: the root filesystem has another file there"),
    )
    .hint("remove it, or mount a tmpfs on /dev"))
}

fn bind(root: &Root, path: &str) -> Result<()> {
    let tree = mount::clone_tree(Path::new(path), false)?;
    let target = root.make_file(Path::new(path))?;
    Ok(mount::attach(&tree, &target)?)
}
