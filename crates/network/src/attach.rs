//! A container in a network, from the address it is lent to the end of it.

use std::net::IpAddr;
use std::os::fd::{BorrowedFd, OwnedFd};

use barque_sys::nftables::Nftables;
use barque_sys::rtnetlink::Rtnetlink;

use crate::definition::{Definition, Driver};
use crate::execute::{delete_elements, execute, undo};
use crate::facts::{Facts, filters_bridged};
use crate::host;
use crate::names::Entry;
use crate::owner::Owner;
use crate::plan::{self, Command, Endpoint, Op};
use crate::port::PortMapping;
use crate::publish::Published;
use crate::store::Networks;
use crate::{Error, Result};

/// What a container wants of a network.
#[derive(Debug, Clone, Default)]
pub struct Wanted<'a> {
    /// The container's id.
    pub container: &'a str,
    /// Which of its networks it is, from 0.
    pub number: u32,
    /// Addresses it must have.
    pub addresses: &'a [IpAddr],
    /// The hardware address it must have.
    pub mac: Option<[u8; 6]>,
    /// The ports to publish.
    pub ports: &'a [PortMapping],
    /// What others of the network call it, its own name first; nothing where names are not answered.
    pub names: &'a [String],
    /// Whether the network is its way out, where the network has one.
    pub way_out: bool,
}

/// A container's place in a network: addresses and ports are its own; the kernel hears of it with
/// [`Attachment::connect`].
#[derive(Debug)]
pub struct Attachment {
    /// The network.
    pub definition: Definition,
    /// Its addresses there.
    pub addresses: Vec<IpAddr>,
    /// Its published ports.
    pub ports: Vec<Published>,
    /// What the user should know.
    pub warnings: Vec<String>,
    owner: Owner,
    names: Vec<String>,
    /// Bound to the published ports, so that nobody else takes them.
    _sockets: Vec<OwnedFd>,
    network: Vec<Op>,
    ops: Vec<Op>,
}

impl Attachment {
    /// Takes addresses and ports, and brings the network up. What was taken is given back by [`detach`].
    pub fn prepare(networks: &Networks, definition: &Definition, wanted: &Wanted<'_>) -> Result<Self> {
        let brought = host::up(networks, definition)?;
        let mut this = Self::begin(definition, wanted)?;
        (this.network, this.warnings) = (brought.ops, brought.warnings);
        match this.take(networks, wanted) {
            Ok(()) => Ok(this),
            Err(error) => {
                drop(detach(networks, wanted.container, &[(definition.name.clone(), this.addresses)]));
                Err(error)
            }
        }
    }

    /// What [`Attachment::prepare`] would come to. Nothing is taken.
    pub fn foresee(networks: &Networks, definition: &Definition, wanted: &Wanted<'_>) -> Result<Self> {
        let mut this = Self::begin(definition, wanted)?;
        this.network = host::missing(networks, definition, &Facts::read()?)?;
        let leases = networks.leases(&definition.name);
        for pool in &definition.pools {
            let given = wanted.addresses.iter().copied().find(|address| pool.subnet.contains(*address));
            this.addresses.extend(leases.peek(pool, given));
        }
        for mapping in wanted.ports {
            let host_port = mapping.host_ports.map_or(0, |(first, _)| first);
            this.ports.push(Published {
                host_address: mapping.host_address,
                host_port,
                protocol: mapping.protocol,
                to: this.addresses.clone(),
                container_port: mapping.container_port,
                owner: this.owner.clone(),
            });
        }
        this.plan(wanted);
        Ok(this)
    }

    fn begin(definition: &Definition, wanted: &Wanted<'_>) -> Result<Self> {
        let outside =
            |address: &&IpAddr| !definition.pools.iter().any(|pool| pool.subnet.contains(**address));
        if let Some(address) = wanted.addresses.iter().find(outside) {
            return Err(Error::invalid(format!(
                "{address} is not in a subnet of network {}",
                definition.name
            )));
        }
        if let (Some(port), false) = (wanted.ports.first(), definition.driver == Driver::Bridge) {
            return Err(Error::invalid(format!(
                "cannot publish port {}: containers of {} networks are reached by their own addresses",
                port.container_port,
                definition.driver.name()
            )));
        }
        if wanted.number >= MOST_DEVICES {
            return Err(Error::invalid(format!("a container is in at most {MOST_DEVICES} networks")));
        }
        let interface = match definition.driver {
            Driver::Bridge => interface(wanted.container, wanted.number),
            _ => String::new(),
        };
        let pid = std::process::id().cast_signed();
        Ok(Self {
            definition: definition.clone(),
            addresses: Vec::new(),
            ports: Vec::new(),
            warnings: Vec::new(),
            owner: Owner::new(wanted.container, &interface, pid)?,
            names: wanted.names.to_vec(),
            _sockets: Vec::new(),
            network: Vec::new(),
            ops: Vec::new(),
        })
    }

    fn take(&mut self, networks: &Networks, wanted: &Wanted<'_>) -> Result<()> {
        let leases = networks.leases(&self.definition.name);
        for pool in &self.definition.pools {
            let given = wanted.addresses.iter().copied().find(|address| pool.subnet.contains(*address));
            self.addresses.push(leases.take(pool, given, &self.owner, &has_link)?);
        }
        for mapping in wanted.ports {
            let (port, sockets) =
                networks.ports().publish(mapping, &self.addresses, &self.owner, &has_link)?;
            self.ports.push(port);
            self._sockets.extend(sockets);
        }
        self.plan(wanted);
        Ok(())
    }

