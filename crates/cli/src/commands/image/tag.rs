//! `barque tag`.

use barque_engine::events;

use super::{Images, told};
use crate::commands::Places;
use crate::flags::Parsed;
use crate::{Error, Result};

/// Gives an image one more name.
pub(super) fn tag(flags: &Parsed, places: &Places) -> Result<i32> {
    let [image, name] = flags.positional() else { return Ok(1) };
    let images = Images::open(places)?;
    let name = images.name(name)?;
    if name.digest().is_some() {
        return Err(Error::invalid(format!("{name}: refusing to create a tag with a digest reference")));
    }
    let lease = images.store.lease().map_err(told)?;
    images.store.tag(&images.find(image)?, &name).map_err(told)?;
    drop(lease);
    events::of(places, "image", "tag", &name.to_string(), &[("name", &name.familiar())]);
    Ok(0)
}
