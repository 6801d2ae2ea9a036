//! `barque network`.

mod create;
mod show;

use barque_network::{DEFAULT, Definition, Networks, down, reap};

use super::Places;
use crate::flags::Parsed;
use crate::{Error, ErrorKind, Result, console};
use barque_engine::start::from_network;

/// What is to be done about networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// `network create`.
    Create,
    /// `network ls`.
    Ls,
    /// `network inspect`.
    Inspect,
    /// `network rm`.
    Rm,
    /// `network prune`.
    Prune,
}

/// Does it.
pub fn network(verb: Verb, flags: &Parsed, places: &Places) -> Result<i32> {
    let networks = Networks::new(&places.root);
    match verb {
        Verb::Create => create::create(flags, &networks)?,
        Verb::Ls => show::list(flags, &networks)?,
        Verb::Inspect => show::inspect(flags, &networks)?,
        Verb::Rm => remove(flags, &networks)?,
        Verb::Prune => prune(&networks)?,
    }
    Ok(0)
}

fn remove(flags: &Parsed, networks: &Networks) -> Result<()> {
    if flags.positional().is_empty() {
        return Err(Error::invalid("\"barque network rm\" requires at least 1 argument"));
    }
    reap(networks).map_err(from_network)?;
    for name in flags.positional() {
        match networks.find(name).map_err(from_network) {
            Ok(definition) => remove_one(networks, &definition)?,
            Err(error) if error.kind() == ErrorKind::NotFound && flags.switch("force") => continue,
            Err(error) => return Err(error),
        }
        console::out(&format!("{name}\n"));
    }
    Ok(())
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

fn prune(networks: &Networks) -> Result<()> {
    reap(networks).map_err(from_network)?;
    let mut deleted = String::new();
    for definition in networks.list().map_err(from_network)? {
        if networks.leases(&definition.name).list().is_empty() {
            remove_one(networks, &definition)?;
            if definition.name != DEFAULT {
                deleted.push_str(&format!("{}\n", definition.name));
            }
        }
    }
    if !deleted.is_empty() {
        console::out(&format!("Deleted Networks:\n{deleted}\n"));
    }
    Ok(())
}
