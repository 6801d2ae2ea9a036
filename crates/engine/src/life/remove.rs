//! `rm`.

use std::fs;
use std::time::Duration;

use barque_image::store;
use barque_sys::{Call as _, file};

use super::reap;
use crate::containers::DEFINITION;
use crate::definition::MountKind;
use crate::names::Names;
use crate::state::Request;
use crate::upkeep::is_old;
use crate::{Container, Error, ErrorKind, Result, Status, Volumes, events, monitor};

/// How a container is removed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Removal {
    /// One that runs is killed first.
    pub force: bool,
    /// Its volumes without a name go with it, as they do with `--rm`.
    pub volumes: bool,
}

/// Removes a container.
pub fn remove(container: &Container, removal: Removal) -> Result<()> {
    let (container, lock) = match container.lock() {
        // Somebody else has removed it.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        locked => locked?,
    };
    // Nobody starts it from here on, but for its own monitor.
    let now = container.now()?;
    let lives = now.status.is_up() || now.status == Status::Restarting;
    if lives && !removal.force {
        let status = now.status.name();
        return Err(Error::new(
            ErrorKind::Conflict,
            format!(
                "cannot remove container \"/{}\": container is {status}: stop the container before removing or force remove",
                container.name()
            ),
        ));
    }
    if now.watched {
        let client = monitor::ask(&container, Request::Remove, 9, None)?;
        match client.map(|client| client.ended()) {
            None | Some(Ok(_)) => {}
            // It has come to its end before it heard us.
            Some(Err(error)) if error.kind() == ErrorKind::Unavailable => {}
            Some(Err(error)) => return Err(error),
        }
        monitor::ended(&container)?;
        if !container.directory().join(DEFINITION).exists() {
            // With --rm its monitor has removed it.
            return Ok(());
        }
    }
    if container.now()?.status.is_up() {
        container.places().runtime().open(container.id())?.delete(true)?;
    }
    reap(&container, &lock)?;
    let_go(&container)?;
    take_away(&container, removal.volumes)
}

/// What others wait for: the name is free, and so is the image.
pub(crate) fn let_go(container: &Container) -> Result<()> {
    Names::new(container.places()).give_back(container.name(), container.id())?;
    let images = store::Store::new(&container.places().root);
    images.release(container.id()).map_err(crate::start::from_image)?;
    let mounted = container.definition.mounts.iter().filter(|mount| mount.kind == MountKind::Image).count();
    for number in 0..mounted {
        images.release(&mounted_image(container.id(), number)).map_err(crate::start::from_image)?;
    }
    Ok(())
}

/// Under which key a container uses the images that are mounted into it.
pub fn mounted_image(id: &str, number: usize) -> String {
    format!("{id}.{number}")
}

/// Everything else. The definition, by which it is found, goes first: what is left when this is cut short is nobody's, and
/// found as such.
pub(crate) fn take_away(container: &Container, volumes: bool) -> Result<()> {
    let directory = container.directory();
    let config = container.config().unwrap_or_default();
    let definition = directory.join(DEFINITION);
    match fs::remove_file(&definition) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        removed => removed.call(|| format!("unlink({definition:?})"))?,
    }
    let removed =
        barque_runtime::container::remove_directory(&directory, container.spec(&config).ok().as_ref());
    monitor::forget(container.places(), container.id());
    events::of_container(container, "destroy", &[]);
    if volumes || container.definition.auto_remove {
        Volumes::new(container.places()).remove_anonymous(&container.definition)?;
    }
    removed
}

/// Directories of containers that are none any more, and have been as they are for so long: whoever made or removed them was
/// killed. Removes them where that is wanted. Returns their ids.
pub fn leftovers(places: &crate::Places, age: Duration, remove: bool) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for id in crate::Containers::new(places.clone()).ids()? {
        let directory = places.container(&id);
        if crate::containers::is_there(places, &id) || !is_old(&directory, age) {
            continue;
        }
        if remove {
            let config = file::read(&directory.join(crate::containers::CONFIG)).unwrap_or_default();
            let spec = barque_runtime::spec::spec_from_json(&config).ok();
            barque_runtime::container::remove_directory(&directory, spec.as_ref())?;
            monitor::forget(places, &id);
        }
        found.push(id);
    }
    Ok(found)
}
