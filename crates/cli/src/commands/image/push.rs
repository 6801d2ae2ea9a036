//! `barque push`.

use std::sync::Mutex;

use barque_image::Reference;
use barque_image::progress::{Phase, Progress};
use barque_image::registry::{Client, Pushed};
use barque_image::spec::Descriptor;
use barque_image::store::Image;

use super::progress::{Show, progress};
use super::{Images, config, told};
use crate::commands::Places;
use crate::flags::Parsed;
use crate::{Error, ErrorKind, Result, console};

/// How many blobs go up at the same time.
const AT_ONCE: usize = 4;

/// Pushes an image under its name, or all of a repository.
pub(super) fn push(flags: &Parsed, places: &Places) -> Result<i32> {
    let [typed] = flags.positional() else { return Ok(1) };
    let images = Images::open(places)?;
    let client = config::client()?;
    let reference = images.name(typed)?;
    if !flags.switch("all-tags") && !flags.switch("quiet") {
        super::pull::say_default_tag(&images, typed);
    }
    let names =
        if flags.switch("all-tags") { tags_here(&images, &reference)? } else { vec![reference.clone()] };
    if names.is_empty() {
        return Err(Error::new(
            ErrorKind::NotFound,
            format!("An image does not exist locally with the tag: {}", reference.familiar_name()),
        ));
    }
    names.iter().try_for_each(|name| one(&images, &client, name, flags.switch("quiet")))?;
    Ok(0)
}

/// Pushes the image of one name.
pub(in crate::commands) fn one(
    images: &Images,
    client: &Client,
    name: &Reference,
    quiet: bool,
) -> Result<()> {
    let Some(named) = images.store.named(&name.to_string()).map_err(told)? else {
        return Err(Error::new(
            ErrorKind::NotFound,
            format!("An image does not exist locally with the tag: {}", name.familiar()),
        )
        .hint("give the image that name first: barque tag IMAGE NAME"));
    };
    let image = images.store.image(&named.manifest).map_err(told)?;
    let progress = progress(if quiet { Show::Nothing } else { Show::Output });
    progress.say(&format!("The push refers to repository [{}]", name.name()));
    let others = other_repositories(images, &image, name)?;
    blobs(images, client, &image, name, &others, &*progress)?;
    let manifest = images.store.layout().read(&image.descriptor.digest).map_err(told)?;
    let sent = client.put_manifest(name, &image.descriptor.media_type, &manifest).map_err(told)?;
    drop(progress);
    images.store.note_pushed(name, &image.descriptor).map_err(told)?;
    if quiet {
        console::out(&format!("{name}\n"));
    } else {
        let tag = name.tag().unwrap_or("latest");
        console::out(&format!("{tag}: digest: {} size: {}\n", sent.digest, manifest.len()));
    }
    Ok(())
}

/// Every name with a tag that the repository has here.
fn tags_here(images: &Images, reference: &Reference) -> Result<Vec<Reference>> {
    let list = images.store.list().map_err(told)?;
    let names = list.iter().flat_map(|image| image.tags()).filter_map(|full| full.parse::<Reference>().ok());
    Ok(names.filter(|name| name.name() == reference.name()).collect())
}

/// Repositories of the same registry that the image has names in: blobs may be taken over from them.
fn other_repositories(images: &Images, image: &Image, name: &Reference) -> Result<Vec<Reference>> {
    let list = images.store.list().map_err(told)?;
    let wanted: Vec<_> = image.manifest.layers.iter().map(|layer| &layer.digest).collect();
    let mut others = Vec::new();
    for summary in &list {
        let Some(entry) = summary.entries.iter().find(|entry| entry.source.is_some()) else { continue };
        let Some(other) = entry.name.as_deref().and_then(|full| full.parse::<Reference>().ok()) else {
            continue;
        };
        if other.host() != name.host() || other.repository() == name.repository() {
            continue;
        }
        let shares = images
            .store
            .image(&entry.manifest)
            .is_ok_and(|image| image.manifest.layers.iter().any(|layer| wanted.contains(&&layer.digest)));
        if shares {
            others.push(other.without_tag());
        }
    }
    Ok(others)
}

/// Sends what the registry lacks of layers and configuration, several at a time.
fn blobs(
    images: &Images,
    client: &Client,
    image: &Image,
    name: &Reference,
    others: &[Reference],
    progress: &dyn Progress,
) -> Result<()> {
    // Foreign layers stay where they are: their owners have not allowed others to hand them on.
    let layers = image.manifest.layers.iter().filter(|layer| layer.urls.is_empty());
    let all: Vec<&Descriptor> = layers.chain([&image.manifest.config]).collect();
    let (work, failure) = (Mutex::new(all.clone()), Mutex::new(None));
    let next = || work.lock().ok().and_then(|mut work| work.pop());
    let send = |descriptor: &Descriptor| {
        let open = || images.store.layout().open(&descriptor.digest);
        let pushed = client.push_blob(name, descriptor, &open, others, progress)?;
        let phase = match pushed {
            Pushed::Present => Phase::Present,
            Pushed::Mounted => Phase::Mounted,
            Pushed::Uploaded => Phase::Done,
        };
        progress.phase(&descriptor.digest, phase, Some(descriptor.size));
        Ok::<(), barque_image::Error>(())
    };
    std::thread::scope(|scope| {
        for _ in 0..all.len().min(AT_ONCE) {
            scope.spawn(|| {
                while let Some(descriptor) = next() {
                    if let Err(error) = send(descriptor)
                        && let (Ok(mut failure), Ok(mut work)) = (failure.lock(), work.lock())
                    {
                        failure.get_or_insert(error);
                        work.clear();
                    }
                }
            });
        }
    });
    match failure.into_inner() {
        Ok(Some(error)) => Err(told(error)),
        _ => Ok(()),
    }
}
