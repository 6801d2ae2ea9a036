//! Mounts as values.

use std::path::PathBuf;

use serde::Serialize;

use super::IdMaps;
use crate::spec::IdMapping;

/// Where the root filesystem comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RootSource {
    /// A directory, used as it is.
    Directory {
        /// Absolute path of the host.
        path: PathBuf,
    },
    /// Directories below a writable one, joined by overlayfs.
    Overlay {
        /// Read-only layers, the uppermost first.
        lower: Vec<PathBuf>,
        /// Where the writable layer lies.
        upper: Upper,
        /// A directory of the host to mount it on (in the container's mount namespace only).
        mount_point: PathBuf,
    },
    /// A directory rebuilt from its entries, each copy-on-write by itself, in memory. In a mount namespace that belongs
    /// to a user namespace the host's mounts are locked, and overlayfs refuses (`EINVAL`) a layer with such below: it
    /// would show what they hide.
    Composed {
        /// What it has, a directory before what is in it.
        parts: Vec<Part>,
        /// A directory of the host to mount it on (in the container's mount namespace only).
        mount_point: PathBuf,
    },
}

impl RootSource {
    /// Where the root filesystem lies on the host until it becomes the container's `/`.
    pub fn path(&self) -> &PathBuf {
        match self {
            Self::Directory { path } => path,
            Self::Overlay { mount_point, .. } | Self::Composed { mount_point, .. } => mount_point,
        }
    }
}

/// One entry of a composed root. Paths start with `/`, which is the root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// An empty directory.
    Directory {
        /// Inside the root.
        path: PathBuf,
        /// Permission bits.
        mode: u32,
    },
    /// A symbolic link.
    Link {
        /// Inside the root.
        path: PathBuf,
        /// What it leads to.
        target: String,
    },
    /// A directory of the host, copy-on-write.
    Overlay {
        /// Inside the root.
        path: PathBuf,
        /// Permission bits.
        mode: u32,
        /// The directory.
        lower: PathBuf,
    },
    /// A file of the host, read-only: overlayfs knows only directories.
    File {
        /// Inside the root.
        path: PathBuf,
        /// The file.
        source: PathBuf,
    },
}

/// The writable layer of an overlay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Upper {
    /// Two directories, `upper` and `work`, of one directory.
    Directory {
        /// Holds both.
        path: PathBuf,
        /// Whether nothing of it must survive a crash of the machine (`volatile`: no sync at unmount).
        volatile: bool,
    },
    /// A tmpfs of its own, gone with the container. The only choice when the lower layer is `/` and no other file
    /// system is at hand: overlayfs refuses an upper directory that lies below its lower one (ELOOP).
    Memory,
}

/// One mount in the container's root.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Mount {
    /// What is mounted.
    pub source: Source,
    /// Where, inside the root; absolute.
    pub target: String,
    /// Attributes of this mount alone.
    pub attributes: Attributes,
    /// Attributes of this mount and all below it (`rro`, `rnosuid` …).
    pub recursive_attributes: Attributes,
    /// Propagation changes, in order: `private`, `rslave` …
    pub propagation: Vec<String>,
    /// Whether the directory's files are copied into the new tmpfs, or an empty volume, first.
    pub copy_up: bool,
    /// The user and the group, as the container numbers them, that the source is given to with all it holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<(u32, u32)>,
    /// Ids as the mount shows them.
    pub id_mapping: Option<MountIds>,
}

/// The ids an idmapped mount shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MountIds {
    /// User ids.
    pub uids: Vec<IdMapping>,
    /// Group ids.
    pub gids: Vec<IdMapping>,
    /// Whether mounts below take it on too (`ridmap`).
    pub recursive: bool,
}

impl MountIds {
    /// The same as those of a user namespace that a privileged creator makes.
    pub(crate) fn maps(&self) -> IdMaps {
        let (uids, gids) = (self.uids.clone(), self.gids.clone());
        IdMaps { uids, gids, by_tools: false, deny_setgroups: false }
    }
}

/// What is mounted.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// A new file system.
    New {
        /// `tmpfs`, `proc` …
        kind: String,
        /// A device or a name.
        source: Option<String>,
        /// Parameters of the file system, with their value if they take one.
        parameters: Vec<(String, Option<String>)>,
    },
    /// A file or directory of the host.
    Bind {
        /// Absolute path of the host.
        path: PathBuf,
        /// With all that is mounted below it.
        recursive: bool,
        /// Only what this path names in it, which may hold links that somebody else has made: they lead nowhere outside.
        #[serde(skip_serializing_if = "Option::is_none")]
        subdirectory: Option<String>,
    },
    /// The file of this very program, to be the init process of `--init`: the read-only view that the program runs from
    /// already (`barque_sys::executable`), so nothing is copied. Only for a container in which nobody may make it
    /// writable again.
    Program,
    /// A device node on a file system of its own: a user namespace may not make nodes.
    Device {
        /// `c` or `b`.
        kind: char,
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
        /// Permission bits.
        mode: u32,
        /// Owner, as the host numbers it.
        uid: u32,
        /// Group, as the host numbers it.
        gid: u32,
    },
    /// One that the creator has prepared, by its number.
    Prepared {
        /// The number.
        slot: usize,
        /// The path it came from, for messages.
        path: PathBuf,
    },
    /// What is mounted there already, whose attributes change (`remount`).
    Existing {
        /// Parameters of its file system that change too.
        parameters: Vec<(String, Option<String>)>,
    },
}

/// Attributes of a mount, in `mount_setattr(2)`'s bits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Attributes {
    /// Switched on.
    pub set: u32,
    /// Switched off.
    pub clear: u32,
}

impl Attributes {
    /// Whether it changes nothing.
    pub fn is_empty(self) -> bool {
        self.set == 0 && self.clear == 0
    }
}

impl Mount {
    /// A mount with nothing special to it.
    pub fn new(source: Source, target: impl Into<String>) -> Self {
        Self {
            source,
            target: target.into(),
            attributes: Attributes::default(),
            recursive_attributes: Attributes::default(),
            propagation: Vec::new(),
            copy_up: false,
            owner: None,
            id_mapping: None,
        }
    }
}
