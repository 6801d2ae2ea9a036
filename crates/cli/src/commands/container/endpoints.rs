//! A container's networks, as `inspect` shows them.

use barque_engine::Container;
use barque_engine::definition::Membership;
use barque_engine::start::names_in;
use barque_network::{Networks, addresses, mac_of};
use serde_json::{Map, Value, json};

/// `NetworkSettings`.
pub(super) fn settings(container: &Container) -> Value {
    let ports = ports(container);
    let Some(request) = &container.definition.network.request else {
        return json!({ "Networks": { (&container.definition.network.mode): {} }, "Ports": ports });
    };
    let networks = Networks::new(&container.places().root);
    let memberships = request.memberships();
    let places: Map<_, _> =
        memberships.iter().map(|one| (one.name.clone(), endpoint(container, &networks, one))).collect();
    // What stands beside the list is about the first of them.
    let first = places.get(&request.name).cloned().unwrap_or_default();
    json!({
        "IPAddress": first["IPAddress"],
        "IPPrefixLen": first["IPPrefixLen"],
        "Gateway": first["Gateway"],
        "GlobalIPv6Address": first["GlobalIPv6Address"],
        "MacAddress": first["MacAddress"],
        "Ports": ports,
        "Networks": places,
    })
}

/// What is published; nothing for ports that it only listens on.
fn ports(container: &Container) -> Map<String, Value> {
    let exposed = container.definition.network.exposed.iter().cloned();
    let mut ports: Map<_, _> = exposed.map(|port| (port, Value::Null)).collect();
    for port in super::port::published(container.places(), container.id()) {
        let address = port.host_address.map_or_else(|| "0.0.0.0".to_owned(), |address| address.to_string());
        let binding = json!({ "HostIp": address, "HostPort": port.host_port.to_string() });
        let list = ports.entry(format!("{}/{}", port.container_port, port.protocol)).or_insert(Value::Null);
        match list {
            Value::Array(list) => list.push(binding),
            none => *none = json!([binding]),
        }
    }
    ports
}

/// Its place in a network: empty texts while it does not run.
fn endpoint(container: &Container, networks: &Networks, membership: &Membership) -> Value {
    let definition = networks.find(&membership.name).ok();
    let pools = definition.as_ref().map(|network| &network.pools[..]).unwrap_or_default();
    let own = addresses(networks, container.id(), &membership.name);
    let of = |v4: bool| {
        let address = own.iter().find(|address| address.is_ipv4() == v4)?;
        let pool = pools.iter().find(|pool| pool.subnet.contains(*address))?;
        Some((address.to_string(), pool.subnet.prefix(), pool.gateway.to_string()))
    };
    let (address, prefix, gateway) = of(true).unwrap_or_default();
    let (address6, prefix6, gateway6) = of(false).unwrap_or_default();
    let mac = own.first().map(|first| membership.mac.unwrap_or_else(|| mac_of(*first)));
    let mac = mac.map(|mac| mac.map(|byte| format!("{byte:02x}")).join(":"));
    json!({
        "NetworkID": definition.as_ref().map(|network| &network.id),
        "Aliases": membership.aliases,
        "DNSNames": names_in(membership, &container.definition),
        "MacAddress": mac.unwrap_or_default(),
        "IPAddress": address,
        "IPPrefixLen": prefix,
        "Gateway": gateway,
        "GlobalIPv6Address": address6,
        "GlobalIPv6PrefixLen": prefix6,
        "IPv6Gateway": gateway6,
    })
}
