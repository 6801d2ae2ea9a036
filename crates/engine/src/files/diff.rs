//! `diff`: what a container has changed.

use super::layer::Layer;
use super::{aside, view};
use crate::start::from_image as told;
use crate::{Container, Result};

/// What the container has changed in its root filesystem: `A /x`, `C /etc`, `D /y`, a line each. What is mounted in it, and
/// what was made for that, is no change.
pub fn diff(container: &Container) -> Result<Vec<String>> {
    let config = container.config()?;
    let spec = container.spec(&config)?;
    let now = container.now()?;
    aside::run(|| {
        let inside = view::enter_user_namespace(&spec, now.pid)?;
        let Some(layer) = Layer::open(container, &spec, now.pid, inside)? else { return Ok(Vec::new()) };
        let Layer { upper, lowers, form, mount_points, .. } = &layer;
        let changes = barque_image::layer::changes_of_writable_layer(upper, lowers, *form, mount_points);
        Ok(changes.map_err(told)?.iter().map(ToString::to_string).collect())
    })
}
