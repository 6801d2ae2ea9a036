//! The cgroup of one container: its directory in each hierarchy.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::layout::{Layout, Mode, Tree, Unified};
use super::systemd::Scope;
use crate::{Error, Result};

/// The directories of a container's cgroup. A pure function of layout and path, so it need not be stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Its path from each hierarchy's mount point, with a leading slash.
    pub path: String,
    /// Its directories on v1.
    pub v1: Vec<V1Dir>,
    /// Its directory on v2.
    pub unified: Option<PathBuf>,
    /// Whether every controller is on v2.
    pub is_unified: bool,
    /// The scope that systemd made for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
}

/// A cgroup's directory in one v1 hierarchy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct V1Dir {
    /// The hierarchy's controllers, or its `name=…`.
    pub controllers: Vec<String>,
    /// The directory.
    pub dir: PathBuf,
}

/// Where a controller keeps a cgroup's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place<'a> {
    /// In a directory of a v1 hierarchy.
    V1(&'a Path),
    /// In the v2 directory.
    V2(&'a Path),
}

/// Who makes the cgroup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Access {
    /// Root of the machine: any path will do.
    #[default]
    Full,
    /// Somebody to whom a subtree of v2 may be delegated. Device filters are left out: without privileges on the
    /// machine there is no device node to make.
    Delegated,
}

impl Group {
    /// Finds the container's cgroup.
    ///
    /// An absolute `cgroupsPath` counts from the mount point of every hierarchy, the same in all of them. A
    /// relative one counts from there too (as crun does; runc takes its own cgroup, which differs from hierarchy
    /// to hierarchy); without it, the path is `/<id>`. For a delegated user, "from there" is the parent of the
    /// cgroup this process is in: the process's own has processes and so, on v2, can have no controllers for its
    /// children.
    pub fn locate(layout: &Layout, cgroups_path: Option<&str>, id: &str, access: Access) -> Result<Self> {
        let asked = cgroups_path.filter(|path| !path.is_empty()).unwrap_or(id);
        let path = clean(asked)?;
        Self::in_trees(layout, None, |tree| match access {
            Access::Delegated if !asked.starts_with('/') => format!("{}{path}", parent_of_own(tree)),
            _ => path.clone(),
        })
    }

    /// The cgroup of a path that is the same in every hierarchy.
    pub(super) fn at(layout: &Layout, path: &str, scope: Option<Scope>) -> Result<Self> {
        Self::in_trees(layout, scope, |_| path.to_owned())
    }

    /// The caller's own cgroups: where a container stays that gets none.
    pub fn of_caller(layout: &Layout) -> Result<Self> {
        Self::in_trees(layout, None, |tree| tree.visible(&tree.own).unwrap_or("/").to_owned())
    }

    fn in_trees(layout: &Layout, scope: Option<Scope>, below: impl Fn(&Tree) -> String) -> Result<Self> {
        let dir = |tree: &Tree| tree.dir(&below(tree));
        let v1 = layout
            .v1
            .iter()
            .map(|hierarchy| V1Dir { controllers: hierarchy.controllers.clone(), dir: dir(&hierarchy.tree) });
        let v1: Vec<V1Dir> = v1.collect();
        let tree = layout.unified.as_ref().map(|unified| &unified.tree);
        let Some(path) = tree.or_else(|| layout.v1.first().map(|hierarchy| &hierarchy.tree)).map(&below)
        else {
            return Err(Error::unsupported("no cgroup file system is mounted")
                .hint("mount -t cgroup2 none /sys/fs/cgroup"));
        };
        Ok(Self { v1, unified: tree.map(dir), is_unified: layout.mode() == Mode::Unified, path, scope })
    }

