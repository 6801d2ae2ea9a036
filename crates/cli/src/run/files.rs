//! `/etc/hosts`, `/etc/hostname`, `/etc/resolv.conf`: files that belong to the container, not to its image.

use std::fmt::Write as _;
use std::net::IpAddr;

use barque_engine::definition::{NetworkRequest, OwnFile};
use barque_network::{DEFAULT, NAME_SERVER};

use super::Host;
use super::namespaces::Namespaces;
use super::network::HOST_NAMES;
use crate::flags::Parsed;
use crate::{Error, Result};

/// The container's own files.
pub(super) fn files(
    flags: &Parsed,
    host: &dyn Host,
    namespaces: &Namespaces,
    hostname: &str,
    network: Option<&NetworkRequest>,
) -> Result<Vec<OwnFile>> {
    let in_network = network.is_some();
    Ok(vec![
        own("hosts", hosts(flags, host, namespaces, hostname, in_network)?),
        own("hostname", format!("{hostname}\n")),
        own("resolv.conf", resolv_conf(flags, host, network)?),
    ])
}

/// Where containers see them.
pub(super) const OWN_FILES: [&str; 3] = ["/etc/hosts", "/etc/hostname", "/etc/resolv.conf"];

fn own(name: &str, text: String) -> OwnFile {
    OwnFile { name: name.to_owned(), path: format!("/etc/{name}"), text }
}

/// What every hosts file begins with.
const LOCAL: &str = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::\tip6-localnet\n\
                     ff00::\tip6-mcastprefix\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n";

/// The lines about the container itself and its host come with its address, where it has a network.
fn hosts(
    flags: &Parsed,
    host: &dyn Host,
    namespaces: &Namespaces,
    hostname: &str,
    in_network: bool,
) -> Result<String> {
    let mut text = if namespaces.network.is_host() {
        host.read("/etc/hosts").unwrap_or_else(|_| LOCAL.to_owned())
    } else if in_network {
        LOCAL.to_owned()
    } else {
        format!("{LOCAL}127.0.0.1\t{hostname}\n")
    };
    if !text.ends_with('\n') {
        text.push('\n');
    }
    if namespaces.network.is_host() {
        let _ = writeln!(text, "127.0.0.1\t{}", HOST_NAMES.join(" "));
    }
    for line in flags.all("add-host") {
        // `name:address` and `name=address`; an IPv6 address may be in brackets.
        let (name, address) = line.split_once(['=', ':']).unwrap_or((line, ""));
        let bare = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(address);
        if name.is_empty() {
            return Err(flags.invalid("add-host", line, format!("bad format for add-host: {line:?}")));
        }
        let bare = match bare {
            "host-gateway" if in_network => continue,
            // The host is where its own loopback is.
            "host-gateway" if namespaces.network.is_host() => "127.0.0.1",
            "host-gateway" => {
                return Err(Error::invalid("--add-host with host-gateway needs a network")
                    .hint("use --network bridge, or one of barque network ls"));
            }
            bare => bare,
        };
        let address: IpAddr = bare.parse().map_err(|_| {
            flags.invalid("add-host", line, format!("invalid IP address in add-host: {address:?}"))
        })?;
        let _ = writeln!(text, "{address}\t{name}");
    }
    Ok(text)
}

/// The host's resolver configuration, with the flags in place of its lines of the same kind.
fn resolv_conf(flags: &Parsed, host: &dyn Host, network: Option<&NetworkRequest>) -> Result<String> {
    let servers = super::network::name_servers(flags)?;
    // No file means the resolver's defaults, inside as outside.
    let mut base = host.read("/etc/resolv.conf").unwrap_or_default();
    let answered = network.is_some_and(|network| network.memberships().iter().any(|one| one.name != DEFAULT));
    if network.is_some() {
        base = super::network::reachable(&base);
    }
    let kinds = [("nameserver", "dns"), ("search", "dns-search"), ("options", "dns-option")];
    if !answered && kinds.iter().all(|(_, flag)| !flags.has(flag)) {
        return Ok(base);
    }
    let kept = |line: &&str| {
        let word = line.split_whitespace().next().unwrap_or("");
        let word = if word == "domain" { "search" } else { word };
        let ours = answered && word == "nameserver";
        !ours && !kinds.iter().any(|(keyword, flag)| *keyword == word && flags.has(flag))
    };
    let mut text = String::new();
    for line in base.lines().filter(kept) {
        let _ = writeln!(text, "{line}");
    }
    if answered {
        // It asks the others.
        let _ = writeln!(text, "nameserver {NAME_SERVER}");
    } else {
        for address in &servers {
            let _ = writeln!(text, "nameserver {address}");
        }
    }
    for (keyword, flag) in &kinds[1..] {
        let words: Vec<&str> = flags.all(flag).filter(|word| *word != ".").collect();
        if !words.is_empty() {
            let _ = writeln!(text, "{keyword} {}", words.join(" "));
        }
    }
    if answered && !text.contains("ndots:") {
        // Names of containers have no dots: they are looked for as they are before the domains are tried.
        text.push_str("options ndots:0\n");
    }
    Ok(text)
}
