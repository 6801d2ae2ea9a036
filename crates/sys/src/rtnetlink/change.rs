//! What can be changed, and its message.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use crate::netlink::Message;

/// `VETH_INFO_PEER`, `IFLA_MACVLAN_MODE`, `IFLA_IPVLAN_MODE`: the first attribute of each kind's data.
const FIRST: u16 = 1;
/// `IFLA_BRPORT_MODE`.
const BRPORT_MODE: u16 = 4;
/// `MACVLAN_MODE_BRIDGE`.
const MACVLAN_BRIDGE: u32 = 4;

/// A link to be made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Link {
    /// Its name.
    pub name: String,
    /// Its number; 0 lets the kernel choose.
    pub index: u32,
    /// Its hardware address; none lets the kernel choose.
    pub mac: Option<[u8; 6]>,
    /// Its MTU; none lets the kernel choose.
    pub mtu: Option<u32>,
    /// The number of the bridge it becomes a port of.
    pub bridge: Option<u32>,
    /// Whether it is switched on.
    pub up: bool,
    /// The network namespace it goes into, by a descriptor; none: the socket's.
    pub namespace: Option<i32>,
}

/// The kind of a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkKind {
    /// A bridge.
    Bridge,
    /// One end of a cable; this is the other.
    Veth(Box<Link>),
    /// A device of its own hardware address on another, in bridge mode.
    Macvlan {
        /// The number of the device below.
        parent: u32,
    },
    /// A device that shares the hardware address of another, in L2 mode.
    Ipvlan {
        /// The number of the device below.
        parent: u32,
    },
}

/// An address of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address {
    /// The link's number.
    pub index: u32,
    /// The address.
    pub address: IpAddr,
    /// Its subnet's prefix length.
    pub prefix: u8,
}

/// A route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// The link's number.
    pub index: u32,
    /// Where it leads, and the prefix length.
    pub destination: (IpAddr, u8),
    /// The next hop; none when the destination is on the link.
    pub gateway: Option<IpAddr>,
}

/// A change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Makes a link.
    AddLink(Link, LinkKind),
    /// Lets a bridge send back by a port what came in by it; the port is named, as it may be new in the same send.
    SetHairpin(String),
    /// Switches a link on.
    SetUp(u32),
    /// Removes a link.
    DeleteLink(u32),
    /// Gives a link an address.
    AddAddress(Address),
    /// Adds a route.
    AddRoute(Route),
}

impl Change {
    /// The message, answered only when it fails.
    pub(super) fn message(&self) -> Message {
        let new = libc::NLM_F_CREATE | libc::NLM_F_EXCL;
        match self {
            Self::AddLink(link, kind) => {
                let mut message = Message::silent(libc::RTM_NEWLINK, new, &link.header());
                link.attributes(&mut message);
                kind.attributes(&mut message);
                message
            }
            Self::SetHairpin(name) => {
                let mut message = Message::silent(libc::RTM_NEWLINK, 0, &Link::default().header());
                message.text(libc::IFLA_IFNAME, name);
                message.nest(libc::IFLA_LINKINFO, |info| {
                    info.text(libc::IFLA_INFO_SLAVE_KIND, "bridge");
                    info.nest(libc::IFLA_INFO_SLAVE_DATA, |data| data.attribute(BRPORT_MODE, &[1]));
                });
                message
            }
            Self::SetUp(index) => {
                let link = Link { index: *index, up: true, ..Link::default() };
                Message::silent(libc::RTM_NEWLINK, 0, &link.header())
            }
            Self::DeleteLink(index) => {
                let link = Link { index: *index, ..Link::default() };
                Message::silent(libc::RTM_DELLINK, 0, &link.header())
            }
            Self::AddAddress(address) => address.message(new),
            Self::AddRoute(route) => route.message(new),
        }
    }
}

impl Link {
    /// `struct ifinfomsg`.
    fn header(&self) -> [u8; 16] {
        let up = if self.up { u32::try_from(libc::IFF_UP).unwrap_or(1) } else { 0 };
        let mut header = [0_u8; 16];
        header[4..8].copy_from_slice(&self.index.to_ne_bytes());
        header[8..12].copy_from_slice(&up.to_ne_bytes());
        header[12..16].copy_from_slice(&up.to_ne_bytes());
        header
    }

    fn attributes(&self, message: &mut Message) {
        if !self.name.is_empty() {
            message.text(libc::IFLA_IFNAME, &self.name);
        }
        if let Some(mac) = self.mac {
            message.attribute(libc::IFLA_ADDRESS, &mac);
        }
        if let Some(mtu) = self.mtu {
            message.attribute(libc::IFLA_MTU, &mtu.to_ne_bytes());
        }
        if let Some(bridge) = self.bridge {
            message.attribute(libc::IFLA_MASTER, &bridge.to_ne_bytes());
        }
        if let Some(descriptor) = self.namespace {
            message.attribute(libc::IFLA_NET_NS_FD, &descriptor.to_ne_bytes());
        }
    }
}

