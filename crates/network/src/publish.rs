//! Published ports: one file each, named by protocol, address and port, so that each port has one owner; and a socket
//! bound to it meanwhile, so that no program of the host takes it for its own.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, ipproto, sockopt};
use serde::{Deserialize, Serialize};

use crate::lease::short;
use crate::owner::Owner;
use crate::port::{PortMapping, Protocol};
use crate::reserve::Reservations;
use crate::ruleset::{Entry, SetName};
use crate::{Error, ErrorKind, Result};

/// From where host ports are chosen, as Docker does; to 65535.
const FIRST_CHOSEN: u16 = 49153;

/// A port of the host that leads to one of a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// The host's address; none: all of them.
    pub host_address: Option<IpAddr>,
    /// The host's port.
    pub host_port: u16,
    /// The protocol.
    pub protocol: Protocol,
    /// The container's addresses, one of each family.
    pub to: Vec<IpAddr>,
    /// The container's port.
    pub container_port: u16,
    /// Whose it is.
    pub owner: Owner,
}

impl Published {
    /// What the table has for it.
    pub fn entries(&self) -> Vec<(SetName, Entry)> {
        let address = self.host_address.filter(|address| !address.is_unspecified());
        let of = |to: &IpAddr| {
            let set = match (address.is_some(), to.is_ipv4()) {
                (false, true) => SetName::Ports4,
                (false, false) => SetName::Ports6,
                (true, true) => SetName::AddressPorts4,
                (true, false) => SetName::AddressPorts6,
            };
            let (protocol, port) = (self.protocol, self.host_port);
            (set, Entry::Port { address, protocol, port, to: (*to, self.container_port) })
        };
        // 0.0.0.0 is all addresses of IPv4, and :: all of IPv6.
        let wanted = |to: &&IpAddr| self.host_address.is_none_or(|host| host.is_ipv4() == to.is_ipv4());
        self.to.iter().filter(wanted).map(of).collect()
    }

    fn file_name(&self) -> String {
        let address = self.host_address.map_or_else(|| "any".to_owned(), |address| address.to_string());
        format!("{}-{}-{address}", self.protocol, self.host_port)
    }

    /// Whether another cannot have its port because of this.
    fn is_in_the_way(&self, protocol: Protocol, address: Option<IpAddr>, port: u16) -> bool {
        let family = |address: IpAddr| address.is_ipv4();
        let overlap = match (self.host_address, address) {
            (None, _) | (_, None) => true,
            (Some(one), Some(two)) => {
                family(one) == family(two) && (one == two || one.is_unspecified() || two.is_unspecified())
            }
        };
        self.protocol == protocol && self.host_port == port && overlap
    }
}

/// The published ports of all networks.
#[derive(Debug)]
pub struct Ports {
    files: Reservations,
}

impl Ports {
    /// Those below the directory of all networks.
    pub(crate) fn of(networks: &Path) -> Self {
        Self { files: Reservations::new(networks.join(".ports")) }
    }

    /// All of them.
    pub fn list(&self) -> Vec<Published> {
        let mut all: Vec<Published> =
            self.files.names().iter().filter_map(|name| self.files.read(name)).collect();
        all.sort_by_key(|port| (port.host_port, port.protocol));
        all
    }

    /// Publishes a port: takes its name, and the port itself for as long as the sockets live.
    pub fn publish(
        &self,
        mapping: &PortMapping,
        to: &[IpAddr],
        owner: &Owner,
        has_link: &dyn Fn(&str) -> bool,
    ) -> Result<(Published, Vec<OwnedFd>)> {
        let (first, last) = mapping.host_ports.unwrap_or((FIRST_CHOSEN, u16::MAX));
        let mut refusal = None;
        for host_port in first..=last {
            let port = Published {
                host_address: mapping.host_address,
                host_port,
                protocol: mapping.protocol,
                to: to.to_vec(),
                container_port: mapping.container_port,
                owner: owner.clone(),
            };
            if port.entries().is_empty() {
                return Err(no_such_family(mapping));
            }
            match self.try_publish(&port, has_link) {
                Ok(sockets) => return Ok((port, sockets)),
                Err(error) if error.kind() == ErrorKind::Conflict => refusal = refusal.or(Some(error)),
                Err(error) => return Err(error),
            }
        }
        let error = refusal.unwrap_or_else(|| Error::new(ErrorKind::Unavailable, "no host port is left"));
        Err(if first == last {
            error
        } else {
            error.context(format!("all ports of {first}-{last} are in use"))
        })
    }

