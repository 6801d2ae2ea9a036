//! What a request depends on besides its flags.

use std::collections::BTreeMap;

use barque_engine::definition::MountPoint;
use barque_image::spec::Execution;
use barque_runtime::spec::Mount;

use super::RootSource;

/// Facts about the process that runs `barque run`: those that every request needs.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The new container's id: 64 hexadecimal digits.
    pub id: String,
    /// Directory on the host in which the container's own files ([`barque_engine::definition::OwnFile`]) will lie.
    pub directory: String,
    /// Working directory.
    pub cwd: String,
    /// Effective user id.
    pub uid: u32,
    /// Effective group id.
    pub gid: u32,
    /// Login name, when it is known; `/etc/subuid` may use it.
    pub login: Option<String>,
    /// Whether it has `CAP_SYS_ADMIN` and needs no user namespace of its own.
    pub privileged: bool,
    /// Capability bounding set, one bit each.
    pub bounding: u64,
    /// Highest capability the kernel knows.
    pub last_capability: u32,
    /// Which cgroups there are, and whether this caller can use them.
    pub cgroups: CgroupVersion,
    /// Whether standard input is a terminal.
    pub stdin_terminal: bool,
}

/// Which cgroups a caller can use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CgroupVersion {
    /// None: nothing is mounted, or nothing is delegated to this user.
    Unavailable,
    /// Version 1, or hybrid: the controllers are on version 1.
    V1,
    /// Version 2.
    V2,
}

/// A device of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceNode {
    /// Its path.
    pub path: String,
    /// `c` or `b`.
    pub kind: char,
    /// Major number.
    pub major: i64,
    /// Minor number.
    pub minor: i64,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// A volume, or where it will be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VolumePlace {
    /// The directory of its content.
    pub data: String,
    /// What one that is there mounts in its place; none when there is none of that name.
    pub options: Option<BTreeMap<String, String>>,
}

/// Permission bits and owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attributes {
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// What lies at a path of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathKind {
    /// Nothing.
    Missing,
    /// A directory.
    Directory,
    /// Anything else.
    File,
}

/// Another container, whose namespaces can be joined.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Peer {
    /// Its whole id.
    pub id: String,
    /// Its host name.
    pub hostname: String,
    /// The files of the host that it sees as its `/etc/hosts`, `/etc/hostname`, `/etc/resolv.conf`, after their names.
    pub files: Vec<(String, String)>,
}

/// Questions to the machine that only some flags lead to. Asking changes nothing.
pub trait Host: std::fmt::Debug {
    /// A variable of the caller's environment.
    fn env(&self, name: &str) -> Option<String>;
    /// A text file of the host.
    fn read(&self, path: &str) -> std::io::Result<String>;
    /// What lies at a path, symbolic links followed.
    fn path_kind(&self, path: &str) -> PathKind;
    /// The device at a path; all devices below it when it is a directory.
    fn devices(&self, path: &str) -> std::io::Result<Vec<DeviceNode>>;
    /// The caller's soft and hard resource limit, such as of `RLIMIT_NOFILE`; `u64::MAX` means none.
    fn rlimit(&self, name: &str) -> Option<(u64, u64)>;
    /// The volume of a name, which need not be there.
    fn volume(&self, name: &str) -> crate::Result<VolumePlace>;
    /// A name for a volume that was given none.
    fn made_up_name(&self) -> crate::Result<String>;
    /// A container of that name or id.
    fn peer(&self, container: &str) -> crate::Result<Peer>;
    /// What users have mounted into a container.
    fn container_mounts(&self, container: &str) -> crate::Result<Vec<(MountPoint, Mount<'static>)>>;
    /// The directories of an image's layers, the uppermost first. The image is held for the new container.
    fn image_layers(&self, image: &str) -> crate::Result<Vec<String>>;
    /// Mode and owner of what lies at a path of the host.
    fn attributes(&self, path: &str) -> Option<Attributes>;
    /// What the image of the root filesystem says about how it is run; none when it is no image.
    fn image(&self) -> Option<&Execution> {
        None
    }
    /// A text file inside the container's root filesystem, `None` when it is not there.
    ///
    /// Must resolve the path with the root filesystem as the root.
    fn rootfs_file(&self, root: &RootSource, path: &str) -> Option<String>;
}
