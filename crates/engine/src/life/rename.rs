//! `rename`.

use crate::names::Names;
use crate::start::from_network;
use crate::{Container, Error, Result, events};

/// Gives a container another name.
pub fn rename(container: &Container, name: &str) -> Result<()> {
    let name = name.strip_prefix('/').unwrap_or(name);
    let (mut container, _lock) = container.lock()?;
    let old = container.name().to_owned();
    if old == name {
        return Err(Error::invalid("Error when allocating new name: the new name is the old one"));
    }
    let places = container.places().clone();
    let names = Names::new(&places);
    names.take(name, container.id())?;
    name.clone_into(&mut container.definition.name);
    if let Err(error) = container.write() {
        names.give_back(name, container.id())?;
        return Err(error);
    }
    let networks = barque_network::Networks::new(&places.root);
    barque_network::rename(&networks, container.id(), &old, name).map_err(from_network)?;
    names.give_back(&old, container.id())?;
    events::of_container(&container, "rename", &[("oldName", &old)]);
    Ok(())
}
