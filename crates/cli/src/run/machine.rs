//! The real machine behind [`Host`], and the facts about the real caller.

use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};

use barque_engine::definition::MountPoint;
use barque_engine::{Containers, ErrorKind, Places, Volumes, volume};
use barque_image::spec::Execution;
use barque_runtime::spec::{Mount, Str};
use rustix::process::{Resource, getrlimit};
use rustix::thread::{CapabilitySet, capabilities, capability_is_in_bounding_set};

use super::files::OWN_FILES;
use super::{
    Attributes, Caller, CgroupVersion, DeviceNode, Host, PathKind, Peer, RootSource, VolumePlace, passwd,
};

/// Reads a text file of a root filesystem, by a path that is resolved inside it.
type ReadRootfs<'a> = &'a dyn Fn(&RootSource, &str) -> Option<String>;
/// Finds the directories of an image's layers.
type Layers<'a> = &'a dyn Fn(&str) -> crate::Result<Vec<String>>;

/// This machine.
pub struct Machine<'a> {
    places: &'a Places,
    rootfs_file: ReadRootfs<'a>,
    layers: Layers<'a>,
    image: Option<&'a Execution>,
}

impl std::fmt::Debug for Machine<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Machine").finish_non_exhaustive()
    }
}

impl<'a> Machine<'a> {
    /// This machine; files of the container's root filesystem are read by `rootfs_file`, and `image` is how its image
    /// wants to be run; `layers` finds other images, and holds them.
    pub fn new(
        places: &'a Places,
        rootfs_file: ReadRootfs<'a>,
        layers: Layers<'a>,
        image: Option<&'a Execution>,
    ) -> Self {
        Self { places, rootfs_file, layers, image }
    }
}

impl Host for Machine<'_> {
    fn env(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn read(&self, path: &str) -> io::Result<String> {
        std::fs::read_to_string(path)
    }

    fn path_kind(&self, path: &str) -> PathKind {
        match std::fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => PathKind::Directory,
            Ok(_) => PathKind::File,
            Err(_) => PathKind::Missing,
        }
    }

    fn devices(&self, path: &str) -> io::Result<Vec<DeviceNode>> {
        let mut found = Vec::new();
        let metadata = std::fs::metadata(path)?;
        if metadata.is_dir() {
            below(path, &mut found)?;
        } else {
            found.extend(device(path, &metadata));
        }
        Ok(found)
    }

    fn rlimit(&self, name: &str) -> Option<(u64, u64)> {
        let (_, resource) = RESOURCES.iter().find(|(known, _)| *known == name)?;
        let limit = getrlimit(*resource);
        Some((limit.current.unwrap_or(u64::MAX), limit.maximum.unwrap_or(u64::MAX)))
    }

    fn image(&self) -> Option<&Execution> {
        self.image
    }

    fn volume(&self, name: &str) -> crate::Result<VolumePlace> {
        let volumes = Volumes::new(self.places);
        let options = match volumes.find(name) {
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            found => Some(found?.options),
        };
        Ok(VolumePlace { data: volumes.data(name).to_string_lossy().into_owned(), options })
    }

    fn made_up_name(&self) -> crate::Result<String> {
        volume::made_up_name()
    }

    fn peer(&self, container: &str) -> crate::Result<Peer> {
        let container = Containers::new(self.places.clone()).find(container)?;
        let text = container.config()?;
        let spec = container.spec(&text)?;
        let own = |mount: &&Mount<'_>| OWN_FILES.contains(&mount.destination.as_str());
        let paths =
            |mount: &Mount<'_>| Some((mount.destination.to_string(), mount.source.as_ref()?.to_string()));
        Ok(Peer {
            id: container.id().to_owned(),
            hostname: spec.hostname.as_ref().map(ToString::to_string).unwrap_or_default(),
            files: spec.mounts.iter().filter(own).filter_map(paths).collect(),
        })
    }

    fn container_mounts(&self, container: &str) -> crate::Result<Vec<(MountPoint, Mount<'static>)>> {
        let container = Containers::new(self.places.clone()).find(container)?;
        let text = container.config()?;
        let mut spec = container.spec(&text)?;
        let mut mounts = Vec::new();
        for point in &container.definition.mounts {
            let found = spec.mounts.iter().position(|mount| mount.destination == point.destination.as_str());
            mounts.extend(found.map(|at| (point.clone(), owned(spec.mounts.swap_remove(at)))));
        }
        Ok(mounts)
    }

    fn image_layers(&self, image: &str) -> crate::Result<Vec<String>> {
        (self.layers)(image)
    }

    fn attributes(&self, path: &str) -> Option<Attributes> {
        let metadata = std::fs::metadata(path).ok()?;
        Some(Attributes { mode: metadata.mode() & 0o7777, uid: metadata.uid(), gid: metadata.gid() })
    }

    fn rootfs_file(&self, root: &RootSource, path: &str) -> Option<String> {
        (self.rootfs_file)(root, path)
    }
}

