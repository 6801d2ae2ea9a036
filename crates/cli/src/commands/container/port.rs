//! `barque port`.

use std::net::{IpAddr, SocketAddr};

use barque_engine::{Containers, Places};
use barque_network::{Networks, Published};

use crate::flags::Parsed;
use crate::{Error, ErrorKind, Result, console};

/// The published ports of a container, in order.
pub(super) fn published(places: &Places, id: &str) -> Vec<Published> {
    let mut ports = Networks::new(&places.root).ports().list();
    ports.retain(|port| port.owner.container == id);
    ports.sort_by_key(|port| (port.container_port, port.protocol, port.host_port));
    ports
}

/// Where the host listens for one: both families when it is all of its addresses.
fn addresses(port: &Published) -> Vec<SocketAddr> {
    let all = [IpAddr::from([0_u8; 4]), IpAddr::from([0_u16; 8])];
    match port.host_address {
        Some(address) => vec![SocketAddr::new(address, port.host_port)],
        None => all.map(|address| SocketAddr::new(address, port.host_port)).to_vec(),
    }
}

/// As `ps` shows them.
pub(super) fn summary(places: &Places, id: &str) -> String {
    let mut parts = Vec::new();
    for port in published(places, id) {
        let target = format!("{}/{}", port.container_port, port.protocol);
        parts.extend(addresses(&port).into_iter().map(|address| format!("{address}->{target}")));
    }
    parts.join(", ")
}

/// Lists the published ports of a container.
pub(super) fn port(flags: &Parsed, places: &Places) -> Result<i32> {
    let [name, rest @ ..] = flags.positional() else { return Ok(1) };
    let container = Containers::new(places.clone()).find(name)?;
    let wanted =
        rest.first().map(|text| if text.contains('/') { text.clone() } else { format!("{text}/tcp") });
    let mut found = false;
    for port in published(places, container.id()) {
        let target = format!("{}/{}", port.container_port, port.protocol);
        if wanted.as_ref().is_some_and(|wanted| *wanted != target) {
            continue;
        }
        found = true;
        for address in addresses(&port) {
            match wanted {
                Some(_) => console::out(&format!("{address}\n")),
                None => console::out(&format!("{target} -> {address}\n")),
            }
        }
    }
    match wanted {
        Some(wanted) if !found => {
            Err(Error::new(ErrorKind::NotFound, format!("No public port '{wanted}' published for {name}")))
        }
        _ => Ok(0),
    }
}
