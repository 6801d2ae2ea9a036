//! `barque manifest push`.

use barque_image::Reference;
use barque_image::progress::Silent;
use barque_image::registry::Client;
use barque_image::spec::{Manifest, media_type};
use barque_image::store::Listed;

use super::{Images, client, known, references, told};
use crate::commands::Places;
use crate::flags::Parsed;
use crate::{Error, Result, console};

/// Pushes a list.
pub(super) fn push(flags: &Parsed, places: &Places) -> Result<i32> {
    let images = Images::open(places)?;
    let names = references(&images, flags.positional())?;
    let [name] = &names[..] else { return Ok(1) };
    let list = known(&images, name)?;
    let client = client(flags, [name])?;
    // What goes by way of this machine must not be taken for orphans meanwhile.
    let lease = images.store.lease().map_err(told)?;
    for listed in &list.manifests {
        bring(&images, &client, listed, name)?;
    }
    drop(lease);
    let index = list.index();
    let bytes =
        serde_json::to_vec(&index).map_err(|error| Error::invalid(format!("{}: {error}", list.name)))?;
    let kind = index.media_type.as_deref().unwrap_or(media_type::INDEX);
    let pushed = client.put_manifest(name, kind, &bytes).map_err(told)?;
    console::out(&format!("{}\n", pushed.digest));
    if flags.switch("purge") {
        images.store.edit_manifest_list(name, |_| Ok(None)).map_err(told)?;
    }
    Ok(0)
}

/// Sees to it that an image of the list is in the list's repository, by its digest.
fn bring(images: &Images, client: &Client, listed: &Listed, name: &Reference) -> Result<()> {
    let source: Reference = listed.reference.parse().map_err(told)?;
    if source.host() != name.host() {
        return Err(Error::invalid(format!(
            "cannot use source images from a different registry than the target image: {} != {}",
            source.host(),
            name.host()
        )));
    }
    let digest = &listed.descriptor.digest;
    let target = name.without_tag().with_digest(digest.clone());
    if source.repository() == name.repository() && client.resolve(&target).is_ok() {
        return Ok(());
    }
    let exact = source.without_tag().with_digest(digest.clone());
    let bytes = client.manifest(&exact).map_err(told)?.bytes;
    let manifest = Manifest::parse(&bytes).map_err(told)?;
    for blob in manifest.layers.iter().chain([&manifest.config]) {
        // Where the registry does not take it over from the other repository, it comes here first.
        let open = || {
            client.pull_blob(&source, blob, images.store.layout(), &Silent)?;
            images.store.layout().open(&blob.digest)
        };
        client.push_blob(name, blob, &open, std::slice::from_ref(&source), &Silent).map_err(told)?;
    }
    client.put_manifest(&target, &listed.descriptor.media_type, &bytes).map_err(told)?;
    console::out(&format!("Pushed ref {target} with digest: {digest}\n"));
    Ok(())
}
