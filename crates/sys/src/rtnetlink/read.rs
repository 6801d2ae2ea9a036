//! What a network namespace has.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rustix::io::Errno;

use super::Rtnetlink;
use crate::netlink::{Message, as_text, attribute};
use crate::{Call as _, Result};

/// A link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkEntry {
    /// Its number.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Its kind, such as `bridge`; empty for hardware and the loopback.
    pub kind: String,
    /// Whether it is switched on.
    pub up: bool,
    /// Its MTU.
    pub mtu: u32,
    /// The number of the bridge it is a port of.
    pub bridge: Option<u32>,
}

/// An address of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressEntry {
    /// The link's number.
    pub index: u32,
    /// The address.
    pub address: IpAddr,
    /// Its subnet's prefix length.
    pub prefix: u8,
}

/// A route, of whichever table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouteEntry {
    /// Where it leads, and the prefix length.
    pub destination: (IpAddr, u8),
    /// The link's number, where it has one.
    pub index: Option<u32>,
    /// The next hop.
    pub gateway: Option<IpAddr>,
}

impl Rtnetlink {
    /// The link of a name; none when there is none.
    pub fn link(&self, name: &str) -> Result<Option<LinkEntry>> {
        let mut request = Message::new(libc::RTM_GETLINK, 0, &[0; 16]);
        request.text(libc::IFLA_IFNAME, name);
        match self.socket.send(request) {
            Ok(replies) => Ok(replies.first().and_then(|reply| LinkEntry::parse(reply))),
            Err(Errno::NODEV) => Ok(None),
            Err(errno) => Err(errno).call(|| format!("RTM_GETLINK({name:?})")),
        }
    }

    /// All links.
    pub fn links(&self) -> Result<Vec<LinkEntry>> {
        self.dump(libc::RTM_GETLINK, &[0; 16], "RTM_GETLINK", LinkEntry::parse)
    }

    /// All addresses.
    pub fn addresses(&self) -> Result<Vec<AddressEntry>> {
        self.dump(libc::RTM_GETADDR, &[0; 8], "RTM_GETADDR", AddressEntry::parse)
    }

    /// All routes of all tables.
    pub fn routes(&self) -> Result<Vec<RouteEntry>> {
        self.dump(libc::RTM_GETROUTE, &[0; 12], "RTM_GETROUTE", RouteEntry::parse)
    }

    fn dump<T>(&self, kind: u16, header: &[u8], name: &str, parse: fn(&[u8]) -> Option<T>) -> Result<Vec<T>> {
        let replies = self.socket.send(Message::new(kind, libc::NLM_F_DUMP, header)).call(|| name)?;
        Ok(replies.iter().filter_map(|reply| parse(reply)).collect())
    }
}

impl LinkEntry {
    /// Reads what follows an `RTM_NEWLINK`'s header.
    fn parse(message: &[u8]) -> Option<Self> {
        let rest = message.get(16..)?;
        let flags = u32_at(message, 8)?;
        let info = attribute(rest, libc::IFLA_LINKINFO).unwrap_or_default();
        Some(Self {
            index: u32_at(message, 4)?,
            name: as_text(attribute(rest, libc::IFLA_IFNAME)?),
            kind: attribute(info, libc::IFLA_INFO_KIND).map(as_text).unwrap_or_default(),
            up: flags & libc::IFF_UP.cast_unsigned() != 0,
            mtu: attribute(rest, libc::IFLA_MTU).and_then(|value| u32_at(value, 0)).unwrap_or_default(),
            bridge: attribute(rest, libc::IFLA_MASTER).and_then(|value| u32_at(value, 0)),
        })
    }
}

impl AddressEntry {
    /// Reads what follows an `RTM_NEWADDR`'s header.
    fn parse(message: &[u8]) -> Option<Self> {
        let rest = message.get(8..)?;
        let value = attribute(rest, libc::IFA_LOCAL).or_else(|| attribute(rest, libc::IFA_ADDRESS))?;
        Some(Self { index: u32_at(message, 4)?, address: ip(value)?, prefix: *message.get(1)? })
    }
}

impl RouteEntry {
    /// Reads what follows an `RTM_NEWROUTE`'s header.
    fn parse(message: &[u8]) -> Option<Self> {
        let rest = message.get(12..)?;
        let any = match i32::from(*message.first()?) {
            libc::AF_INET => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            libc::AF_INET6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
            _ => return None,
        };
        let destination = attribute(rest, libc::RTA_DST).map_or(Some(any), ip)?;
        Some(Self {
            destination: (destination, *message.get(1)?),
            index: attribute(rest, libc::RTA_OIF).and_then(|value| u32_at(value, 0)),
            gateway: attribute(rest, libc::RTA_GATEWAY).and_then(ip),
        })
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn ip(bytes: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    four.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

/// Reads bytes as each kind of reply (`crate::fuzz`).
pub(crate) fn fuzz(bytes: &[u8]) {
    drop(LinkEntry::parse(bytes));
    let _ = AddressEntry::parse(bytes);
    let _ = RouteEntry::parse(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_read() {
        let mut route = vec![2, 24, 0, 0, 254, 4, 0, 1, 0, 0, 0, 0];
        route.extend([8, 0, 1, 0, 10, 1, 2, 0]);
        route.extend([8, 0, 4, 0, 7, 0, 0, 0]);
        let expected =
            RouteEntry { destination: ("10.1.2.0".parse().unwrap(), 24), index: Some(7), gateway: None };
        assert_eq!(RouteEntry::parse(&route), Some(expected));
        let default = [10, 0, 0, 0, 254, 4, 0, 1, 0, 0, 0, 0];
        let any: IpAddr = "::".parse().unwrap();
        assert_eq!(RouteEntry::parse(&default).map(|route| route.destination), Some((any, 0)));
        assert_eq!(RouteEntry::parse(&[2, 24, 0]), None, "cut off");
        assert_eq!(RouteEntry::parse(&[28; 12]), None, "another family");
    }
}