    fn try_publish(&self, port: &Published, has_link: &dyn Fn(&str) -> bool) -> Result<Vec<OwnedFd>> {
        let draft = self.files.draft(&format!("{}-{}", port.owner.pid, port.owner.container), port)?;
        let in_the_way =
            |other: &Published| other.is_in_the_way(port.protocol, port.host_address, port.host_port);
        let same_port = |name: &&String| name.starts_with(&format!("{}-{}-", port.protocol, port.host_port));
        let names: Vec<String> = self.files.names().iter().filter(same_port).cloned().collect();
        if !names.is_empty() {
            self.files.remove_if(&names, |other: &Published| {
                in_the_way(other) && !other.owner.is_alive(has_link)
            })?;
            if let Some(other) = names.iter().filter_map(|name| self.files.read(name)).find(in_the_way) {
                return Err(in_use(port, &format!("container {}", short(&other.owner.container))));
            }
        }
        let sockets = bind(port)?;
        if draft.take(&port.file_name())? { Ok(sockets) } else { Err(in_use(port, "another container")) }
    }

    /// Takes back the names of a container's ports; returns what they were.
    pub fn release(&self, container: &str) -> Result<Vec<Published>> {
        self.files.remove_if(&self.files.names(), |port: &Published| port.owner.container == container)
    }

    /// Takes back the names of containers that are gone; returns what they were.
    pub fn reap(&self, has_link: &dyn Fn(&str) -> bool) -> Result<Vec<Published>> {
        self.files.remove_if(&self.files.names(), |port: &Published| !port.owner.is_alive(has_link))
    }
}

fn no_such_family(mapping: &PortMapping) -> Error {
    let address = mapping.host_address.map_or_else(String::new, |address| address.to_string());
    Error::invalid(format!(
        "cannot publish {address}:{}: the container has no address of that family",
        mapping.container_port
    ))
    .hint("make the network with --ipv6, or publish an IPv4 address")
}

fn in_use(port: &Published, by: &str) -> Error {
    let address = port.host_address.map_or_else(|| "0.0.0.0".to_owned(), |address| address.to_string());
    Error::new(
        ErrorKind::Conflict,
        format!(
            "bind for {address}:{}/{} failed: port is already allocated, by {by}",
            port.host_port, port.protocol
        ),
    )
}

/// Binds sockets to the port, of which nothing is ever read: whoever else binds it is refused.
fn bind(port: &Published) -> Result<Vec<OwnedFd>> {
    let any = [IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)];
    let addresses = port.host_address.map_or(any.to_vec(), |address| vec![address]);
    let wanted = addresses.into_iter().filter(|host| port.to.iter().any(|to| to.is_ipv4() == host.is_ipv4()));
    let mut sockets = Vec::new();
    for address in wanted {
        sockets.extend(bind_one(port, SocketAddr::new(address, port.host_port))?);
    }
    Ok(sockets)
}

fn bind_one(port: &Published, address: SocketAddr) -> Result<Option<OwnedFd>> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let (kind, protocol) = match port.protocol {
        Protocol::Tcp => (SocketType::STREAM, None),
        Protocol::Udp => (SocketType::DGRAM, None),
        Protocol::Sctp => (SocketType::STREAM, Some(ipproto::SCTP)),
    };
    let failed = |errno: Errno| -> Error {
        match errno {
            Errno::ADDRINUSE => in_use(port, "a program of this host"),
            Errno::ADDRNOTAVAIL => Error::invalid(format!(
                "cannot publish {address}: {} is not an address of this host",
                address.ip()
            )),
            errno => barque_sys::Error::new(format!("bind({address})"), errno).into(),
        }
    };
    let socket = match rustix::net::socket_with(family, kind, SocketFlags::CLOEXEC, protocol) {
        Ok(socket) => socket,
        // A kernel without SCTP or IPv6 has nobody else who could take the port.
        Err(Errno::PROTONOSUPPORT | Errno::AFNOSUPPORT | Errno::SOCKTNOSUPPORT) => return Ok(None),
        Err(errno) => return Err(failed(errno)),
    };
    if address.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, true).map_err(failed)?;
    }
    match rustix::net::bind(&socket, &address) {
        Ok(()) => Ok(Some(socket)),
        // Connections of a program that is gone keep its port for a minute: that is in nobody's way.
        Err(Errno::ADDRINUSE) if port.protocol == Protocol::Tcp && !listens(address) => {
            sockopt::set_socket_reuseaddr(&socket, true).map_err(failed)?;
            rustix::net::bind(&socket, &address).map_err(failed)?;
            Ok(Some(socket))
        }
        Err(errno) => Err(failed(errno)),
    }
}

/// Whether somebody listens on a TCP port, at whichever address: whoever is asked connects.
fn listens(address: SocketAddr) -> bool {
    let port = format!(":{:04X}", address.port());
    ["/proc/thread-self/net/tcp", "/proc/thread-self/net/tcp6"].iter().any(|path| {
        let text = barque_sys::file::read(Path::new(path)).unwrap_or_default();
        let listening = |line: &str| {
            let mut fields = line.split_ascii_whitespace();
            // Local address; the state is the second after it, 0A is LISTEN.
            fields.nth(1).is_some_and(|local| local.ends_with(&port)) && fields.nth(1) == Some("0A")
        };
        text.lines().skip(1).any(listening)
    })
}
