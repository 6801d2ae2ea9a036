//! Networks on this host: brought up before their first container, taken down when they are removed.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use barque_sys::file;
use barque_sys::nftables::Nftables;
use barque_sys::rtnetlink::Rtnetlink;
use serde::{Deserialize, Serialize};

use crate::definition::{Definition, Driver};
use crate::execute::{delete_link, execute, undo};
use crate::facts::{Facts, read_sysctl};
use crate::plan::{self, Op};
use crate::reserve::lock_directory;
use crate::store::Networks;
use crate::{ErrorKind, Result, TABLE};

/// What the kernel parameters were that we have changed; below the directory of networks.
const BEFORE: &str = ".before.json";

#[derive(Debug, Default, Serialize, Deserialize)]
struct Before {
    boot_id: String,
    values: BTreeMap<String, String>,
}

/// What became of [`up`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Brought {
    /// What was done; nothing when all was there.
    pub ops: Vec<Op>,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// Makes a network's bridge and rules where they are missing. After somebody has flushed the firewall it makes those of
/// all networks, and of their published ports.
pub fn up(networks: &Networks, definition: &Definition) -> Result<Brought> {
    if definition.driver != Driver::Bridge || is_up(definition)? {
        return Ok(Brought::default());
    }
    let lock = lock(networks)?;
    let mut facts = Facts::read()?;
    let half_made = |link: &barque_sys::rtnetlink::LinkEntry| link.name == definition.bridge && !link.up;
    if !definition.adopted && facts.links.iter().any(half_made) {
        // It is switched on last: whoever made it was killed on the way.
        delete_link(&definition.bridge)?;
        facts.links.retain(|link| !half_made(link));
    }
    let brought =
        Brought { ops: missing(networks, definition, &facts)?, warnings: warnings(definition, &facts) };
    remember(networks, &brought.ops)?;
    let result = execute(&brought.ops, None);
    if result.is_err() {
        undo(&brought.ops);
    }
    file::unlock(&lock)?;
    result.map(|()| brought)
}

/// Makes our table anew, with what belongs to the networks that are up and to the published ports: after somebody has
/// flushed the firewall, or changed what is ours.
pub fn reload(networks: &Networks) -> Result<()> {
    let lock = lock(networks)?;
    let all = networks.list()?;
    let mut facts = Facts::read()?;
    let is_up = |network: &&Definition| {
        network.driver == Driver::Bridge && facts.link(&network.bridge).is_some_and(|link| link.up)
    };
    let result = match all.iter().find(is_up).cloned() {
        None => Ok(()),
        Some(network) => {
            Nftables::open()?.delete_table(TABLE)?;
            facts.table = false;
            missing(networks, &network, &facts).and_then(|ops| execute(&ops, None))
        }
    };
    file::unlock(&lock)?;
    result
}

/// What [`up`] would do.
pub fn missing(networks: &Networks, definition: &Definition, facts: &Facts) -> Result<Vec<Op>> {
    if definition.adopted && facts.link(&definition.bridge).is_none() {
        return Err(crate::Error::new(
            ErrorKind::NotFound,
            format!("network {}: bridge {} is not there", definition.name, definition.bridge),
        )
        .hint("it was made by somebody else, and is used as it is: make it again, or remove the network"));
    }
    if facts.table && facts.link(&definition.bridge).is_some_and(|link| link.up) {
        return Ok(Vec::new());
    }
    let mut ops = plan::network(definition, facts);
    if facts.table {
        return Ok(ops);
    }
    let with_table = Facts { table: true, ..facts.clone() };
    let others = networks.list()?.into_iter().filter(|other| other.name != definition.name);
    for other in others.filter(|other| facts.link(&other.bridge).is_some()) {
        ops.extend(plan::network(&other, &with_table));
    }
    let has_link = |name: &str| facts.link(name).is_some();
    for port in networks.ports().list().iter().filter(|port| port.owner.is_alive(&has_link)) {
        ops.extend(port.entries().into_iter().map(|(set, entry)| Op::AddElement { set, entry }));
    }
    Ok(ops)
}

