//! Which registries are reached how: mirrors, plain HTTP, certificates that are not looked at.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

use serde::Deserialize;

use super::endpoint::{Endpoint, Security, split_port};
use super::network::Network;
use crate::reference::{DEFAULT_HOST, ShortNames};
use crate::{Error, Reference, Result};

/// Where Docker Hub really is.
const DOCKER_HUB: &str = "registry-1.docker.io";

/// How registries are reached. The first two fields are those of Docker's `daemon.json`, which can be read as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Hosts {
    /// Registries whose certificates are not looked at, and which may speak plain HTTP: `host[:port]`, or networks.
    pub insecure_registries: Vec<String>,
    /// Mirrors of `docker.io`.
    pub registry_mirrors: Vec<String>,
    /// Mirrors of any registry: `{"quay.io": ["https://mirror.example/quay"]}`. A path goes before the repository's.
    pub mirrors: BTreeMap<String, Vec<String>>,
    /// Registries that speak only plain HTTP: `host[:port]`.
    pub plain_http: Vec<String>,
    /// What names without a registry mean.
    pub short_names: ShortNames,
    /// Directories with a directory for each `host[:port]`, as `/etc/docker/certs.d`: `*.crt` to trust, `NAME.cert` with
    /// `NAME.key` to show.
    pub certificates: Vec<PathBuf>,
}

impl Hosts {
    /// Reads a document of JSON; fields of others are not looked at.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        // As fields in their order, an array would be one of these, too.
        if bytes.trim_ascii_start().first() != Some(&b'{') {
            return Err(Error::invalid("configuration of registries: it is no object of JSON"));
        }
        let hosts: Self = serde_json::from_slice(bytes)
            .map_err(|error| Error::invalid(format!("configuration of registries: {error}")))?;
        for url in hosts.registry_mirrors.iter().chain(hosts.mirrors.values().flatten()) {
            Endpoint::parse(url, Security::Strict)?;
        }
        Ok(hosts)
    }

    /// Where the registry itself is.
    pub(super) fn origin(&self, host: &str) -> Endpoint {
        let address = if host == DEFAULT_HOST { DOCKER_HUB } else { host };
        Endpoint::new(host, address, self.security(host))
    }

    /// Where to read from, in the order to try: mirrors, then the registry itself.
    pub(super) fn to_read(&self, reference: &Reference) -> Result<Vec<Endpoint>> {
        let host = reference.host();
        let own = self.mirrors.get(host).into_iter().flatten();
        let docker = self.registry_mirrors.iter().filter(|_| host == DEFAULT_HOST);
        let mut endpoints = Vec::new();
        for url in own.chain(docker) {
            let mirror = Endpoint::parse(url, Security::Strict)?;
            let security = match self.security(&mirror.host) {
                // Whoever writes http:// for a mirror has said it.
                _ if mirror.security == Security::Plain => Security::Plain,
                listed => listed,
            };
            endpoints.push(Endpoint { security, ..mirror });
        }
        endpoints.push(self.origin(host));
        Ok(endpoints)
    }

    fn security(&self, host: &str) -> Security {
        let listed = |entries: &[String]| entries.iter().any(|entry| names(entry, host));
        if listed(&self.plain_http) {
            Security::Plain
        } else if listed(&self.insecure_registries) || is_loopback(host) {
            Security::Lax
        } else {
            Security::Strict
        }
    }
}

/// Whether an entry of a list is about a registry.
fn names(entry: &str, host: &str) -> bool {
    let entry = entry.trim_end_matches('/');
    let entry = entry.strip_prefix("http://").or_else(|| entry.strip_prefix("https://")).unwrap_or(entry);
    let (name, port) = split_port(host);
    let same_name = entry.eq_ignore_ascii_case(host) || (port.is_none() && entry.eq_ignore_ascii_case(name));
    let address = name.trim_matches(['[', ']']).parse::<IpAddr>().ok();
    let inside = match (Network::parse(entry), address) {
        (Some(network), Some(address)) => entry.contains('/') && network.contains(address),
        _ => false,
    };
    same_name || inside
}

/// Docker treats a registry on this machine as insecure: nobody is between.
fn is_loopback(host: &str) -> bool {
    let (name, _) = split_port(host);
    let name = name.trim_matches(['[', ']']);
    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn security_of_hosts() {
        let hosts = Hosts::parse(
            br#"{"insecure-registries": ["lax.example:5000", "10.1.0.0/16", "http://old.example/"],
                 "plain-http": ["plain.example"], "log-driver": "json-file"}"#,
        )
        .unwrap();
        for (host, expected) in [
            ("docker.io", Security::Strict),
            ("lax.example:5000", Security::Lax),
            ("lax.example", Security::Strict),
            ("old.example", Security::Lax),
            ("10.1.2.3:5000", Security::Lax),
            ("10.2.2.3:5000", Security::Strict),
            ("plain.example", Security::Plain),
            ("localhost:5000", Security::Lax),
            ("127.0.0.1:5000", Security::Lax),
            ("[::1]:5000", Security::Lax),
            ("localhost.evil.example", Security::Strict),
            ("127.0.0.1.evil.example", Security::Strict),
        ] {
            assert_eq!(hosts.security(host), expected, "{host}");
        }
    }

    #[test]
    fn mirrors_come_first() {
        let hosts = Hosts::parse(
            br#"{"registry-mirrors": ["https://hub.example"],
                 "mirrors": {"quay.io": ["http://m1.example:80/quay/", "m2.example"]}}"#,
        )
        .unwrap();
        let order = |text: &str| -> Vec<String> {
            let reference: Reference = text.parse().unwrap();
            let endpoints = hosts.to_read(&reference).unwrap();
            endpoints.iter().map(|endpoint| endpoint.to_string()).collect()
        };
        assert_eq!(order("debian"), ["https://hub.example", "https://registry-1.docker.io"]);
        assert_eq!(
            order("quay.io/a/b"),
            ["http://m1.example:80/quay", "https://m2.example", "https://quay.io"]
        );
        assert_eq!(order("gcr.io/a"), ["https://gcr.io"]);
        for bad in [r#"{"registry-mirrors": ["ftp://x"]}"#, r#"{"mirrors": {"a": ["https://"]}}"#, "[]", "{"]
        {
            assert!(Hosts::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
