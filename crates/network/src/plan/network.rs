//! A network on the host.

use std::net::IpAddr;

use super::op::Op;
use crate::definition::{Definition, Driver};
use crate::facts::Facts;
use crate::ruleset::{Entry, SetName};

/// What makes a network, without what of it is there already. Networks of other drivers than bridge are made with their
/// first container.
pub fn network(definition: &Definition, facts: &Facts) -> Vec<Op> {
    let mut ops = Vec::new();
    if definition.driver != Driver::Bridge {
        return ops;
    }
    forwarding(&mut ops, definition, facts);
    let makes_bridge = !definition.adopted && facts.link(&definition.bridge).is_none();
    if makes_bridge {
        bridge(&mut ops, definition);
    }
    if !facts.table {
        ops.push(Op::AddTable);
    }
    if !definition.adopted {
        elements(&mut ops, definition);
    }
    if makes_bridge {
        ops.push(Op::SetBridgeUp(definition.bridge.clone()));
    }
    ops
}

/// Packets pass through a host only when it is told so, and only networks with a way out need that.
fn forwarding(ops: &mut Vec<Op>, definition: &Definition, facts: &Facts) {
    if definition.internal {
        return;
    }
    let has = |v4: bool| definition.pools.iter().any(|pool| pool.subnet.is_ipv4() == v4);
    let mut set = |key: String, value: &str| ops.push(Op::SetSysctl { key, value: value.to_owned() });
    if has(true) && !facts.forwards.0 {
        set("net/ipv4/ip_forward".to_owned(), "1");
    }
    if has(false) && !facts.forwards.1 {
        // A host that forwards no longer listens to routers, unless told with 2: it would lose its own way out.
        for name in &facts.hears_routers {
            set(format!("net/ipv6/conf/{name}/accept_ra"), "2");
        }
        set("net/ipv6/conf/all/forwarding".to_owned(), "1");
    }
}

fn bridge(ops: &mut Vec<Op>, definition: &Definition) {
    let name = &definition.bridge;
    let first = definition.pools.first().map(|pool| pool.gateway);
    ops.push(Op::AddBridge {
        name: name.clone(),
        mac: first.map(mac_of).unwrap_or_default(),
        mtu: definition.options.mtu,
    });
    for pool in &definition.pools {
        let (address, prefix) = (pool.gateway, pool.subnet.prefix());
        ops.push(Op::AddBridgeAddress { bridge: name.clone(), address, prefix });
        if pool.subnet.is_ipv4() && !definition.internal {
            // Without it the kernel lets nothing from 127.0.0.1 out of the loopback; see the chain `guard`.
            let key = format!("net/ipv4/conf/{name}/route_localnet");
            ops.push(Op::SetSysctl { key, value: "1".to_owned() });
        }
    }
}

fn elements(ops: &mut Vec<Op>, definition: &Definition) {
    let name = &definition.bridge;
    let mut add = |set, entry| ops.push(Op::AddElement { set, entry });
    add(SetName::Bridges, Entry::Interface(name.clone()));
    add(SetName::Same, Entry::Same(name.clone()));
    if definition.internal {
        add(SetName::Internal, Entry::Interface(name.clone()));
        return;
    }
    for pool in &definition.pools {
        let set = if pool.subnet.is_ipv4() { SetName::Masquerade4 } else { SetName::Masquerade6 };
        add(set, Entry::Subnet(pool.subnet));
    }
}

/// A hardware address that follows from an address: locally administered, and so nobody's else on the network.
pub fn mac_of(address: IpAddr) -> [u8; 6] {
    let [a, b, c, d] = match address {
        IpAddr::V4(address) => address.octets(),
        IpAddr::V6(address) => {
            let octets = address.octets();
            [octets[12], octets[13], octets[14], octets[15]]
        }
    };
    [0x02, 0x42, a, b, c, d]
}