/// Removes a network's bridge and elements; after the last one, the table too, and kernel parameters are what they were.
pub fn down(networks: &Networks, definition: &Definition) -> Result<()> {
    let lock = lock(networks)?;
    let facts = Facts::read()?;
    let bare = Facts { table: facts.table, forwards: (true, true), ..Facts::default() };
    if !definition.adopted && definition.driver == Driver::Bridge {
        if facts.table {
            let elements = plan::network(definition, &bare);
            let elements: Vec<_> =
                elements.into_iter().filter(|op| matches!(op, Op::AddElement { .. })).collect();
            undo(&elements);
        }
        delete_link(&definition.bridge)?;
    }
    let up = |other: &Definition| !other.adopted && facts.link(&other.bridge).is_some();
    let last = !networks.list()?.iter().any(|other| other.name != definition.name && up(other));
    if last && networks.ports().list().is_empty() {
        Nftables::open()?.delete_table(TABLE)?;
        restore(networks)?;
    }
    file::unlock(&lock)?;
    Ok(())
}

/// Whether bridge and table are there: two questions to the kernel, and no more on the way of a start.
fn is_up(definition: &Definition) -> Result<bool> {
    let link = Rtnetlink::open()?.link(&definition.bridge)?;
    Ok(link.is_some_and(|link| link.up) && Nftables::open()?.has_table(TABLE)?)
}

fn lock(networks: &Networks) -> Result<OwnedFd> {
    file::make_directories(networks.directory(), 0o711)?;
    lock_directory(networks.directory())
}

fn warnings(definition: &Definition, facts: &Facts) -> Vec<String> {
    let dropping = facts.dropping.as_ref().filter(|_| !definition.internal);
    let warning = |chain: &String| {
        format!(
            "the firewall's chain {chain} drops forwarded packets that no rule of its own accepts (Docker and ufw set \
             that policy), so containers of network {name} may not reach the outside; let them pass: \
             nft insert rule {chain} iifname {bridge} accept; nft insert rule {chain} oifname {bridge} accept",
            name = definition.name,
            bridge = definition.bridge
        )
    };
    dropping.map(warning).into_iter().collect()
}

fn before(networks: &Networks) -> PathBuf {
    networks.directory().join(BEFORE)
}

fn boot_id() -> String {
    read_sysctl("kernel/random/boot_id").unwrap_or_default()
}

/// Parameters of our own bridges end with them; the others are remembered.
fn remember(networks: &Networks, ops: &[Op]) -> Result<()> {
    let keys = ops.iter().filter_map(|op| match op {
        Op::SetSysctl { key, .. } if !key.ends_with("/route_localnet") => Some(key),
        _ => None,
    });
    let mut known = read_before(networks);
    let count = known.values.len();
    for key in keys {
        if let Some(value) = read_sysctl(key) {
            known.values.entry(key.clone()).or_insert(value);
        }
    }
    if known.values.len() > count {
        let text = serde_json::to_vec(&known).unwrap_or_default();
        let directory = file::open(networks.directory(), file::DIRECTORY)?;
        file::replace(&directory, BEFORE, &text)?;
    }
    Ok(())
}

fn read_before(networks: &Networks) -> Before {
    let text = file::read(&before(networks)).unwrap_or_default();
    let known: Before = serde_json::from_str(&text).unwrap_or_default();
    let boot_id = boot_id();
    if known.boot_id == boot_id { known } else { Before { boot_id, values: BTreeMap::new() } }
}

fn restore(networks: &Networks) -> Result<()> {
    for (key, value) in read_before(networks).values {
        // A device may be gone by now.
        drop(file::write_once(Path::new(&format!("/proc/sys/{key}")), &value));
    }
    match std::fs::remove_file(before(networks)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Ok(Err(error).map_err(|error| crate::Error::from_io(error, "unlink(.before.json)"))?)
        }
        _ => Ok(()),
    }
}
