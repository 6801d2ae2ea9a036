//! What a client is told by its caller: libraries read neither the environment nor fixed places.

use std::path::PathBuf;
use std::time::Duration;

use super::credentials::Credentials;
use super::hosts::Hosts;
use super::proxies::Proxies;

/// How registries are spoken to.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What the client calls itself.
    pub user_agent: String,
    /// Which registries are reached how.
    pub hosts: Hosts,
    /// Where logins are.
    pub credentials: Credentials,
    /// Through whom registries are reached.
    pub proxies: Proxies,
    /// A bundle of certificates to trust instead of the system's.
    pub roots: Option<PathBuf>,
    /// The files that names are looked up with.
    pub names: NameFiles,
    /// How long is too long.
    pub timeouts: Timeouts,
    /// How often something is tried that may work the next time.
    pub attempts: u32,
    /// Blobs are sent in pieces of at most so many bytes; whole where it is not given.
    pub chunk: Option<u64>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            user_agent: concat!("barque/", env!("CARGO_PKG_VERSION")).to_owned(),
            hosts: Hosts::default(),
            credentials: Credentials::default(),
            proxies: Proxies::default(),
            roots: None,
            names: NameFiles::default(),
            timeouts: Timeouts::default(),
            attempts: 5,
            chunk: None,
        }
    }
}

/// How long is waited for a registry before it counts as gone.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// For a connection, TLS included.
    pub connect: Duration,
    /// For the next bytes, while something is transferred; and the time in which [`LEAST`] bytes of a blob must come.
    pub stall: Duration,
    /// For a whole document or short answer.
    pub answer: Duration,
    /// For the answer to the end of an upload: a registry may hash all of it again.
    pub commit: Duration,
    /// The first pause before another attempt; each further one is twice as long.
    pub pause: Duration,
    /// The longest pause that a registry may ask for and get without the caller hearing of it.
    pub patience: Duration,
}

/// Fewer bytes than this in a [`Timeouts::stall`] are no transfer: a registry may drip for ever.
pub const LEAST: u64 = 4096;

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(20),
            stall: Duration::from_secs(60),
            answer: Duration::from_secs(120),
            commit: Duration::from_secs(600),
            pause: Duration::from_millis(250),
            patience: Duration::from_secs(10),
        }
    }
}

/// The files of the C library's own resolver.
#[derive(Debug, Clone)]
pub struct NameFiles {
    /// Names and addresses.
    pub hosts: PathBuf,
    /// Whom to ask for others.
    pub resolv_conf: PathBuf,
}

impl Default for NameFiles {
    fn default() -> Self {
        Self { hosts: "/etc/hosts".into(), resolv_conf: "/etc/resolv.conf".into() }
    }
}
