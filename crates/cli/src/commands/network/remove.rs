//! `barque network rm`, `barque network prune`.

use barque_engine::start::from_network;
use barque_network::{DEFAULT, Definition, Networks, down, reap};

use crate::commands::Places;
use crate::commands::verb::each;
use crate::flags::Parsed;
use crate::{Error, ErrorKind, Result, console};

/// Removes networks.
pub(super) fn remove(flags: &Parsed, places: &Places) -> Result<i32> {
    let networks = Networks::new(&places.root);
    reap(&networks).map_err(from_network)?;
    Ok(each(flags.positional(), |name| {
        match networks.find(name).map_err(from_network) {
            Ok(definition) => remove_one(&networks, &definition)?,
            Err(error) if error.kind() == ErrorKind::NotFound && flags.switch("force") => return Ok(()),
            Err(error) => return Err(error),
        }
        console::out(&format!("{name}\n"));
        Ok(())
    }))
}

fn remove_one(networks: &Networks, definition: &Definition) -> Result<()> {
    let name = &definition.name;
    let leases = networks.leases(name).list();
    if let Some(lease) = leases.first() {
        let container = lease.owner.container.get(..12).unwrap_or(&lease.owner.container);
        return Err(Error::new(
            ErrorKind::Conflict,
            format!("network {name} has active endpoints: container {container} has {}", lease.address),
        )
        .hint("end its containers first"));
    }
    down(networks, definition).map_err(from_network)?;
    networks.remove(name).map_err(from_network)
}

/// Removes those that no container is in.
pub(super) fn prune(_flags: &Parsed, places: &Places) -> Result<i32> {
    let deleted: String = unused(places, false)?.iter().map(|name| format!("{name}\n")).collect();
    if !deleted.is_empty() {
        console::out(&format!("Deleted Networks:\n{deleted}\n"));
    }
    Ok(0)
}

/// Removes those that no container is in, and returns their names; with `dry_run` it only does that. The default network
/// comes again by itself.
pub(in crate::commands) fn unused(places: &Places, dry_run: bool) -> Result<Vec<String>> {
    let networks = Networks::new(&places.root);
    if !dry_run {
        reap(&networks).map_err(from_network)?;
    }
    let mut names = Vec::new();
    for definition in networks.list().map_err(from_network)? {
        if networks.leases(&definition.name).list().is_empty() {
            if !dry_run {
                remove_one(&networks, &definition)?;
            }
            if definition.name != DEFAULT {
                names.push(definition.name);
            }
        }
    }
    Ok(names)
}
