//! Networks of a container that runs: its network namespace is entered, and changed.

use std::net::IpAddr;
use std::os::fd::BorrowedFd;

use barque_sys::rtnetlink::{Change, Route, Rtnetlink};
use rustix::io::Errno;

use crate::Result;
use crate::attach::detach;
use crate::definition::Definition;
use crate::store::Networks;

/// The lowest number that no device of a container has.
pub fn free_number(namespace: BorrowedFd<'_>) -> Result<u32> {
    let inside = Rtnetlink::open_in(namespace)?;
    let mut number = 0;
    while inside.link(&format!("eth{number}"))?.is_some() {
        number += 1;
    }
    Ok(number)
}

/// What a container has of a network.
pub fn addresses(networks: &Networks, container: &str, network: &str) -> Vec<IpAddr> {
    let leases = networks.leases(network).list().into_iter();
    leases.filter(|lease| lease.owner.container == container).map(|lease| lease.address).collect()
}

/// Takes a container out of a network: its device there goes, and its addresses and the ports that lead to them are given
/// back. Returns what the addresses were.
pub fn disconnect(
    networks: &Networks,
    container: &str,
    network: &str,
    namespace: BorrowedFd<'_>,
) -> Result<Vec<IpAddr>> {
    let addresses = addresses(networks, container, network);
    let inside = Rtnetlink::open_in(namespace)?;
    let ours = inside.addresses()?.into_iter().filter(|entry| addresses.contains(&entry.address));
    let mut devices: Vec<u32> = ours.map(|entry| entry.index).collect();
    devices.dedup();
    inside.apply(&devices.into_iter().map(Change::DeleteLink).collect::<Vec<_>>())?;
    let leads_there = |to: &IpAddr| addresses.contains(to);
    let ports = networks.ports().list().into_iter().filter(|port| port.owner.container == container);
    if ports.flat_map(|port| port.to).any(|to| leads_there(&to)) {
        drop(detach(networks, container, &[(network.to_owned(), addresses.clone())])?);
    } else {
        networks.names(network).remove(container)?;
        networks.leases(network).release(container, &addresses)?;
    }
    Ok(addresses)
}

/// Makes a network the way out of a container, unless it has one.
pub fn give_way_out(
    networks: &Networks,
    network: &Definition,
    container: &str,
    namespace: BorrowedFd<'_>,
) -> Result<()> {
    let addresses = addresses(networks, container, &network.name);
    let inside = Rtnetlink::open_in(namespace)?;
    let devices = inside.addresses()?;
    for pool in &network.pools {
        let entry = devices
            .iter()
            .find(|entry| addresses.contains(&entry.address) && pool.subnet.contains(entry.address));
        let Some(entry) = entry else { continue };
        let any = if pool.gateway.is_ipv4() { [0; 4].into() } else { [0; 16].into() };
        let route = Route { index: entry.index, destination: (any, 0), gateway: Some(pool.gateway) };
        match inside.apply(&[Change::AddRoute(route)]) {
            Err(error) if error.errno() == Errno::EXIST => {}
            applied => applied?,
        }
    }
    Ok(())
}

/// Writes a container's names again: whoever answers for it looks which networks it is in.
pub fn refresh_names(networks: &Networks, container: &str) -> Result<()> {
    for network in networks.list()? {
        let names = networks.names(&network.name);
        if let Some(entry) = names.read(container) {
            names.write(&entry)?;
        }
    }
    Ok(())
}
