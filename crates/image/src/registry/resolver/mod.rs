//! Names become addresses without the C library: `getaddrinfo` of a static binary loads the host's modules (NSS).
//!
//! `localhost`, `/etc/hosts`, then the name servers of `/etc/resolv.conf`. The client is `ureq`'s, which asks through its
//! trait; what it lacks is only this part.

mod conf;
mod message;
mod query;

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::time::{Duration, Instant};

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use super::settings::NameFiles;
use conf::Conf;

/// `ureq` keeps no more.
const MOST: usize = 16;

/// Looks names up.
#[derive(Debug, Clone)]
pub(super) struct Names {
    files: NameFiles,
}

impl Names {
    pub(super) fn new(files: NameFiles) -> Self {
        Self { files }
    }

    /// The addresses of a host, the best first. Empty where there is no such name.
    fn look_up(&self, host: &str, deadline: Instant) -> std::io::Result<Vec<IpAddr>> {
        let host = host.trim_matches(['[', ']']);
        if let Ok(address) = host.parse() {
            return Ok(vec![address]);
        }
        let name = host.trim_end_matches('.').to_ascii_lowercase();
        let listed = conf::in_hosts(&text(&self.files.hosts), &name);
        if !listed.is_empty() {
            return Ok(listed);
        }
        // RFC 6761: these names never leave the machine.
        if name == "localhost" || name.ends_with(".localhost") {
            return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
        }
        let conf = Conf::parse(&text(&self.files.resolv_conf));
        let mut addresses = Vec::new();
        for candidate in conf.candidates(host) {
            addresses = query::look_up(&conf, &candidate, deadline)?;
            if !addresses.is_empty() {
                break;
            }
        }
        Ok(in_order(addresses))
    }
}

fn text(path: &Path) -> String {
    // Without these files there are no names, which is what the caller then hears.
    fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

/// Those that there is a route to come first: connecting a datagram socket asks the kernel and sends nothing.
fn in_order(mut addresses: Vec<IpAddr>) -> Vec<IpAddr> {
    let routed = |address: &IpAddr| {
        let any: IpAddr = match address {
            IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        UdpSocket::bind((any, 0)).and_then(|socket| socket.connect((*address, 9))).is_ok()
    };
    addresses.sort_by_cached_key(|address| !routed(address));
    addresses
}

impl Resolver for Names {
    fn resolve(
        &self,
        uri: &Uri,
        _: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let host = uri.host().ok_or_else(|| ureq::Error::BadUri(uri.to_string()))?;
        let default = if uri.scheme_str() == Some("https") { 443 } else { 80 };
        let port = uri.port_u16().unwrap_or(default);
        let limit = timeout.not_zero().map_or(Duration::from_secs(30), |limit| *limit);
        let found = self.look_up(host, Instant::now() + limit)?;
        let mut addresses = self.empty();
        for address in found.into_iter().take(MOST) {
            addresses.push(SocketAddr::new(address, port));
        }
        if addresses.is_empty() { Err(ureq::Error::HostNotFound) } else { Ok(addresses) }
    }
}

#[cfg(test)]
mod tests;

/// Reads bytes as an answer, and as the files that name servers and hosts (`crate::fuzz`).
pub(crate) fn fuzz(bytes: &[u8]) {
    for kind in [message::Kind::V4, message::Kind::V6] {
        let Some(question) = message::question(7, "example.org", kind) else { continue };
        drop(message::answer(bytes, &question, kind));
        // What follows the right start.
        let mut answer = question.clone();
        answer.splice(2..12, [0x81, 0x80, 0, 1, 0, bytes.first().copied().unwrap_or(1), 0, 0, 0, 0]);
        answer.extend(bytes.get(1..).unwrap_or_default());
        drop(message::answer(&answer, &question, kind));
    }
    let text = String::from_utf8_lossy(bytes);
    drop(conf::Conf::parse(&text).candidates(&text));
    drop(conf::in_hosts(&text, "localhost"));
}
