//! A container's place in a network.

use std::net::IpAddr;

use super::network::mac_of;
use super::op::{Cable, Op, Subinterface};
use crate::definition::{Definition, Driver};
use crate::publish::Published;

/// A container's place in a network.
#[derive(Debug, Clone)]
pub struct Endpoint<'a> {
    /// The device on the host.
    pub host: &'a str,
    /// Which of the container's networks it is, from 0.
    pub number: u32,
    /// Its addresses, at most one of each family.
    pub addresses: &'a [IpAddr],
    /// Its hardware address, where it must be a certain one.
    pub mac: Option<[u8; 6]>,
    /// Its published ports.
    pub ports: &'a [Published],
    /// Whether it is the container's way out, where the network has one.
    pub way_out: bool,
    /// Whether bridged frames pass the firewall's rules for IP.
    pub filters_bridged: bool,
}

/// What puts a container into a network that is there.
pub fn endpoint(definition: &Definition, endpoint: &Endpoint<'_>) -> Vec<Op> {
    let name = format!("eth{}", endpoint.number);
    let given = endpoint.mac.or_else(|| endpoint.addresses.first().copied().map(mac_of));
    let mut ops = vec![match definition.driver {
        Driver::Bridge => Op::AddCable(Cable {
            host: endpoint.host.to_owned(),
            bridge: definition.bridge.clone(),
            // Bridged frames that the firewall translates (br_netfilter) go back by the port they came from when a
            // container calls its own published port.
            hairpin: endpoint.filters_bridged && !endpoint.ports.is_empty(),
            inside: name.clone(),
            mac: given.unwrap_or_default(),
            mtu: definition.options.mtu,
        }),
        driver => Op::AddSubinterface(Subinterface {
            driver,
            parent: definition.options.parent.clone().unwrap_or_default(),
            inside: name.clone(),
            mac: given.filter(|_| driver == Driver::Macvlan),
            mtu: definition.options.mtu,
        }),
    }];
    for address in endpoint.addresses {
        let pool = definition.pools.iter().find(|pool| pool.subnet.is_ipv4() == address.is_ipv4());
        let Some(pool) = pool else { continue };
        ops.push(Op::AddAddress { inside: name.clone(), address: *address, prefix: pool.subnet.prefix() });
    }
    let gateways = definition.pools.iter().map(|pool| pool.gateway);
    let ways_out = gateways.filter(|_| endpoint.way_out && !definition.internal);
    ops.extend(ways_out.map(|gateway| Op::AddDefaultRoute { inside: name.clone(), gateway }));
    for port in endpoint.ports {
        ops.extend(port.entries().into_iter().map(|(set, entry)| Op::AddElement { set, entry }));
    }
    ops
}
