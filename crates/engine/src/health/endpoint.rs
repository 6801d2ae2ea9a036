//! Addresses that are asked from within a container's network namespace. Names are not resolved: a probe asks what runs
//! in the container, and a name service that fails would make it look ill.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Where something listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Endpoint {
    /// The address; none is `localhost`: 127.0.0.1, then `::1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// The port.
    pub port: u16,
}

/// A page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Url {
    /// Who has it.
    pub endpoint: Endpoint,
    /// What is asked for, from the first slash.
    pub path: String,
}

impl Endpoint {
    /// `PORT`, `ADDRESS:PORT`, `[ADDRESS]:PORT`, `localhost:PORT`.
    pub fn parse(text: &str) -> Result<Self> {
        let (host, port) = text.rsplit_once(':').unwrap_or(("", text));
        Ok(Self { address: address(host, text)?, port: port_of(port, text)? })
    }

    /// The addresses to try, one after the other.
    pub(crate) fn addresses(self) -> Vec<SocketAddr> {
        let own = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
        let list = self.address.map_or_else(|| own.to_vec(), |address| vec![address]);
        list.into_iter().map(|address| SocketAddr::new(address, self.port)).collect()
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address {
            Some(address) => write!(f, "{}", SocketAddr::new(address, self.port)),
            None => write!(f, "localhost:{}", self.port),
        }
    }
}

impl Url {
    /// `http://HOST[:PORT][/PATH]`, where HOST is an address or `localhost`.
    pub fn parse(text: &str) -> Result<Self> {
        let Some(rest) = text.strip_prefix("http://") else {
            return Err(Error::invalid(format!("{text:?} is no URL of a health check"))
                .hint("write http://localhost:PORT/PATH; for https use --health-tcp or --health-cmd"));
        };
        let (authority, path) = match rest.find(['/', '?']) {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        let path = path.split('#').next().unwrap_or_default();
        if path.bytes().any(|byte| byte.is_ascii_control() || byte == b' ') {
            return Err(Error::invalid(format!(
                "{text:?} is no URL: its path has a space or a control character"
            )));
        }
        let slash = if path.starts_with('/') { "" } else { "/" };
        let colon = authority.rfind(':').filter(|at| !authority[*at..].contains(']'));
        let (host, port) = colon.map_or((authority, ""), |at| (&authority[..at], &authority[at + 1..]));
        let port = if port.is_empty() { 80 } else { port_of(port, text)? };
        Ok(Self {
            endpoint: Endpoint { address: address(host, text)?, port },
            path: format!("{slash}{path}"),
        })
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.endpoint, self.path)
    }
}

fn address(host: &str, whole: &str) -> Result<Option<IpAddr>> {
    if host.is_empty() || host == "localhost" {
        return Ok(None);
    }
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    bare.parse().map(Some).map_err(|_| {
        Error::invalid(format!("{whole:?}: {host:?} is no address"))
            .hint("it is asked from within the container: write localhost, or an address of the container")
    })
}

fn port_of(text: &str, whole: &str) -> Result<u16> {
    match text.parse() {
        Ok(port @ 1..) => Ok(port),
        _ => Err(Error::invalid(format!("{whole:?}: {text:?} is no port: it is a number from 1 to 65535"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints() {
        for (text, shown) in [
            ("80", "localhost:80"),
            ("localhost:8080", "localhost:8080"),
            ("10.0.0.2:1", "10.0.0.2:1"),
            ("[::1]:443", "[::1]:443"),
        ] {
            assert_eq!(Endpoint::parse(text).unwrap().to_string(), shown, "{text}");
        }
        for text in ["", "0", "65536", "http", "example.org:80", "80:", "-1"] {
            assert!(Endpoint::parse(text).is_err(), "{text}");
        }
        assert_eq!(Endpoint::parse("5").unwrap().addresses().len(), 2);
    }

    #[test]
    fn urls() {
        for (text, shown) in [
            ("http://localhost", "http://localhost:80/"),
            ("http://localhost:8080/health?x=1#top", "http://localhost:8080/health?x=1"),
            ("http://:9/x", "http://localhost:9/x"),
            ("http://10.0.0.2/a:b", "http://10.0.0.2:80/a:b"),
            ("http://[::1]:81", "http://[::1]:81/"),
            ("http://[::1]/", "http://[::1]:80/"),
            ("http://localhost?x", "http://localhost:80/?x"),
        ] {
            assert_eq!(Url::parse(text).unwrap().to_string(), shown, "{text}");
        }
        for text in [
            "",
            "localhost:80",
            "https://localhost",
            "http://name/",
            "http://localhost:x/",
            "http://localhost/a b",
        ] {
            assert!(Url::parse(text).is_err(), "{text}");
        }
    }
}