    fn plan(&mut self, wanted: &Wanted<'_>) {
        let endpoint = Endpoint {
            host: &self.owner.interface,
            number: wanted.number,
            addresses: &self.addresses,
            mac: wanted.mac,
            ports: &self.ports,
            way_out: wanted.way_out,
            filters_bridged: !self.ports.is_empty() && filters_bridged(),
        };
        self.ops = plan::endpoint(&self.definition, &endpoint);
    }

    /// Connects the network namespace of a process.
    pub fn connect(&self, networks: &Networks, namespace: BorrowedFd<'_>, pid: i32) -> Result<()> {
        if let Err(error) = execute(&self.ops, Some(namespace)) {
            undo(&self.ops);
            return Err(error.context(format!("network {}", self.definition.name)));
        }
        let mut owner = self.owner.clone();
        if owner.interface.is_empty() {
            // No device on the host tells whether the container is there: its process does.
            owner = Owner::new(&self.owner.container, "", pid)?;
            networks.leases(&self.definition.name).hand_over(&self.addresses, &owner)?;
        }
        if self.names.is_empty() {
            return Ok(());
        }
        let entry = Entry { names: self.names.clone(), addresses: self.addresses.clone(), owner };
        networks.names(&self.definition.name).write(&entry)
    }

    /// The operations of the container's place.
    pub fn ops(&self) -> &[Op] {
        &self.ops
    }

    /// What a person would type to make the network and the place in it.
    pub fn commands(&self) -> Vec<Command> {
        self.network.iter().chain(&self.ops).flat_map(Op::commands).collect()
    }

    /// What a person would type after the container's end: the network stays.
    pub fn undo_commands(&self) -> Vec<Command> {
        self.ops.iter().rev().flat_map(Op::undo_commands).collect()
    }

    /// The containers' way to the host: the gateway of the first subnet; none where that is somebody else's address.
    pub fn host(&self) -> Option<IpAddr> {
        let pools = (self.definition.driver == Driver::Bridge).then_some(&self.definition.pools)?;
        pools.first().map(|pool| pool.gateway)
    }
}

/// A container has one device for each of its networks: their numbers are one digit or letter of a device's name.
const MOST_DEVICES: u32 = 36;

/// The name of a container's device on the host.
fn interface(container: &str, number: u32) -> String {
    let digit = char::from_digit(number, MOST_DEVICES).unwrap_or('_');
    format!("bq{}{digit}", container.get(..12).unwrap_or(container))
}

/// Whether a container's device of a number is there.
pub fn has_device(container: &str, number: u32) -> bool {
    has_link(&interface(container, number))
}

fn has_link(name: &str) -> bool {
    Rtnetlink::open().and_then(|rtnetlink| rtnetlink.link(name)).is_ok_and(|link| link.is_some())
}

/// What is to be dropped when nobody waits any more. The kernel closes a socket of nf_tables only when nobody can see any
/// more what was removed (`nft_rcv_nl_event` flushes the work that waits for RCU): 6 ms at rest, more on busy machines.
#[derive(Debug, Default)]
pub struct Unclosed {
    _socket: Option<Nftables>,
}

/// Nobody finds a container in a network by its names any more.
pub fn forget_names(networks: &Networks, container: &str, network: &str) -> Result<()> {
    networks.names(network).remove(container)
}

/// Others find a container by a new name, in all networks where they found it by the old one.
pub fn rename(networks: &Networks, container: &str, old: &str, new: &str) -> Result<()> {
    for network in networks.list()? {
        let names = networks.names(&network.name);
        let Some(mut entry) = names.read(container) else { continue };
        entry.names.iter_mut().filter(|name| *name == old).for_each(|name| new.clone_into(name));
        names.write(&entry)?;
    }
    Ok(())
}

/// Gives back what a container has: its addresses of networks by name, and its ports. Then what containers had that
/// have ended without it.
pub fn detach(networks: &Networks, container: &str, leases: &[(String, Vec<IpAddr>)]) -> Result<Unclosed> {
    let ports = networks.ports();
    let mut released = ports.release(container)?;
    for (network, addresses) in leases {
        networks.names(network).remove(container)?;
        networks.leases(network).release(container, addresses)?;
    }
    released.extend(ports.reap(&has_link)?);
    for (network, _) in leases {
        networks.leases(network).reap(&has_link)?;
        networks.names(network).reap(&has_link)?;
    }
    unpublish(networks, &released)
}

/// Takes back what containers had that are gone.
pub fn reap(networks: &Networks) -> Result<()> {
    for network in networks.list()? {
        networks.leases(&network.name).reap(&has_link)?;
        networks.names(&network.name).reap(&has_link)?;
    }
    let gone = networks.ports().reap(&has_link)?;
    unpublish(networks, &gone).map(drop)
}

/// Removes elements of ports, unless another container has published them meanwhile.
fn unpublish(networks: &Networks, ports: &[Published]) -> Result<Unclosed> {
    let taken: Vec<_> = networks.ports().list().iter().flat_map(Published::entries).collect();
    let same = |one: &plan::Entry, two: &plan::Entry| one.key_text() == two.key_text();
    let gone: Vec<_> = ports
        .iter()
        .flat_map(Published::entries)
        .filter(|(set, entry)| !taken.iter().any(|(other, theirs)| set == other && same(entry, theirs)))
        .collect();
    let socket = if gone.is_empty() { None } else { Some(delete_elements(&gone)?) };
    Ok(Unclosed { _socket: socket })
}
