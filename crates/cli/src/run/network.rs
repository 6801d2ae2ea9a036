//! `--network NAME`, `-p`, `--ip`, `--mac-address`: which network, and what of it.

use std::net::IpAddr;

use barque_engine::definition::{Membership, NetworkRequest};
use barque_engine::start::{CONTAINER, from_network};
use barque_network::{PortMapping, parse_port};

use super::membership::{self, membership};
use super::{Caller, Host};
use crate::flags::Parsed;
use crate::{Error, Result};

/// Names by which every container of a network finds the host.
pub(super) const HOST_NAMES: [&str; 2] = ["host.docker.internal", "host.containers.internal"];

/// The values of `--network`, and of `--net`, its old name.
fn values(flags: &Parsed) -> impl Iterator<Item = &str> {
    flags.all("network").chain(flags.all("net")).filter(|text| !text.is_empty())
}

/// The first network that is asked for; `bridge` where ports are published without saying where, else `none`.
pub(super) fn chosen(flags: &Parsed) -> &str {
    let publishes = flags.has("publish") || flags.switch("publish-all");
    values(flags).next().map_or(if publishes { "bridge" } else { "none" }, membership::name)
}

/// Whether that is a network's name, and not a way to do without.
pub(super) fn is_name(text: &str) -> bool {
    !matches!(text, "none" | "host") && !text.contains(':')
}

/// Reads the flags; none for containers without a network.
pub(super) fn network(
    flags: &Parsed,
    caller: &Caller,
    hostname: &str,
    exposed: &[String],
    warnings: &mut Vec<String>,
) -> Result<Option<NetworkRequest>> {
    let name = chosen(flags);
    let ports = published(flags, exposed)?;
    if let Some(other) = values(flags).map(membership::name).find(|other| !is_name(other))
        && values(flags).count() > 1
    {
        return Err(Error::invalid(format!(
            "conflicting options: --network {other} is the only one, or none"
        ))
        .hint("several networks are networks by name"));
    }
    if name.starts_with(CONTAINER) {
        of_container(flags)?;
        return Ok(None);
    }
    if !is_name(name) {
        without(flags, name, !ports.is_empty(), warnings)?;
        return Ok(None);
    }
    if !caller.privileged {
        return Err(Error::unsupported(format!("--network {name} takes root in this version of barque"))
            .hint("use --network host, none, or ns:PATH"));
    }
    let mut memberships = memberships(flags)?;
    let mut gateway_names = HOST_NAMES.map(str::to_owned).to_vec();
    gateway_names.extend(flags.all("add-host").filter_map(host_gateway).map(str::to_owned));
    let first = memberships.remove(0);
    Ok(Some(NetworkRequest {
        ports,
        name_servers: name_servers(flags)?,
        gateway_names,
        others: memberships,
        ..NetworkRequest::new(first, hostname.to_owned())
    }))
}

/// All networks by name; the flags for one are about the first.
fn memberships(flags: &Parsed) -> Result<Vec<Membership>> {
    let own = match values(flags).next() {
        Some(text) => membership::parse(flags, text)?,
        None => Membership { name: chosen(flags).to_owned(), ..Membership::default() },
    };
    let mut all = vec![membership::merge(own, membership(flags, "network-alias")?)?];
    for text in values(flags).skip(1) {
        let next = membership::parse(flags, text)?;
        if all.iter().any(|other| other.name == next.name) {
            return Err(Error::invalid(format!("network {} is named twice", next.name)));
        }
        all.push(next);
    }
    Ok(all)
}

/// What cannot be had without a network of its own.
fn without(flags: &Parsed, name: &str, publishes: bool, warnings: &mut Vec<String>) -> Result<()> {
    let details = ["ip", "ip6", "mac-address", "network-alias"];
    let mut details = details.into_iter().filter(|flag| flags.has(flag));
    if name == "host" && publishes {
        warnings.push("published ports are discarded when using host network mode".to_owned());
    } else if let Some(flag) = details.next().or(publishes.then_some("publish")) {
        return Err(Error::invalid(format!("conflicting options: --{flag} and --network {name}"))
            .hint("name a network: --network bridge, or one of barque network ls"));
    }
    Ok(())
}

/// The ports to publish: those of `-p`, and with `-P` the exposed ones.
fn published(flags: &Parsed, exposed: &[String]) -> Result<Vec<PortMapping>> {
    let mut ports = Vec::new();
    for text in flags.all("publish") {
        ports.extend(parse_port(text).map_err(from_network)?);
    }
    if flags.switch("publish-all") {
        for text in exposed {
            let mappings = parse_port(text).map_err(from_network)?;
            let is_new = |mapping: &PortMapping| {
                let same = |other: &PortMapping| {
                    (other.container_port, other.protocol) == (mapping.container_port, mapping.protocol)
                };
                !ports.iter().any(same)
            };
            let new: Vec<_> = mappings.into_iter().filter(is_new).collect();
            ports.extend(new);
        }
    }
    Ok(ports)
}

