//! Names: of the container, and of its host.

use super::Host;
use super::namespaces::Namespaces;
use crate::flags::Parsed;
use crate::{Error, Result};

/// Digits of a short id.
const SHORT: usize = 12;
/// The kernel's limit on host and domain names.
const LONGEST: usize = 64;

/// `--name`, checked.
pub(super) fn name(flags: &Parsed) -> Result<Option<String>> {
    let Some(given) = flags.value("name") else {
        return Ok(None);
    };
    let name = given.strip_prefix('/').unwrap_or(given);
    barque_engine::check_name(name)?;
    Ok(Some(name.to_owned()))
}

/// The container's host name: as given, the caller's where the namespace is shared, or else the short id.
pub(super) fn hostname(flags: &Parsed, host: &dyn Host, namespaces: &Namespaces, id: &str) -> Result<String> {
    let given = flags.value("hostname").filter(|name| !name.is_empty());
    if namespaces.uts.is_host() && (given.is_some() || flags.has("domainname")) {
        return Err(Error::invalid("conflicting options: hostname and the UTS mode")
            .hint("the host's name cannot be changed from a container: leave out --hostname or --uts host"));
    }
    if let Some(peer) = namespaces.network.peer() {
        if given.is_some() {
            return Err(Error::invalid("conflicting options: hostname and the network mode")
                .hint("a container in the network of another has its host name"));
        }
        return Ok(peer.hostname.clone());
    }
    let short = || id.chars().take(SHORT).collect();
    let name = match given {
        Some(name) => name.to_owned(),
        None if namespaces.uts.is_host() || namespaces.network.is_host() => {
            host.read("/proc/sys/kernel/hostname").map_or_else(|_| short(), |name| name.trim_end().to_owned())
        }
        None => short(),
    };
    if name.len() > LONGEST {
        return Err(Error::invalid(format!(
            "invalid hostname {name:?}: the kernel takes at most {LONGEST} bytes"
        )));
    }
    Ok(name)
}
