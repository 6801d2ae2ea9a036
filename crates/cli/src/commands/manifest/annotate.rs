//! `barque manifest annotate`.

use barque_image::spec::Platform;
use barque_image::store::ManifestList;

use super::{Images, missing, references, told};
use crate::commands::Places;
use crate::flags::Parsed;
use crate::{ErrorKind, Result};

/// Says for which platform an image of a list is.
pub(super) fn annotate(flags: &Parsed, places: &Places) -> Result<i32> {
    let images = Images::open(places)?;
    let names = references(&images, flags.positional())?;
    let [name, source] = &names[..] else { return Ok(1) };
    let edit = images.store.edit_manifest_list(name, |list| {
        let mut list: ManifestList = list.ok_or_else(|| missing(name))?;
        let wanted = source.to_string();
        let listed =
            list.manifests.iter_mut().find(|listed| listed.reference == wanted).ok_or_else(|| {
                barque_image::Error::new(
                    ErrorKind::NotFound,
                    format!("manifest for image {} does not exist in {}", source.familiar(), name.familiar()),
                )
            })?;
        let platform = listed.descriptor.platform.get_or_insert_with(Platform::of_this_machine);
        change(platform, flags)?;
        Ok(Some(list))
    });
    edit.map_err(told)?;
    Ok(0)
}

fn change(platform: &mut Platform, flags: &Parsed) -> barque_image::Result<()> {
    let os = flags.value("os").unwrap_or(&platform.os);
    let architecture = flags.value("arch").unwrap_or(&platform.architecture);
    // By way of its text: names get their usual form, and what is none is refused.
    let mut new: Platform = format!("{os}/{architecture}").parse()?;
    let variant = flags.value("variant").map(str::to_owned);
    // The old variant is one of the old architecture.
    new.variant =
        variant.or_else(|| (!flags.has("arch")).then(|| platform.variant.clone()).flatten()).or(new.variant);
    new.os_version = flags.value("os-version").map(str::to_owned).or_else(|| platform.os_version.take());
    let features = flags.all("os-features").flat_map(|list| list.split(',')).filter(|name| !name.is_empty());
    new.os_features = features.map(str::to_owned).collect();
    if new.os_features.is_empty() {
        new.os_features = std::mem::take(&mut platform.os_features);
    }
    *platform = new;
    Ok(())
}
