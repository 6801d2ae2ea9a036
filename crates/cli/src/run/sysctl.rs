//! `--sysctl`: kernel parameters that belong to a namespace.

use std::collections::BTreeMap;

use barque_runtime::spec::Str;

use super::namespaces::{Mode, Namespaces};
use crate::flags::Parsed;
use crate::{Error, Result};

/// Parameters of the IPC namespace.
const IPC: [&str; 8] = [
    "kernel.msgmax",
    "kernel.msgmnb",
    "kernel.msgmni",
    "kernel.sem",
    "kernel.shmall",
    "kernel.shmmax",
    "kernel.shmmni",
    "kernel.shm_rmid_forced",
];
/// Parameters of the UTS namespace.
const UTS: [&str; 2] = ["kernel.hostname", "kernel.domainname"];

/// Docker's defaults, and the parameters that are given.
pub(super) fn sysctls(
    flags: &Parsed,
    namespaces: &Namespaces,
) -> Result<BTreeMap<Str<'static>, Str<'static>>> {
    let mut sysctls = BTreeMap::new();
    if namespaces.network == Mode::Private {
        // Anybody may bind ports below 1024 and send pings: the network is the container's own.
        sysctls.insert("net.ipv4.ip_unprivileged_port_start".into(), "0".into());
        // The range must be mapped in full, which a user namespace seldom does.
        if !namespaces.user.is_foreign() {
            sysctls.insert("net.ipv4.ping_group_range".into(), "0 2147483647".into());
        }
    }
    for text in flags.all("sysctl") {
        let (name, value) = text.split_once('=').ok_or_else(|| not_allowed(text))?;
        let name = name.trim().replace('/', ".");
        check(&name, text, namespaces)?;
        sysctls.insert(name.into(), value.trim().to_owned().into());
    }
    Ok(sysctls)
}

/// Refuses parameters of the whole machine: they are not the container's to change.
fn check(name: &str, text: &str, namespaces: &Namespaces) -> Result<()> {
    let (what, mode) = if name.starts_with("net.") {
        ("network", &namespaces.network)
    } else if IPC.contains(&name) || name.starts_with("fs.mqueue.") {
        ("IPC", &namespaces.ipc)
    } else if UTS.contains(&name) {
        return Err(Error::invalid(format!("sysctl '{text}' is set by a flag of its own"))
            .hint("use --hostname or --domainname"));
    } else {
        return Err(not_allowed(text));
    };
    if mode.is_host() {
        return Err(Error::invalid(format!("sysctl '{text}' not allowed in host {what} namespace")));
    }
    Ok(())
}

fn not_allowed(text: &str) -> Error {
    Error::invalid(format!("sysctl '{text}' is not allowed")).hint(
        "only parameters of the container's own namespaces: net.*, fs.mqueue.*, kernel.msg*, kernel.sem, kernel.shm*",
    )
}