/// The ports that the image and `--expose` speak of, as `80/tcp`, each once.
pub(super) fn exposed(flags: &Parsed, host: &dyn Host) -> Result<Vec<String>> {
    let image = host.image().into_iter().flat_map(|image| image.exposed_ports.keys().map(String::as_str));
    let mut ports = std::collections::BTreeSet::new();
    for text in image.chain(flags.all("expose")) {
        let mappings = (!text.contains(':')).then(|| parse_port(text).ok()).flatten();
        let invalid = || flags.invalid("expose", text, "invalid range format for --expose");
        for port in mappings.ok_or_else(invalid)? {
            ports.insert((port.container_port, port.protocol));
        }
    }
    Ok(ports.into_iter().map(|(port, protocol)| format!("{port}/{protocol}")).collect())
}

/// What belongs to the container whose network it is cannot be said again: Docker's words.
fn of_container(flags: &Parsed) -> Result<()> {
    for (flag, what) in [
        ("publish", "port publishing and the container type network mode"),
        ("publish-all", "port publishing and the container type network mode"),
        ("expose", "port exposing and the container type network mode"),
        ("mac-address", "mac-address and the network mode"),
        ("ip", "ip address and the network mode"),
        ("ip6", "ip address and the network mode"),
        ("network-alias", "network aliases and the network mode"),
        ("add-host", "custom host-to-IP mapping and the network mode"),
        ("dns", "dns and the network mode"),
        ("dns-search", "dns and the network mode"),
        ("dns-option", "dns and the network mode"),
    ] {
        if flags.has(flag) {
            return Err(Error::invalid(format!("conflicting options: {what}"))
                .hint("give the flag to the container whose network it is"));
        }
    }
    Ok(())
}

/// The name servers of `--dns`.
pub(super) fn name_servers(flags: &Parsed) -> Result<Vec<IpAddr>> {
    let read = |text: &str| {
        text.parse().map_err(|_| flags.invalid("dns", text, format!("{text} is not an ip address")))
    };
    flags.all("dns").map(read).collect()
}

/// The name of an `--add-host NAME:host-gateway`.
pub(super) fn host_gateway(line: &str) -> Option<&str> {
    let (name, address) = line.split_once(['=', ':'])?;
    (address == "host-gateway" && !name.is_empty()).then_some(name)
}

/// The lines of the host's resolver configuration that mean something in another network namespace: a name server on the
/// host's loopback is out of reach there.
pub(super) fn reachable(resolv_conf: &str) -> String {
    let loopback = |line: &&str| {
        let mut words = line.split_whitespace();
        words.next() == Some("nameserver")
            && words
                .next()
                .and_then(|word| word.parse::<IpAddr>().ok())
                .is_some_and(|address| address.is_loopback())
    };
    resolv_conf.lines().filter(|line| !loopback(line)).map(|line| format!("{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::{Outcome, RUN, parse};

    fn flags(line: &str) -> Parsed {
        let words: Vec<String> = format!("{line} @host true").split_whitespace().map(str::to_owned).collect();
        match parse(&RUN, &words).unwrap() {
            Outcome::Args(parsed) => parsed,
            Outcome::Help => panic!(),
        }
    }

    #[test]
    fn which_network() {
        for (line, expected, named) in [
            ("", "none", false),
            ("-p 80", "bridge", true),
            ("-P", "bridge", true),
            ("--network container:web", "container:web", false),
            ("--net host", "host", false),
            ("--network ns:/run/netns/x -p 80", "ns:/run/netns/x", false),
            ("--network mine", "mine", true),
            ("--network name=mine,mac-address=02:42:00:00:00:09 --network b", "mine", true),
        ] {
            let flags = flags(line);
            assert_eq!((chosen(&flags), is_name(chosen(&flags))), (expected, named), "{line}");
        }
        assert_eq!(host_gateway("h:host-gateway"), Some("h"));
        assert_eq!(host_gateway("h=1.2.3.4"), None);
    }

    #[test]
    fn name_servers_on_the_loopback_are_left_out() {
        let text = "search a\nnameserver 127.0.0.53\nnameserver 10.0.0.1\nnameserver ::1\n";
        assert_eq!(reachable(text), "search a\nnameserver 10.0.0.1\n");
    }
}
