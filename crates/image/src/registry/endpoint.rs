//! One place where a registry is spoken to.

use std::fmt;

use crate::{Error, Result};

/// How much an endpoint must prove.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Security {
    /// HTTPS with a certificate that is valid.
    Strict,
    /// HTTPS with any certificate; plain HTTP where that does not work.
    Lax,
    /// Plain HTTP.
    Plain,
}

/// The address of a registry or of a mirror of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoint {
    /// The name that credentials and certificates are kept under: `docker.io`, `localhost:5000`.
    pub(super) host: String,
    /// What is connected to: `registry-1.docker.io`.
    pub(super) address: String,
    /// What goes before the repository: nothing, or `prefix/`.
    pub(super) prefix: String,
    /// What it must prove.
    pub(super) security: Security,
}

impl Endpoint {
    pub(super) fn new(host: &str, address: &str, security: Security) -> Self {
        Self { host: host.into(), address: address.into(), prefix: String::new(), security }
    }

    /// Reads `[http[s]://]host[:port][/path]`.
    pub(super) fn parse(url: &str, security: Security) -> Result<Self> {
        let bad =
            || Error::invalid(format!("mirror {url:?} is not of the form http[s]://host[:port][/path]"));
        let (security, rest) = match url.split_once("://") {
            Some(("https", rest)) => (security, rest),
            Some(("http", rest)) => (Security::Plain, rest),
            Some(_) => return Err(bad()),
            None => (security, url),
        };
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let path = path.trim_matches('/');
        // The grammar of references is that of hosts and paths here, too.
        let probe = if path.is_empty() { "x" } else { path };
        crate::Reference::new(host, probe).map_err(|_| bad())?;
        let prefix = if path.is_empty() { String::new() } else { format!("{path}/") };
        Ok(Self { prefix, ..Self::new(host, host, security) })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.security == Security::Plain { "http" } else { "https" };
        write!(f, "{scheme}://{}", self.address)?;
        match self.prefix.strip_suffix('/') {
            Some(prefix) => write!(f, "/{prefix}"),
            None => Ok(()),
        }
    }
}

/// Splits `host[:port]`; the brackets of an IPv6 address stay.
pub(super) fn split_port(host: &str) -> (&str, Option<u16>) {
    match host.rsplit_once(':') {
        Some((name, port)) if !name.contains(':') || name.ends_with(']') => match port.parse() {
            Ok(port) => (name, Some(port)),
            Err(_) => (host, None),
        },
        _ => (host, None),
    }
}
