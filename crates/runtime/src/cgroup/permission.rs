//! Whether this process may make a cgroup and let a process into it.

use std::path::{Path, PathBuf};

use barque_sys::cgroup::may_write;

use super::group::Group;
use super::layout::{Layout, Tree};

/// Asks the permissions of the files that making and joining the cgroup writes to.
pub(super) fn may_make(layout: &Layout, group: &Group) -> bool {
    group.dirs().all(may_make_dir)
        && match (&layout.unified, &group.unified) {
            (Some(unified), Some(dir)) => may_write(&common(&unified.tree, dir).join("cgroup.procs")),
            _ => true,
        }
}

/// One that is there must be ours to enter; else the nearest that is there must be ours to make others in.
fn may_make_dir(dir: &Path) -> bool {
    match dir.ancestors().find(|dir| dir.exists()) {
        Some(there) if there == dir => may_write(&dir.join("cgroup.procs")),
        Some(above) => may_write(above),
        None => false,
    }
}

/// v2: the innermost cgroup that this process's own and the container's are both below. Whoever takes a process from
/// the one to the other, or bears it there, must be allowed to write this one's `cgroup.procs`.
fn common(tree: &Tree, dir: &Path) -> PathBuf {
    let own = tree.dir(tree.visible(&tree.own).unwrap_or("/"));
    own.components().zip(dir.components()).take_while(|(own, dir)| own == dir).map(|(own, _)| own).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_two_cgroups_meet() {
        for (own, dir, expected) in [
            ("/user.slice/s1", "/cg/user.slice/c", "/cg/user.slice"),
            ("/a/b", "/cg/a/bc", "/cg/a"),
            ("/a", "/cg/a/b/c", "/cg/a"),
            ("/", "/cg/c", "/cg"),
            ("/../other", "/cg/c", "/cg"),
        ] {
            let tree = Tree { mount_point: "/cg".into(), root: "/".to_owned(), own: own.to_owned() };
            assert_eq!(common(&tree, Path::new(dir)), Path::new(expected), "{own} {dir}");
        }
    }
}