impl LinkKind {
    fn name(&self) -> &'static str {
        match self {
            Self::Bridge => "bridge",
            Self::Veth(_) => "veth",
            Self::Macvlan { .. } => "macvlan",
            Self::Ipvlan { .. } => "ipvlan",
        }
    }

    fn attributes(&self, message: &mut Message) {
        if let Self::Macvlan { parent } | Self::Ipvlan { parent } = self {
            message.attribute(libc::IFLA_LINK, &parent.to_ne_bytes());
        }
        message.nest(libc::IFLA_LINKINFO, |info| {
            info.text(libc::IFLA_INFO_KIND, self.name());
            info.nest(libc::IFLA_INFO_DATA, |data| match self {
                Self::Bridge => {}
                Self::Veth(peer) => data.nest(FIRST, |message| {
                    message.raw(&peer.header());
                    peer.attributes(message);
                }),
                Self::Macvlan { .. } => data.attribute(FIRST, &MACVLAN_BRIDGE.to_ne_bytes()),
                // IPVLAN_MODE_L2.
                Self::Ipvlan { .. } => data.attribute(FIRST, &0_u16.to_ne_bytes()),
            });
        });
    }
}

impl Address {
    fn message(&self, flags: libc::c_int) -> Message {
        // struct ifaddrmsg: family, prefix, flags, scope, index.
        let family = family(self.address);
        let mut header = [family, self.prefix, 0, 0, 0, 0, 0, 0];
        header[4..].copy_from_slice(&self.index.to_ne_bytes());
        let mut message = Message::silent(libc::RTM_NEWADDR, flags, &header);
        let bytes = bytes(self.address);
        message.attribute(libc::IFA_LOCAL, &bytes);
        message.attribute(libc::IFA_ADDRESS, &bytes);
        match self.address {
            IpAddr::V4(address) if self.prefix < 31 => {
                let host_bits = u32::MAX.checked_shr(self.prefix.into()).unwrap_or(0);
                let broadcast = Ipv4Addr::from_bits(address.to_bits() | host_bits);
                message.attribute(libc::IFA_BROADCAST, &broadcast.octets());
            }
            IpAddr::V4(_) => {}
            // No duplicate address detection: the address comes from our own leases, and must serve at once.
            IpAddr::V6(_) => message.attribute(libc::IFA_FLAGS, &libc::IFA_F_NODAD.to_ne_bytes()),
        }
        message
    }
}

impl Route {
    fn message(&self, flags: libc::c_int) -> Message {
        let (destination, prefix) = self.destination;
        let scope = if self.gateway.is_some() { libc::RT_SCOPE_UNIVERSE } else { libc::RT_SCOPE_LINK };
        // struct rtmsg: family, prefixes of destination and source, TOS, table, protocol, scope, type, flags.
        let kind = libc::RTN_UNICAST;
        let table = libc::RT_TABLE_MAIN;
        let header = [family(destination), prefix, 0, 0, table, libc::RTPROT_STATIC, scope, kind, 0, 0, 0, 0];
        let mut message = Message::silent(libc::RTM_NEWROUTE, flags, &header);
        if prefix > 0 {
            message.attribute(libc::RTA_DST, &bytes(destination));
        }
        if let Some(gateway) = self.gateway {
            message.attribute(libc::RTA_GATEWAY, &bytes(gateway));
        }
        message.attribute(libc::RTA_OIF, &self.index.to_ne_bytes());
        message
    }
}

fn family(address: IpAddr) -> u8 {
    let family = if address.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
    u8::try_from(family).unwrap_or_default()
}

fn bytes(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AddLink(link, kind) => write!(f, "RTM_NEWLINK({:?}, {})", link.name, kind.name()),
            Self::SetHairpin(name) => write!(f, "RTM_NEWLINK({name:?}, IFLA_BRPORT_MODE=1)"),
            Self::SetUp(index) => write!(f, "RTM_NEWLINK({index}, IFF_UP)"),
            Self::DeleteLink(index) => write!(f, "RTM_DELLINK({index})"),
            Self::AddAddress(Address { index, address, prefix }) => {
                write!(f, "RTM_NEWADDR({index}, {address}/{prefix})")
            }
            Self::AddRoute(Route { index, destination, gateway }) => {
                write!(f, "RTM_NEWROUTE({index}, {}/{}", destination.0, destination.1)?;
                gateway.map_or(Ok(()), |gateway| write!(f, " via {gateway}"))?;
                f.write_str(")")
            }
        }
    }
}
