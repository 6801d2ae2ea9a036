//! `--pid`, `--ipc`, `--uts`, `--cgroupns`, `--network`: which namespaces are made, joined or shared.

use barque_engine::start::CONTAINER;
use barque_runtime::spec::{Namespace, NamespaceKind};

use super::userns::UserNamespace;
use super::{Host, Peer};
use crate::flags::Parsed;
use crate::{Error, Result};

/// What is done about one namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mode {
    /// A new one.
    Private,
    /// The caller's.
    Host,
    /// An existing one, by path.
    Join(String),
    /// That of another container, which is looked for at each start.
    Container(Peer),
}

impl Mode {
    /// Whether the caller's own is used.
    pub(super) fn is_host(&self) -> bool {
        *self == Self::Host
    }

    /// The container whose namespace is joined.
    pub(super) fn peer(&self) -> Option<&Peer> {
        if let Self::Container(peer) = self { Some(peer) } else { None }
    }

    /// As it was asked for; another container by its id.
    pub(super) fn name(&self, asked: &str) -> String {
        self.peer().map_or_else(|| asked.to_owned(), |peer| format!("{CONTAINER}{}", peer.id))
    }

    fn namespace(&self, kind: NamespaceKind) -> Option<Namespace<'static>> {
        let path = match self {
            Self::Host => return None,
            Self::Private => None,
            Self::Join(path) => Some(path.clone().into()),
            Self::Container(peer) => Some(format!("{CONTAINER}{}", peer.id).into()),
        };
        Some(Namespace { kind, path })
    }
}

/// The container's namespaces.
#[derive(Debug)]
pub(super) struct Namespaces {
    pub pid: Mode,
    pub ipc: Mode,
    /// `--ipc none`: no `/dev/shm`.
    pub no_shm: bool,
    pub uts: Mode,
    pub cgroup: Mode,
    pub network: Mode,
    pub user: UserNamespace,
}

impl Namespaces {
    /// Reads the flags.
    pub(super) fn read(flags: &Parsed, user: UserNamespace, host: &dyn Host) -> Result<Self> {
        let ipc = flags.value("ipc");
        Ok(Self {
            pid: mode(flags, "pid", NamespaceKind::Pid, host)?,
            ipc: mode(flags, "ipc", NamespaceKind::Ipc, host)?,
            no_shm: ipc == Some("none"),
            uts: mode(flags, "uts", NamespaceKind::Uts, host)?,
            cgroup: mode(flags, "cgroupns", NamespaceKind::Cgroup, host)?,
            network: network(flags, host)?,
            user,
        })
    }

    /// As the specification lists them.
    pub(super) fn list(&self, time: bool) -> Vec<Namespace<'static>> {
        let private = |kind| Namespace { kind, path: None };
        let mut list = vec![private(NamespaceKind::Mount)];
        list.extend(self.pid.namespace(NamespaceKind::Pid));
        list.extend(self.network.namespace(NamespaceKind::Network));
        list.extend(self.ipc.namespace(NamespaceKind::Ipc));
        list.extend(self.uts.namespace(NamespaceKind::Uts));
        list.extend(self.cgroup.namespace(NamespaceKind::Cgroup));
        list.extend(self.user.namespace.clone());
        list.extend(time.then(|| private(NamespaceKind::Time)));
        list
    }
}

/// The file of `/proc/PID/ns` for a kind.
fn file(kind: NamespaceKind) -> &'static str {
    match kind {
        NamespaceKind::User => "user",
        NamespaceKind::Mount => "mnt",
        NamespaceKind::Pid => "pid",
        NamespaceKind::Network => "net",
        NamespaceKind::Ipc => "ipc",
        NamespaceKind::Uts => "uts",
        NamespaceKind::Cgroup => "cgroup",
        NamespaceKind::Time => "time",
    }
}

fn mode(flags: &Parsed, long: &str, kind: NamespaceKind, host: &dyn Host) -> Result<Mode> {
    let text = flags.value(long).unwrap_or("");
    match text {
        "" | "private" => return Ok(Mode::Private),
        "host" => return Ok(Mode::Host),
        "shareable" | "none" if kind == NamespaceKind::Ipc => return Ok(Mode::Private),
        _ => {}
    }
    match text.split_once(':') {
        Some(("ns", path)) if !path.is_empty() => Ok(Mode::Join(path.to_owned())),
        Some(("container", name)) if kind == NamespaceKind::Pid => Ok(Mode::Container(host.peer(name)?)),
        Some(("container", name)) => Err(containers(long, name, kind)),
        _ => Err(flags
            .invalid(long, text, format!("invalid {} mode", long.to_uppercase()))
            .hint("one of private, host, ns:PATH")),
    }
}

/// The namespace that `--network` asks for: networks by name have a new one.
fn network(flags: &Parsed, host: &dyn Host) -> Result<Mode> {
    let text = super::network::chosen(flags);
    match text {
        "host" => return Ok(Mode::Host),
        "none" => return Ok(Mode::Private),
        name if super::network::is_name(name) => return Ok(Mode::Private),
        _ => {}
    }
    match text.split_once(':') {
        Some(("ns", path)) if !path.is_empty() => Ok(Mode::Join(path.to_owned())),
        Some(("container", name)) if !name.is_empty() => Ok(Mode::Container(host.peer(name)?)),
        _ => Err(flags
            .invalid("network", text, "it is no way to a network")
            .hint("a network's name, none, host, container:NAME, or ns:/run/netns/NAME")),
    }
}

fn containers(long: &str, name: &str, kind: NamespaceKind) -> Error {
    Error::unsupported(format!("--{long} container:{name} is not there yet in this version of barque"))
        .hint(format!("join by the namespace's file: --{long} ns:/proc/PID/ns/{}", file(kind)))
}
