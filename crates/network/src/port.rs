//! `-p`: which port of the host leads to which of the container.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// A transport protocol that has ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

impl Protocol {
    /// Its number in IP headers.
    pub fn number(self) -> u8 {
        match self {
            Self::Tcp => 6,
            Self::Udp => 17,
            Self::Sctp => 132,
        }
    }

    fn parse(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "tcp" => Some(Self::Tcp),
            "udp" => Some(Self::Udp),
            "sctp" => Some(Self::Sctp),
            _ => None,
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        })
    }
}

/// One port to be published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PortMapping {
    /// The host's address; none: all of them.
    pub host_address: Option<IpAddr>,
    /// The first host port that will do, and the last; none: any that is free.
    pub host_ports: Option<(u16, u16)>,
    /// The container's port.
    pub container_port: u16,
    /// The protocol.
    pub protocol: Protocol,
}

/// Reads `[[ADDRESS:][HOST[-HOST]]:]CONTAINER[-CONTAINER][/PROTOCOL]`: one mapping for each port of the container.
pub fn parse(text: &str) -> Result<Vec<PortMapping>> {
    let invalid = |why: &str| {
        Error::invalid(format!("invalid publish {text:?}: {why}"))
            .hint("write it as [ADDRESS:][HOSTPORT[-HOSTPORT]:]PORT[-PORT][/tcp|udp|sctp]")
    };
    let (rest, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let protocol = Protocol::parse(protocol)
        .ok_or_else(|| invalid(&format!("the protocol {protocol:?} is none of tcp, udp, sctp")))?;
    let (address, host, container) = split(rest).ok_or_else(|| invalid("brackets do not match"))?;
    let address: Option<IpAddr> = match address {
        "" => None,
        text => Some(text.parse().map_err(|_| invalid(&format!("{text:?} is not an IP address")))?),
    };
    let (first, last) =
        range(container).ok_or_else(|| invalid(&format!("{container:?} is not a port or a range")))?;
    let host = match host {
        "" => None,
        text => Some(range(text).ok_or_else(|| invalid(&format!("{text:?} is not a port or a range")))?),
    };
    let count = last - first;
    if let Some((low, high)) = host
        && high - low != count
        && count != 0
    {
        return Err(invalid("the ranges of host and container have different lengths"));
    }
    let mapping = |offset: u16| PortMapping {
        host_address: address,
        // A range for one port means any of it.
        host_ports: host
            .map(|(low, high)| if count == 0 { (low, high) } else { (low + offset, low + offset) }),
        container_port: first + offset,
        protocol,
    };
    Ok((0..=count).map(mapping).collect())
}

/// Address, host ports and container ports; what is left out is empty.
fn split(text: &str) -> Option<(&str, &str, &str)> {
    if let Some(rest) = text.strip_prefix('[') {
        let (address, rest) = rest.split_once("]:")?;
        let (host, container) = rest.split_once(':').unwrap_or(("", rest));
        return Some((address, host, container));
    }
    let Some((before, container)) = text.rsplit_once(':') else { return Some(("", "", text)) };
    // An IPv6 address without brackets is read as Docker does: up to the last two colons.
    let (address, host) = before.rsplit_once(':').unwrap_or(("", before));
    Some((address, host, container))
}

/// `80` or `80-90`.
fn range(text: &str) -> Option<(u16, u16)> {
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u16>().ok().filter(|port| digits && *port > 0)
    };
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (number(first)?, number(last)?);
    (first <= last).then_some((first, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let one = |mapping: PortMapping| {
            let address = mapping.host_address.map_or("*".to_owned(), |address| address.to_string());
            let ports = mapping.host_ports.map_or("any".to_owned(), |(low, high)| format!("{low}-{high}"));
            format!("{address} {ports} {}/{}", mapping.container_port, mapping.protocol)
        };
        parse(text).unwrap().into_iter().map(one).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn reads_all_forms() {
        for (text, expected) in [
            ("80", "* any 80/tcp"),
            ("8080:80", "* 8080-8080 80/tcp"),
            ("8080:80/udp", "* 8080-8080 80/udp"),
            ("127.0.0.1:8080:80/SCTP", "127.0.0.1 8080-8080 80/sctp"),
            ("127.0.0.1::80", "127.0.0.1 any 80/tcp"),
            ("[::1]:8080:80", "::1 8080-8080 80/tcp"),
            ("[::]::80", ":: any 80/tcp"),
            ("::1:8080:80", "::1 8080-8080 80/tcp"),
            ("80-81", "* any 80/tcp, * any 81/tcp"),
            ("8000-8001:80-81", "* 8000-8000 80/tcp, * 8001-8001 81/tcp"),
            ("8000-8010:80", "* 8000-8010 80/tcp"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn refuses_with_the_reason() {
        for (text, reason) in [
            ("", "\"\" is not a port"),
            ("0", "\"0\" is not a port"),
            ("70000", "\"70000\" is not a port"),
            ("80/icmp", "\"icmp\" is none of"),
            ("host:80:80", "\"host\" is not an IP address"),
            ("8000-8002:80-81", "different lengths"),
            ("90-80", "\"90-80\" is not a port"),
            ("+80:80", "\"+80\" is not a port"),
            ("[::1:80", "brackets"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
