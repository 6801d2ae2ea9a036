//! Our nf_tables table: made once, with sets and maps that networks and published ports are elements of. No rule is
//! added later, so that starting a container costs none, whatever the number of containers.
//!
//! Each rule stands here twice, as `nft` writes it and as the kernel takes it; a test lets the kernel compare.

mod rules;

use std::fmt;
use std::net::IpAddr;

use barque_sys::nftables::{Batch, Chain, Element, Hook, Set, Type};
use serde::Serialize;

use crate::port::Protocol;
use crate::subnet::{Subnet, next};

/// The table's name, in the family `inet`.
pub const TABLE: &str = "barque";

/// A set or map of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SetName {
    /// The bridges of our networks.
    Bridges,
    /// Those that nothing goes out of.
    Internal,
    /// Each bridge with itself: what a packet that stays on one comes from and goes to.
    Same,
    /// Subnets whose containers share the host's address outside.
    Masquerade4,
    /// The same of IPv6.
    Masquerade6,
    /// Ports of all addresses of the host.
    Ports4,
    /// The same of IPv6.
    Ports6,
    /// Ports of one address of the host.
    AddressPorts4,
    /// The same of IPv6.
    AddressPorts6,
}

impl SetName {
    const ALL: [Self; 9] = [
        Self::Bridges,
        Self::Internal,
        Self::Same,
        Self::Masquerade4,
        Self::Masquerade6,
        Self::Ports4,
        Self::Ports6,
        Self::AddressPorts4,
        Self::AddressPorts6,
    ];

    /// Its name in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bridges => "bridges",
            Self::Internal => "internal",
            Self::Same => "same",
            Self::Masquerade4 => "masquerade4",
            Self::Masquerade6 => "masquerade6",
            Self::Ports4 => "ports4",
            Self::Ports6 => "ports6",
            Self::AddressPorts4 => "address_ports4",
            Self::AddressPorts6 => "address_ports6",
        }
    }

    /// What its keys and values are made of.
    fn types(self) -> (&'static [Type], &'static [Type]) {
        match self {
            Self::Bridges | Self::Internal => (&[Type::Interface], &[]),
            Self::Same => (&[Type::Interface, Type::Interface], &[]),
            Self::Masquerade4 => (&[Type::Ipv4], &[]),
            Self::Masquerade6 => (&[Type::Ipv6], &[]),
            Self::Ports4 => (&[Type::Protocol, Type::Service], &[Type::Ipv4, Type::Service]),
            Self::Ports6 => (&[Type::Protocol, Type::Service], &[Type::Ipv6, Type::Service]),
            Self::AddressPorts4 => {
                (&[Type::Ipv4, Type::Protocol, Type::Service], &[Type::Ipv4, Type::Service])
            }
            Self::AddressPorts6 => {
                (&[Type::Ipv6, Type::Protocol, Type::Service], &[Type::Ipv6, Type::Service])
            }
        }
    }

    fn is_interval(self) -> bool {
        matches!(self, Self::Masquerade4 | Self::Masquerade6)
    }
}

/// What an element of a set says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// A device.
    Interface(String),
    /// A device twice.
    Same(String),
    /// A subnet.
    Subnet(Subnet),
    /// A published port: the host's, and the container's address and port.
    Port {
        /// The host's address; none: all of them.
        address: Option<IpAddr>,
        /// The protocol.
        protocol: Protocol,
        /// The host's port.
        port: u16,
        /// Where it leads.
        to: (IpAddr, u16),
    },
}

impl Entry {
    /// As the kernel takes it: a range is two elements.
    pub(crate) fn elements(&self) -> Vec<Element> {
        let key = |key| vec![Element { key, ..Element::default() }];
        match self {
            Self::Interface(name) => key(interface(name)),
            Self::Same(name) => key([interface(name), interface(name)].concat()),
            Self::Subnet(subnet) => {
                let mut both = key(bytes(subnet.address()));
                // The first address after it, unless it ends where all addresses end.
                both.extend(next(subnet.last()).map(|end| Element {
                    key: bytes(end),
                    ends: true,
                    ..Element::default()
                }));
                both
            }
            Self::Port { address, protocol, port, to } => {
                let service = |port: u16| [&port.to_be_bytes()[..], &[0, 0]].concat();
                let mut key = address.map(bytes).unwrap_or_default();
                key.extend([protocol.number(), 0, 0, 0]);
                key.extend(service(*port));
                vec![Element { key, value: [bytes(to.0), service(to.1)].concat(), ends: false }]
            }
        }
    }

    /// Its key, as `nft` takes it.
    pub fn key_text(&self) -> String {
        let text = self.to_string();
        text.split(" : ").next().unwrap_or(&text).to_owned()
    }
}

