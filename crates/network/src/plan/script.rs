//! Operations as what a person would type.

use serde::Serialize;

use super::op::Op;
use crate::definition::Driver;
use crate::ruleset::{TABLE, table_text};

/// A line for `sh`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Command {
    /// Whether it is for the container's network namespace; else it is for the host's, with `$$` a process inside.
    pub inside: bool,
    /// The line.
    pub text: String,
}

impl Op {
    /// The lines that do it.
    pub fn commands(&self) -> Vec<Command> {
        let host = |text: String| Command { inside: false, text };
        let inside = |text: String| Command { inside: true, text };
        match self {
            Self::SetSysctl { key, value } => vec![host(format!("sysctl -qw {key}={value}"))],
            Self::AddBridge { name, mac, mtu } => {
                let (mac, mtu) = (mac_text(*mac), mtu_text(*mtu));
                vec![host(format!("ip link add {name} address {mac}{mtu} type bridge"))]
            }
            Self::SetBridgeUp(name) => vec![host(format!("ip link set {name} up"))],
            Self::AddBridgeAddress { bridge, address, prefix } => {
                let how = if address.is_ipv4() { "broadcast +" } else { "nodad" };
                vec![host(format!("ip address add {address}/{prefix} {how} dev {bridge}"))]
            }
            Self::AddTable => vec![host(format!("nft '{}'", table_text()))],
            Self::AddElement { set, entry } => {
                vec![host(format!("nft 'add element inet {TABLE} {} {{ {entry} }}'", set.name()))]
            }
            Self::AddCable(cable) => {
                let mtu = mtu_text(cable.mtu);
                let (name, peer, mac) = (&cable.host, &cable.inside, mac_text(cable.mac));
                let mut lines = vec![
                    host(format!(
                        "ip link add {name}{mtu} type veth peer name {peer} address {mac}{mtu} netns $$"
                    )),
                    host(format!("ip link set {name} master {} up", cable.bridge)),
                ];
                if cable.hairpin {
                    lines.push(host(format!("bridge link set dev {name} hairpin on")));
                }
                lines.push(inside(format!("ip link set {peer} up")));
                lines
            }
            Self::AddSubinterface(sub) => {
                let mode = if sub.driver == Driver::Macvlan { "bridge" } else { "l2" };
                let mac = sub.mac.map_or_else(String::new, |mac| format!(" address {}", mac_text(mac)));
                let (parent, name, kind) = (&sub.parent, &sub.inside, sub.driver.name());
                let mtu = mtu_text(sub.mtu);
                vec![
                    host(format!(
                        "ip link add link {parent} name {name}{mac}{mtu} netns $$ type {kind} mode {mode}"
                    )),
                    inside(format!("ip link set {name} up")),
                ]
            }
            Self::AddAddress { inside: name, address, prefix } => {
                let how = if address.is_ipv4() { "broadcast +" } else { "nodad" };
                vec![inside(format!("ip address add {address}/{prefix} {how} dev {name}"))]
            }
            Self::AddDefaultRoute { inside: name, gateway } => {
                let family = if gateway.is_ipv4() { "" } else { " -6" };
                vec![inside(format!("ip{family} route add default via {gateway} dev {name} proto static"))]
            }
        }
    }

    /// The lines that take it back once the container's network namespace is gone.
    pub fn undo_commands(&self) -> Vec<Command> {
        let text = match self {
            Self::AddElement { set, entry } => {
                format!("nft 'delete element inet {TABLE} {} {{ {} }}'", set.name(), entry.key_text())
            }
            Self::AddBridge { name, .. } => format!("ip link delete {name}"),
            Self::AddTable => format!("nft 'delete table inet {TABLE}'"),
            _ => return Vec::new(),
        };
        vec![Command { inside: false, text }]
    }
}

fn mtu_text(mtu: Option<u32>) -> String {
    mtu.map_or_else(String::new, |mtu| format!(" mtu {mtu}"))
}

/// `02:42:ac:11:00:02`.
pub(crate) fn mac_text(mac: [u8; 6]) -> String {
    mac.map(|byte| format!("{byte:02x}")).join(":")
}
