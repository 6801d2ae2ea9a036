//! What a plan is made from.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::mount::RootSource;
use super::mounts::CgroupTree;
use crate::cgroup;
use crate::seccomp;
use crate::spec::{NamespaceKind, Spec};
use crate::{Error, Result};

/// Everything the plan of a container depends on. Making the plan reads nothing else.
#[derive(Debug)]
pub struct Input<'a> {
    /// The container's id.
    pub id: &'a str,
    /// Absolute path of the bundle: what relative paths of the spec start from.
    pub bundle: &'a Path,
    /// The configuration.
    pub spec: &'a Spec<'a>,
    /// The root filesystem.
    pub root: RootSource,
    /// The container's cgroup, and what the spec's resources become there; absent where it stays in the caller's.
    pub cgroup: Option<cgroup::Plan>,
    /// The cgroup trees as the container's `/sys/fs/cgroup` shows them.
    pub cgroup_trees: Vec<CgroupTree>,
    /// The container's group of shares of cache and memory bandwidth (`linux.intelRdt`).
    pub rdt: Option<crate::rdt::Plan>,
    /// The compiled system call filter.
    pub seccomp: Option<seccomp::Program>,
    /// Directories and files of the host to make for this container before all else.
    pub files: Vec<HostFile>,
    /// Choices of the caller.
    pub options: Options,
    /// Who and where the caller is.
    pub host: Host,
}

impl Input<'_> {
    /// Whether the program keeps the caller's supplementary groups, as Podman's `--group-add keep-groups` asks for.
    pub(super) fn keeps_groups(&self) -> bool {
        self.spec.annotations.get("run.oci.keep_original_groups").is_some_and(|value| *value == "1")
    }
}

/// A directory or file of the host that belongs to the container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostFile {
    /// A directory that is the container's alone, removed with it.
    Directory {
        /// Where.
        path: PathBuf,
        /// Permission bits.
        mode: u32,
        /// User and group, where they are not the creator's.
        owner: Option<(u32, u32)>,
        /// Whether it outlives this run: one that is there will do, and somebody else removes it.
        kept: bool,
    },
    /// A directory that is made where it is missing, and stays.
    Shared(PathBuf),
    /// An archive that is unpacked into a directory.
    Archive {
        /// The archive.
        archive: PathBuf,
        /// Where to.
        directory: PathBuf,
    },
    /// A file with its text.
    File(PathBuf, String),
}

/// How the container's network namespace is connected, as it would be typed. The runtime knows nothing of networks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Connection {
    /// Lines for `sh`; `$$` is a process in the network namespace.
    pub commands: Vec<ConnectionCommand>,
    /// Lines for the host, after the container's end.
    pub after: Vec<String>,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConnectionCommand {
    /// Whether it is for the container's network namespace, else for the creator's.
    pub inside: bool,
    /// The line.
    pub text: String,
}

/// Choices that are the caller's and not the configuration's.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Connects the container's new network namespace.
    pub connection: Option<Connection>,
    /// Switch the root by moving the mount (`--no-pivot`).
    pub no_pivot: bool,
    /// Keep the caller's session keyring (`--no-new-keyring`).
    pub no_new_keyring: bool,
    /// Where the container finds this program, to be its init (`--init`): an absolute path, which is also the first
    /// word of `process.args`.
    pub init: Option<String>,
    /// With a user namespace: show the files below the root filesystem's writable layer with the container's ids, so
    /// that what belongs to the host's root belongs to the container's.
    pub map_root_ids: bool,
    /// Wait for `start` before the program is executed.
    pub start_later: bool,
    /// Descriptors beyond 0, 1 and 2 the program gets.
    pub preserve_fds: u32,
    /// The systemd that makes the cgroup, as a scope (`--systemd-cgroup`).
    pub systemd: Option<cgroup::Systemd>,
}

/// Facts about the caller and its kernel.
#[derive(Debug, Clone, Copy, Default)]
pub struct Host {
    /// Effective user id.
    pub uid: u32,
    /// Effective group id.
    pub gid: u32,
    /// Whether the caller is privileged in the first user namespace.
    pub privileged: bool,
    /// Whether the caller's pid 1's root is the initramfs, which `pivot_root` cannot leave.
    pub rootfs_is_initramfs: bool,
}

/// How the container comes by each kind of namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NamespacePlan {
    /// Kinds made anew.
    pub new: Vec<NamespaceKind>,
    /// Kinds joined, with the file.
    pub joined: Vec<(NamespaceKind, PathBuf)>,
}

impl NamespacePlan {
    /// Sorts the namespaces of a spec; a kind named twice is an error.
    pub fn from_spec(spec: &Spec<'_>) -> Result<Self> {
        let mut plan = Self::default();
        let listed = spec.linux.as_ref().map(|linux| &linux.namespaces[..]).unwrap_or_default();
        for (index, namespace) in listed.iter().enumerate() {
            let kind = namespace.kind;
            if plan.is_new(kind) || plan.is_joined(kind) {
                return Err(Error::invalid(format!(
                    "linux.namespaces[{index}]: the kind {:?} is listed twice",
                    super::namespace_name(kind)
                )));
            }
            match namespace.path.as_ref().filter(|path| !path.is_empty()) {
                None => plan.new.push(kind),
                Some(path) if path.starts_with('/') => plan.joined.push((kind, PathBuf::from(path.as_str()))),
                Some(path) => {
                    return Err(Error::invalid(format!(
                        "linux.namespaces[{index}].path: {path:?} is not absolute"
                    )));
                }
            }
        }
        // The user namespace comes first, so that the others belong to it; the mount namespace last, so that the
        // paths of all are still those of the host.
        plan.joined.sort_by_key(|(kind, _)| (*kind == NamespaceKind::Mount, *kind));
        Ok(plan)
    }

    /// Whether a kind is made anew.
    pub fn is_new(&self, kind: NamespaceKind) -> bool {
        self.new.contains(&kind)
    }

    /// Whether a kind is joined.
    pub fn is_joined(&self, kind: NamespaceKind) -> bool {
        self.joined.iter().any(|(joined, _)| *joined == kind)
    }

    /// Whether the container has a namespace of this kind that is not the caller's.
    pub fn is_own(&self, kind: NamespaceKind) -> bool {
        self.is_new(kind) || self.is_joined(kind)
    }
}
