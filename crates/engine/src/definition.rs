//! What a container is: everything that a start depends on, beside its OCI configuration.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

use barque_network::PortMapping;
use serde::{Deserialize, Serialize};

use crate::health::Check;
use crate::{RestartPolicy, Time, log};

/// The text of `definition.json`. Made once, changed by `rename` and `update` only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Definition {
    /// Version of this format; a newer Barque reads the older ones.
    pub version: u32,
    /// 64 hexadecimal digits.
    pub id: String,
    /// Its name, unique among all containers.
    pub name: String,
    /// When it was made.
    pub created: Time,
    /// The root filesystem as it was typed: a name of an image, `@host`, `dir:PATH`, `tar:FILE`.
    pub image: String,
    /// The image's id, `sha256:…`; none when it is made from something else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_id: Option<String>,
    /// Where its root filesystem comes from.
    pub root: Root,
    /// What it executes, the entrypoint first: without our own init.
    pub command: Vec<String>,
    /// How many words of the command are the entrypoint's.
    #[serde(default)]
    pub entrypoint: usize,
    /// Standard input stays open.
    #[serde(default)]
    pub interactive: bool,
    /// It has a terminal.
    #[serde(default)]
    pub tty: bool,
    /// It is removed when it ends.
    #[serde(default)]
    pub auto_remove: bool,
    /// Process 1 is our init.
    #[serde(default)]
    pub init: bool,
    /// The signal that asks it to stop.
    pub stop_signal: i32,
    /// Seconds that it has for that; negative: any time.
    pub stop_timeout: i64,
    /// What is done when it ends.
    #[serde(default)]
    pub restart: RestartPolicy,
    /// How it is seen whether it is healthy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<Check>,
    /// Seconds after which it is killed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<u64>,
    /// What users say of it.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Where its output is kept.
    #[serde(default)]
    pub log: log::Config,
    /// Its network.
    pub network: Network,
    /// Files that are written into its directory at each start and mounted over those of its root filesystem.
    #[serde(default)]
    pub files: Vec<OwnFile>,
    /// Directories of the host that are made where they are missing, for mounts of them.
    #[serde(default)]
    pub create_directories: Vec<String>,
    /// What users have mounted into it.
    #[serde(default)]
    pub mounts: Vec<MountPoint>,
    /// Directories for one run each, in its own directory: what is written over a volume and thrown away.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scratch_directories: Vec<ScratchDirectory>,
}

/// The version of [`Definition`] that is written.
pub const VERSION: u32 = 1;

/// Where a root filesystem comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Root {
    /// This machine's own, copy-on-write.
    Host,
    /// A directory: copy-on-write, or written to itself.
    Directory {
        /// Its absolute path.
        path: PathBuf,
        /// Whether it is written to itself.
        writable: bool,
    },
    /// An archive, unpacked for this container alone.
    Archive {
        /// Its absolute path.
        path: PathBuf,
    },
    /// An image.
    Image {
        /// The directories of its layers, the uppermost first.
        layers: Vec<PathBuf>,
    },
}

impl Root {
    /// The layers of an image that holds changes of this machine's root filesystem, which comes last.
    pub(crate) fn changes_of_host(&self) -> Option<&[PathBuf]> {
        match self {
            Self::Image { layers } => match layers.split_last() {
                Some((last, layers)) if last.as_os_str() == "/" => Some(layers),
                _ => None,
            },
            _ => None,
        }
    }
}

/// A container's place among networks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Network {
    /// As it was asked for: `none`, `host`, `ns:PATH`, `container:ID`, or a network's name.
    pub mode: String,
    /// What it wants of its network; none when it is in no network of ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<NetworkRequest>,
    /// The ports it is said to listen on, as `80/tcp`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exposed: Vec<String>,
}

/// The network of a container, and what it wants there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NetworkRequest {
    /// The network's name.
    pub name: String,
    /// The ports to publish.
    #[serde(default)]
    pub ports: Vec<PortMapping>,
    /// Addresses it must have.
    #[serde(default)]
    pub addresses: Vec<IpAddr>,
    /// The hardware address it must have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<[u8; 6]>,
    /// More names of it in the network.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// Name servers to ask instead of the host's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub name_servers: Vec<IpAddr>,
    /// Its own name, for `/etc/hosts`.
    pub hostname: String,
    /// Names of the host, for `/etc/hosts`.
    #[serde(default)]
    pub gateway_names: Vec<String>,
    /// The other networks that it is in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<Membership>,
}

/// One of a container's networks, and what it wants there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Membership {
    /// The network's name.
    pub name: String,
    /// More names of the container there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// Addresses it must have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<IpAddr>,
    /// The hardware address it must have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<[u8; 6]>,
}

impl NetworkRequest {
    /// A container of a host name that is in one network.
    pub fn new(first: Membership, hostname: String) -> Self {
        Self { hostname, ..Self::default() }.with_first(first)
    }

    /// All of its networks, in order.
    pub fn memberships(&self) -> Vec<Membership> {
        let first = Membership {
            name: self.name.clone(),
            aliases: self.aliases.clone(),
            addresses: self.addresses.clone(),
            mac: self.mac,
        };
        if first.name.is_empty() { Vec::new() } else { [vec![first], self.others.clone()].concat() }
    }

    /// The same without a network that it is in: nothing when it was the only one. None when it is not in it.
    pub fn without(&self, name: &str) -> Option<Option<Self>> {
        let mut rest = self.memberships();
        let at = rest.iter().position(|one| one.name == name)?;
        rest.remove(at);
        let mut rest = rest.into_iter();
        Some(rest.next().map(|first| Self { others: rest.collect(), ..self.clone() }.with_first(first)))
    }

    fn with_first(self, first: Membership) -> Self {
        let Membership { name, aliases, addresses, mac } = first;
        Self { name, aliases, addresses, mac, ..self }
    }
}

/// A file that belongs to the container and not to its image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OwnFile {
    /// Its name in the container's directory: `hosts`.
    pub name: String,
    /// Where the container sees it: `/etc/hosts`.
    pub path: String,
    /// What is in it.
    pub text: String,
}

/// A directory that is made for a run, and removed after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScratchDirectory {
    /// Where.
    pub path: PathBuf,
    /// Permission bits.
    pub mode: u32,
    /// User and group, where they are not the maker's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<(u32, u32)>,
}

/// Something that a user has mounted into a container, as `inspect` shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MountPoint {
    /// What is mounted.
    #[serde(rename = "type")]
    pub kind: MountKind,
    /// The volume's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The path of the host that is mounted; an image's name; empty for a tmpfs.
    #[serde(default)]
    pub source: String,
    /// Where the container sees it.
    pub destination: String,
    /// The volume's driver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<String>,
    /// The options that were given.
    #[serde(default)]
    pub mode: String,
    /// Whether it can be written to.
    pub rw: bool,
    /// How mounts below it travel.
    #[serde(default)]
    pub propagation: String,
    /// A volume that was given no name: it goes with the container.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub anonymous: bool,
}

/// What is mounted into a container.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MountKind {
    /// A file or directory of the host.
    #[default]
    Bind,
    /// A volume.
    Volume,
    /// A file system in memory.
    Tmpfs,
    /// An image.
    Image,
}

impl MountKind {
    /// As `inspect` shows it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bind => "bind",
            Self::Volume => "volume",
            Self::Tmpfs => "tmpfs",
            Self::Image => "image",
        }
    }
}