    /// The cgroup that a process is in, from the text of its `/proc/PID/cgroup`.
    ///
    /// For joining a container whose processes have moved into sub-cgroups of it.
    pub fn of_process(layout: &Layout, cgroup: &str) -> Self {
        let find = |names: &[String]| {
            cgroup.lines().find_map(|line| {
                let mut fields = line.splitn(3, ':').skip(1);
                let controllers = fields.next()?;
                let same = controllers
                    .split(',')
                    .filter(|name| !name.is_empty())
                    .eq(names.iter().map(String::as_str));
                same.then(|| fields.next()).flatten()
            })
        };
        let dir = |names: &[String], tree: &Tree| Some(tree.dir(tree.visible(find(names)?)?));
        let v1 = layout.v1.iter().filter_map(|hierarchy| {
            let dir = dir(&hierarchy.controllers, &hierarchy.tree)?;
            Some(V1Dir { controllers: hierarchy.controllers.clone(), dir })
        });
        let unified = layout.unified.as_ref().and_then(|Unified { tree, .. }| dir(&[], tree));
        let path = find(&[]).unwrap_or("/").to_owned();
        Self { v1: v1.collect(), unified, is_unified: layout.mode() == Mode::Unified, path, scope: None }
    }

    /// Its directory in the v1 hierarchy that has this controller.
    pub fn v1_dir(&self, controller: &str) -> Option<&Path> {
        let has = |dir: &&V1Dir| dir.controllers.iter().any(|name| name == controller);
        self.v1.iter().find(has).map(|dir| dir.dir.as_path())
    }

    /// Every directory, v1's first.
    pub fn dirs(&self) -> impl Iterator<Item = &Path> {
        self.v1.iter().map(|dir| dir.dir.as_path()).chain(self.unified.as_deref())
    }

    /// The directories that are ours to make: where a scope is, systemd makes its own, and that of v2.
    pub(super) fn own_dirs(&self) -> impl Iterator<Item = &Path> {
        let of_systemd = |dir: &V1Dir| dir.controllers.iter().any(|name| name == "name=systemd");
        let v1 = self.v1.iter().filter(move |dir| self.scope.is_none() || !of_systemd(dir));
        let unified = self.unified.as_deref().filter(|_| self.scope.is_none());
        v1.map(|dir| dir.dir.as_path()).chain(unified)
    }

    /// The directory that answers for the whole container: which processes it has, whether it is there.
    pub fn primary(&self) -> Option<&Path> {
        let v1 = || self.v1_dir("pids").or_else(|| self.v1_dir("freezer")).or_else(|| self.dirs().next());
        self.unified.as_deref().filter(|_| self.is_unified).or_else(v1)
    }

    /// Directory by controller, as runc's `state.json` has it (`""` is the v2 one).
    pub fn paths(&self) -> BTreeMap<&str, &Path> {
        let v1 = self
            .v1
            .iter()
            .flat_map(|dir| dir.controllers.iter().map(|name| (name.as_str(), dir.dir.as_path())));
        v1.chain(self.unified.as_deref().map(|dir| ("", dir))).collect()
    }
}

/// The parent of the process's own cgroup as a path from the mount point, without a trailing slash.
fn parent_of_own(tree: &Tree) -> &str {
    let own = tree.visible(&tree.own).unwrap_or("/");
    own.rfind('/').map_or("", |slash| &own[..slash])
}

/// `/a/b` from whatever way of writing it; a path that climbs or names nothing is refused.
fn clean(path: &str) -> Result<String> {
    let bad = |why: &str| {
        Err(Error::invalid(format!("linux.cgroupsPath {path:?} {why}"))
            .hint("give a path below the cgroup root, like \"/parent/name\""))
    };
    let mut cleaned = String::with_capacity(path.len() + 1);
    for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
        if part == ".." {
            return bad("climbs out of its parent");
        }
        if part.len() > 255 || part.contains(['\n', '\0']) {
            return bad("has a part that cannot be a cgroup's name");
        }
        cleaned.push('/');
        cleaned.push_str(part);
    }
    if cleaned.is_empty() { bad("names the root, which is no container's") } else { Ok(cleaned) }
}

#[cfg(test)]
#[path = "group_tests.rs"]
mod tests;
