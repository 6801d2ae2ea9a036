//! The operations.

use std::net::IpAddr;

use serde::Serialize;

use crate::definition::Driver;
use crate::ruleset::{Entry, SetName};

/// A cable from a bridge into a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cable {
    /// Its end on the host.
    pub host: String,
    /// The bridge that end is a port of.
    pub bridge: String,
    /// Whether the bridge may send back by the port what came in by it.
    pub hairpin: bool,
    /// Its end in the container.
    pub inside: String,
    /// The hardware address of that end.
    pub mac: [u8; 6],
    /// The MTU of both.
    pub mtu: Option<u32>,
}

/// A device in a container that builds on one of the host's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Subinterface {
    /// Macvlan or ipvlan.
    pub driver: Driver,
    /// The host's device.
    pub parent: String,
    /// The device in the container.
    pub inside: String,
    /// Its hardware address; none for ipvlan, which has its parent's.
    pub mac: Option<[u8; 6]>,
    /// Its MTU.
    pub mtu: Option<u32>,
}

/// One operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// Sets a kernel parameter of the host: `net/ipv4/ip_forward`.
    SetSysctl {
        /// Its path below `/proc/sys`.
        key: String,
        /// Its value.
        value: String,
    },
    /// Makes a bridge.
    AddBridge {
        /// Its name.
        name: String,
        /// Its hardware address: one that is given does not change with the ports.
        mac: [u8; 6],
        /// Its MTU.
        mtu: Option<u32>,
    },
    /// Gives a bridge an address.
    AddBridgeAddress {
        /// The bridge.
        bridge: String,
        /// The address.
        address: IpAddr,
        /// Its subnet's prefix length.
        prefix: u8,
    },
    /// Switches a bridge on, when all that belongs to it is there.
    SetBridgeUp(String),
    /// Makes our table, with its sets, chains and rules.
    AddTable,
    /// Adds an element to a set of our table.
    AddElement {
        /// The set.
        set: SetName,
        /// The element.
        entry: Entry,
    },
    /// Lays a cable from a bridge into the container.
    AddCable(Cable),
    /// Makes a device in the container on one of the host's.
    AddSubinterface(Subinterface),
    /// Gives the container's device an address.
    AddAddress {
        /// The device.
        inside: String,
        /// The address.
        address: IpAddr,
        /// Its subnet's prefix length.
        prefix: u8,
    },
    /// Gives the container a way out.
    AddDefaultRoute {
        /// The device.
        inside: String,
        /// The next hop.
        gateway: IpAddr,
    },
}
