//! `network connect` and `network disconnect`: networks of a container that may run meanwhile.

use std::fmt::Write as _;
use std::fs;
use std::net::IpAddr;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;

use barque_network::{Attachment, Definition as Network, Networks, Wanted};
use barque_sys::{Call as _, namespace};

use crate::definition::{Membership, NetworkRequest};
use crate::start::{CONTAINER, from_network, names_in};
use crate::{Container, Error, ErrorKind, Result};

/// Puts a container into one more network.
pub fn connect(container: &Container, mut membership: Membership) -> Result<()> {
    let (mut container, _lock) = container.lock()?;
    let networks = Networks::new(&container.places().root);
    let network = networks.find(&membership.name).map_err(from_network)?;
    membership.name.clone_from(&network.name);
    refuse_shared(&container)?;
    let before = container.definition.network.request.as_ref();
    let memberships = before.map(NetworkRequest::memberships).unwrap_or_default();
    if memberships.iter().any(|one| one.name == network.name) {
        return Err(Error::new(
            ErrorKind::Conflict,
            format!("endpoint with name {} already exists in network {}", container.name(), network.name),
        ));
    }
    let mut found = memberships.iter().filter_map(|one| networks.find(&one.name).ok());
    let way_out = !network.internal && found.all(|other| other.internal);
    if let Some(pid) = container.now()?.pid {
        join(&container, pid, &networks, &network, &membership, way_out)?;
    }
    let hostname = hostname(&container)?;
    let place = &mut container.definition.network;
    match &mut place.request {
        Some(request) => request.others.push(membership),
        None => {
            place.mode.clone_from(&network.name);
            place.request = Some(NetworkRequest::new(membership, hostname));
        }
    }
    container.write()
}

/// Takes a container out of a network.
pub fn disconnect(container: &Container, name: &str) -> Result<()> {
    let (mut container, _lock) = container.lock()?;
    let networks = Networks::new(&container.places().root);
    // It may have been removed by hand; then the name is the whole one.
    let name = networks.find(name).map_or_else(|_| name.to_owned(), |network| network.name);
    refuse_shared(&container)?;
    let request = container.definition.network.request.as_mut();
    let Some(rest) = request.and_then(|request| request.without(&name)) else {
        return Err(Error::new(
            ErrorKind::Conflict,
            format!("container {} is not connected to network {name}", container.name()),
        ));
    };
    let left: Vec<Network> = rest
        .iter()
        .flat_map(NetworkRequest::memberships)
        .filter_map(|one| networks.find(&one.name).ok())
        .collect();
    if let Some(pid) = container.now()?.pid {
        let namespace = namespace_of(pid)?;
        let addresses = barque_network::disconnect(&networks, container.id(), &name, namespace.as_fd())
            .map_err(from_network)?;
        if let Some(network) = left.iter().find(|network| !network.internal) {
            barque_network::give_way_out(&networks, network, container.id(), namespace.as_fd())
                .map_err(from_network)?;
        }
        barque_network::refresh_names(&networks, container.id()).map_err(from_network)?;
        edit_hosts(&container, |text| without(text, &addresses))?;
    }
    let place = &mut container.definition.network;
    if rest.is_none() {
        "none".clone_into(&mut place.mode);
    }
    place.request = rest;
    container.write()
}

/// Docker's words.
fn refuse_shared(container: &Container) -> Result<()> {
    let mode = container.definition.network.mode.as_str();
    let shared = mode == "host" || mode.starts_with("ns:") || mode.starts_with(CONTAINER);
    if !shared {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Conflict,
        "container sharing network namespace with another container or host cannot be connected to any other network",
    ))
}

/// The container runs: its network namespace gets a device.
fn join(
    container: &Container,
    pid: i32,
    networks: &Networks,
    network: &Network,
    membership: &Membership,
    way_out: bool,
) -> Result<()> {
    let namespace = namespace_of(pid)?;
    let names = names_in(membership, &container.definition);
    let wanted = Wanted {
        container: container.id(),
        number: barque_network::free_number(namespace.as_fd()).map_err(from_network)?,
        addresses: &membership.addresses,
        mac: membership.mac,
        names: &names,
        way_out,
        ..Wanted::default()
    };
    let attachment = Attachment::prepare(networks, network, &wanted).map_err(from_network)?;
    if let Err(error) = attachment.connect(networks, namespace.as_fd(), pid) {
        let leases = [(network.name.clone(), attachment.addresses.clone())];
        drop(barque_network::detach(networks, container.id(), &leases));
        return Err(from_network(error));
    }
    barque_network::refresh_names(networks, container.id()).map_err(from_network)?;
    let hostname = hostname(container)?;
    edit_hosts(container, |mut text| {
        for address in &attachment.addresses {
            let _ = writeln!(text, "{address}\t{hostname}");
        }
        text
    })
}

fn namespace_of(pid: i32) -> Result<OwnedFd> {
    Ok(namespace::open(Path::new(&format!("/proc/{pid}/ns/net")))?)
}

fn hostname(container: &Container) -> Result<String> {
    let config = container.config()?;
    Ok(container.spec(&config)?.hostname.map(|name| name.to_string()).unwrap_or_default())
}

/// Lines that are not about these addresses.
fn without(text: String, addresses: &[IpAddr]) -> String {
    let about = |line: &str| {
        let word = line.split_whitespace().next().and_then(|word| word.parse::<IpAddr>().ok());
        word.is_some_and(|address| addresses.contains(&address))
    };
    text.lines().filter(|line| !about(line)).map(|line| format!("{line}\n")).collect()
}

/// The file is mounted into the container: it must stay the same one.
fn edit_hosts(container: &Container, edit: impl FnOnce(String) -> String) -> Result<()> {
    let path = container.directory().join("hosts");
    let text = fs::read_to_string(&path).call(|| format!("open({path:?})"))?;
    fs::write(&path, edit(text)).call(|| format!("write({path:?})"))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_about_addresses_go() {
        let text =
            "127.0.0.1\tlocalhost\n10.0.0.2\tweb\n10.0.0.20\tother\n# 10.0.0.2\nfd00::2 web\n".to_owned();
        let addresses = ["10.0.0.2".parse().unwrap(), "fd00::2".parse().unwrap()];
        assert_eq!(without(text, &addresses), "127.0.0.1\tlocalhost\n10.0.0.20\tother\n# 10.0.0.2\n");
    }
}