/// The same mount, borrowing from nothing.
fn owned(mount: Mount<'_>) -> Mount<'static> {
    Mount {
        destination: mount.destination.into_static(),
        kind: mount.kind.map(Str::into_static),
        source: mount.source.map(Str::into_static),
        options: mount.options.into_iter().map(Str::into_static).collect(),
        uid_mappings: mount.uid_mappings,
        gid_mappings: mount.gid_mappings,
    }
}

/// The kernel's resource limits, by name.
const RESOURCES: [(&str, Resource); 16] = [
    ("RLIMIT_AS", Resource::As),
    ("RLIMIT_CORE", Resource::Core),
    ("RLIMIT_CPU", Resource::Cpu),
    ("RLIMIT_DATA", Resource::Data),
    ("RLIMIT_FSIZE", Resource::Fsize),
    ("RLIMIT_LOCKS", Resource::Locks),
    ("RLIMIT_MEMLOCK", Resource::Memlock),
    ("RLIMIT_MSGQUEUE", Resource::Msgqueue),
    ("RLIMIT_NICE", Resource::Nice),
    ("RLIMIT_NOFILE", Resource::Nofile),
    ("RLIMIT_NPROC", Resource::Nproc),
    ("RLIMIT_RSS", Resource::Rss),
    ("RLIMIT_RTPRIO", Resource::Rtprio),
    ("RLIMIT_RTTIME", Resource::Rttime),
    ("RLIMIT_SIGPENDING", Resource::Sigpending),
    ("RLIMIT_STACK", Resource::Stack),
];

/// All devices below a directory. Symbolic links are not followed, so there are no loops.
fn below(directory: &str, found: &mut Vec<DeviceNode>) -> io::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let Some(path) = entry.path().to_str().map(str::to_owned) else {
            continue;
        };
        // An entry may vanish while the directory is read; then there is nothing to give.
        let Ok(metadata) = entry.metadata() else {
            continue;
        };
        if metadata.is_dir() {
            below(&path, found)?;
        } else {
            found.extend(device(&path, &metadata));
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(())
}

fn device(path: &str, metadata: &std::fs::Metadata) -> Option<DeviceNode> {
    let kind = match metadata.file_type() {
        kind if kind.is_char_device() => 'c',
        kind if kind.is_block_device() => 'b',
        _ => return None,
    };
    Some(DeviceNode {
        path: path.to_owned(),
        kind,
        major: i64::from(rustix::fs::major(metadata.rdev())),
        minor: i64::from(rustix::fs::minor(metadata.rdev())),
        mode: metadata.mode() & 0o7777,
        uid: metadata.uid(),
        gid: metadata.gid(),
    })
}

impl Caller {
    /// Facts about this process. The container's id and directory are the caller's choice.
    pub fn discover(id: String, directory: String) -> crate::Result<Self> {
        let cwd = std::env::current_dir().map_err(|error| {
            crate::Error::invalid(format!("the current directory cannot be used: {error}"))
        })?;
        let cwd = cwd
            .into_os_string()
            .into_string()
            .map_err(|cwd| crate::Error::invalid(format!("the current directory {cwd:?} is not UTF-8")))?;
        let uid = rustix::process::geteuid().as_raw();
        let privileged =
            capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::SYS_ADMIN));
        let (bounding, last_capability) = bounding();
        Ok(Self {
            id,
            directory,
            cwd,
            uid,
            gid: rustix::process::getegid().as_raw(),
            login: if privileged { None } else { login(uid) },
            privileged,
            bounding,
            last_capability,
            cgroups: cgroups(privileged),
            stdin_terminal: rustix::termios::isatty(rustix::stdio::stdin()),
        })
    }
}

/// The bounding set, and the last capability that the kernel knows (it answers EINVAL beyond that one).
fn bounding() -> (u64, u32) {
    let (mut set, mut last) = (0, 0);
    for number in 0..63u32 {
        match capability_is_in_bounding_set(CapabilitySet::from_bits_retain(1 << number)) {
            Ok(true) => set |= 1 << number,
            Ok(false) => {}
            Err(_) => break,
        }
        last = number;
    }
    (set, last)
}

/// The login name, from the host's own `/etc/passwd`; `/etc/subuid` may use it.
fn login(uid: u32) -> Option<String> {
    let text = std::fs::read_to_string("/etc/passwd").ok()?;
    passwd(&text).find(|entry| entry.uid == uid).map(|entry| entry.name.to_owned())
}

/// Which cgroups are mounted, and whether this caller may make one below its own.
fn cgroups(privileged: bool) -> CgroupVersion {
    let there = |path: &str| rustix::fs::access(path, rustix::fs::Access::EXISTS).is_ok();
    if there("/sys/fs/cgroup/cgroup.controllers") {
        return if privileged || delegated() { CgroupVersion::V2 } else { CgroupVersion::Unavailable };
    }
    let v1 = ["memory", "cpu", "pids", "devices"].iter().any(|name| there(&format!("/sys/fs/cgroup/{name}")));
    if v1 && privileged { CgroupVersion::V1 } else { CgroupVersion::Unavailable }
}

/// Whether the cgroup of this process (version 2) is writable for it.
fn delegated() -> bool {
    let own = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let path = own.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or("/");
    rustix::fs::access(format!("/sys/fs/cgroup{path}"), rustix::fs::Access::WRITE_OK).is_ok()
}