impl fmt::Display for Entry {
    /// As `nft` takes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interface(name) => write!(f, "\"{name}\""),
            Self::Same(name) => write!(f, "\"{name}\" . \"{name}\""),
            Self::Subnet(subnet) => write!(f, "{subnet}"),
            Self::Port { address, protocol, port, to } => {
                if let Some(address) = address {
                    write!(f, "{address} . ")?;
                }
                write!(f, "{protocol} . {port} : {} . {}", to.0, to.1)
            }
        }
    }
}

fn interface(name: &str) -> Vec<u8> {
    let mut bytes = name.as_bytes().to_vec();
    bytes.resize(16, 0);
    bytes
}

fn bytes(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

/// `NF_IP_PRI_RAW`, `NF_IP_PRI_NAT_DST`, `NF_IP_PRI_FILTER`, `NF_IP_PRI_NAT_SRC`.
const CHAINS: [(Chain<'static>, &str); 5] = [
    (
        Chain { name: "guard", kind: "filter", hook: Hook::Prerouting, priority: -300 },
        "prerouting priority raw",
    ),
    (
        Chain { name: "prerouting", kind: "nat", hook: Hook::Prerouting, priority: -100 },
        "prerouting priority dstnat",
    ),
    (Chain { name: "output", kind: "nat", hook: Hook::Output, priority: -100 }, "output priority -100"),
    (
        Chain { name: "postrouting", kind: "nat", hook: Hook::Postrouting, priority: 100 },
        "postrouting priority srcnat",
    ),
    (Chain { name: "forward", kind: "filter", hook: Hook::Forward, priority: 0 }, "forward priority filter"),
];

/// The table, its sets, chains and rules, as a batch.
pub(crate) fn add_table(batch: &mut Batch) {
    batch.add_table(TABLE);
    for (id, set) in (1..).zip(SetName::ALL) {
        let (key, value) = set.types();
        batch.add_set(TABLE, &Set { name: set.name(), id, key, value, interval: set.is_interval() });
    }
    for (chain, _) in &CHAINS {
        batch.add_chain(TABLE, chain);
    }
    for rule in rules::all() {
        batch.add_rule(TABLE, rule.chain, &rule.expressions);
    }
}

/// The table as `nft -f` takes it.
pub(crate) fn table_text() -> String {
    let mut text = format!("table inet {TABLE} {{\n");
    for set in SetName::ALL {
        let (key, value) = set.types();
        let names = |types: &[Type]| types.iter().map(|one| type_name(*one)).collect::<Vec<_>>().join(" . ");
        let (kind, map) =
            if value.is_empty() { ("set", String::new()) } else { ("map", format!(" : {}", names(value))) };
        let flags = if set.is_interval() { " flags interval;" } else { "" };
        text.push_str(&format!("    {kind} {} {{ type {}{map};{flags} }}\n", set.name(), names(key)));
    }
    for (chain, place) in &CHAINS {
        text.push_str(&format!(
            "    chain {} {{\n        type {} hook {place}; policy accept;\n",
            chain.name, chain.kind
        ));
        for rule in rules::all().iter().filter(|rule| rule.chain == chain.name) {
            text.push_str(&format!("        {}\n", rule.text));
        }
        text.push_str("    }\n");
    }
    text.push('}');
    text
}

fn type_name(one: Type) -> &'static str {
    match one {
        Type::Ipv4 => "ipv4_addr",
        Type::Ipv6 => "ipv6_addr",
        Type::Protocol => "inet_proto",
        Type::Service => "inet_service",
        Type::Interface => "ifname",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_have_the_bytes_of_their_types() {
        let port = Entry::Port {
            address: Some("10.0.0.1".parse().unwrap()),
            protocol: Protocol::Udp,
            port: 8080,
            to: ("fd00::2".parse().unwrap(), 80),
        };
        let [element] = &port.elements()[..] else { panic!() };
        assert_eq!(element.key, [10, 0, 0, 1, 17, 0, 0, 0, 0x1f, 0x90, 0, 0]);
        assert_eq!(element.value.len(), 20);
        assert_eq!(port.to_string(), "10.0.0.1 . udp . 8080 : fd00::2 . 80");
        let subnet = Entry::Subnet(Subnet::parse("172.17.0.0/16").unwrap()).elements();
        assert_eq!((&subnet[0].key[..], &subnet[1].key[..]), (&[172, 17, 0, 0][..], &[172, 18, 0, 0][..]));
        assert!(subnet[1].ends);
        assert_eq!(Entry::Same("br0".to_owned()).elements()[0].key.len(), 32);
    }
}
