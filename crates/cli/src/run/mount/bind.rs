//! Bind mounts.

use barque_runtime::spec::{IdMapping, Mount};

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
        options.push(if self.recursion == Recursion::Disabled { "bind" } else { "rbind" });
        options.push(self.propagation.unwrap_or("rprivate"));
        match (self.read_only, self.recursion) {
            (true, Recursion::Enabled) => options.push("rro"),
            (true, _) => options.push("ro"),
            (false, _) => {}
        }
        options.extend(self.extra);
        let (uid_mappings, gid_mappings) = match self.idmap {
            Some(mappings) => {
                options.push("idmap");
                mappings
            }
            None => (Vec::new(), Vec::new()),
        };
        Mount {
            destination: self.destination.into(),
            kind: Some("bind".into()),
            source: Some(self.source.into()),
            options: options.into_iter().map(Into::into).collect(),
            uid_mappings,
            gid_mappings,
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
