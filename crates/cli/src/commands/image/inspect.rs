//! `barque image inspect`.

use super::{Images, told};
use crate::Result;
use crate::commands::Places;
use crate::commands::inspect::show;
use crate::flags::Parsed;

/// Shows all that is known about images.
pub(super) fn inspect(flags: &Parsed, places: &Places) -> Result<i32> {
    let images = Images::open(places)?;
    let mut found = Vec::new();
    let code = super::each(flags.positional(), |typed| {
        let image = images.find(typed)?;
        found.push(images.store.inspect(&image).map_err(told)?);
        Ok(())
    });
    show(flags, found)?;
    Ok(code)
}
