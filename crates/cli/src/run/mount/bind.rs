//! Bind mounts.

use barque_engine::definition::{MountKind, MountPoint};
use barque_runtime::spec::{IdMapping, Mount, Str};

/// How a bind mount is to be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Bind {
    pub source: String,
    pub destination: String,
    pub read_only: bool,
    /// `rprivate` when absent.
    pub propagation: Option<&'static str>,
    pub recursion: Recursion,
    /// `exec`, `nosuid` … as given.
    pub extra: Vec<&'static str>,
    /// Show the source with the container's ids, or with these.
    pub idmap: Option<(Vec<IdMapping>, Vec<IdMapping>)>,
    /// An empty source gets what the root filesystem has at the destination.
    pub fill: bool,
    /// Only what this path names in the source.
    pub subdirectory: Option<String>,
    /// Whom the source is given to.
    pub owner: Option<(u32, u32)>,
}

/// What happens to mounts below the source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Recursion {
    /// They come along, read-only like the mount itself.
    #[default]
    Enabled,
    /// They do not come along.
    Disabled,
    /// They come along and stay writable.
    Writable,
}

/// Propagations, by name.
pub(super) const PROPAGATIONS: [&str; 6] = ["shared", "slave", "private", "rshared", "rslave", "rprivate"];

impl Bind {
    /// As the specification writes it.
    pub(super) fn into_mount(self) -> Mount<'static> {
        let mut options = Vec::with_capacity(4 + self.extra.len());
        let mut push = |option: &'static str| options.push(Str::from(option));
        push(if self.recursion == Recursion::Disabled { "bind" } else { "rbind" });
        push(self.propagation.unwrap_or("rprivate"));
        match (self.read_only, self.recursion) {
            (true, Recursion::Enabled) => push("rro"),
            (true, _) => push("ro"),
            (false, _) => {}
        }
        self.extra.iter().for_each(|option| push(option));
        if self.fill {
            push("X-barque.copyup");
        }
        let (uid_mappings, gid_mappings) = match self.idmap {
            Some(mappings) => {
                push("idmap");
                mappings
            }
            None => (Vec::new(), Vec::new()),
        };
        if let Some(path) = self.subdirectory {
            options.push(Str::from(format!("X-mount.subdir={path}")));
        }
        if let Some((uid, gid)) = self.owner {
            options.push(Str::from(format!("X-barque.chown={uid}:{gid}")));
        }
        Mount {
            destination: self.destination.into(),
            kind: Some("bind".into()),
            source: Some(self.source.into()),
            options,
            uid_mappings,
            gid_mappings,
        }
    }

    /// As `inspect` shows it.
    pub(super) fn point(&self, mode: &str) -> MountPoint {
        MountPoint {
            kind: MountKind::Bind,
            source: self.source.clone(),
            destination: self.destination.clone(),
            mode: mode.to_owned(),
            rw: !self.read_only,
            propagation: self.propagation.unwrap_or("rprivate").to_owned(),
            ..MountPoint::default()
        }
    }
}

/// One of the container's own files.
pub(super) fn file(path: &str, source: &str) -> Mount<'static> {
    Bind {
        source: source.to_owned(),
        destination: path.to_owned(),
        recursion: Recursion::Disabled,
        extra: vec!["nosuid", "noexec", "nodev"],
        ..Bind::default()
    }
    .into_mount()
}
