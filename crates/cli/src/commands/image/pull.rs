//! `barque pull`, and the pull before a `run`.

use barque_engine::events;
use barque_image::content::Sink;
use barque_image::progress::Progress;
use barque_image::registry::{Client, Document};
use barque_image::spec::{Descriptor, Platform, media_type};
use barque_image::store::{Image, Request, Source};
use barque_image::{ErrorKind, Reference};

use super::progress::{Show, progress};
use super::{Images, config, each, told};
use crate::commands::Places;
use crate::flags::Parsed;
use crate::{Error, Result, console};

/// What came of a pull.
pub(super) struct Pulled {
    pub(super) image: Image,
    /// Under which name.
    pub(super) reference: Reference,
    /// The digest of what the registry has under it.
    pub(super) digest: String,
    /// Whether all of it was there.
    pub(super) present: bool,
}

/// Pulls images.
pub(super) fn pull(flags: &Parsed, places: &Places) -> Result<i32> {
    let images = Images::open(places)?;
    let client = config::client()?;
    let platform = config::platform(flags)?;
    let quiet = flags.switch("quiet");
    let show = if quiet { Show::Nothing } else { Show::Output };
    Ok(each(flags.positional(), |typed| {
        let names = if flags.switch("all-tags") {
            every_tag(&images, &client, typed)?
        } else {
            if !quiet {
                say_default_tag(&images, typed);
            }
            vec![typed.to_owned()]
        };
        for name in names {
            let pulled = images.pull(&client, &name, platform.as_ref(), &*progress(show))?;
            if !quiet {
                let status =
                    if pulled.present { "Image is up to date for" } else { "Downloaded newer image for" };
                let familiar = pulled.reference.familiar();
                console::out(&format!("Digest: {}\nStatus: {status} {familiar}\n", pulled.digest));
            }
            console::out(&format!("{}\n", pulled.reference));
            let name = pulled.reference.familiar();
            events::of(places, "image", "pull", &name, &[("name", &name)]);
        }
        Ok(())
    }))
}

/// Says which tag is meant where none was typed.
pub(super) fn say_default_tag(images: &Images, typed: &str) {
    let bare = |name: &Reference| name.tag().is_none() && name.digest().is_none();
    if images.short_names.candidates(typed).unwrap_or_default().first().is_some_and(bare) {
        console::out("Using default tag: latest\n");
    }
}

/// The names of all tags of a repository.
fn every_tag(images: &Images, client: &Client, typed: &str) -> Result<Vec<String>> {
    let reference = images.name(typed)?.without_tag();
    let tags = client.tags(&reference).map_err(told)?;
    tags.iter().map(|tag| Ok(reference.with_tag(tag).map_err(told)?.to_string())).collect()
}

impl Images {
    /// Brings an image from its registry; a registry that has all of it here already is asked one thing only.
    pub(super) fn pull(
        &self,
        client: &Client,
        typed: &str,
        platform: Option<&Platform>,
        progress: &dyn Progress,
    ) -> Result<Pulled> {
        let candidates = self.short_names.candidates(typed).map_err(told)?;
        let mut missing = None;
        for reference in candidates.iter().map(Reference::or_latest) {
            match client.resolve(&reference) {
                Ok(descriptor) => return self.pull_from(client, reference, descriptor, platform, progress),
                Err(error) if error.kind() == ErrorKind::NotFound => missing = missing.or(Some(error)),
                Err(error) => return Err(told(error)),
            }
        }
        Err(missing.map_or_else(|| Error::invalid(format!("invalid reference format: {typed:?}")), told))
    }

    fn pull_from(
        &self,
        client: &Client,
        reference: Reference,
        descriptor: Descriptor,
        platform: Option<&Platform>,
        progress: &dyn Progress,
    ) -> Result<Pulled> {
        progress.say(&format!(
            "{}: Pulling from {}",
            reference.manifest_name(),
            reference.without_tag().familiar().trim_start_matches("docker.io/")
        ));
        let request = Request {
            descriptor,
            names: vec![reference.to_string()],
            from_registry: true,
            platform: platform.cloned(),
        };
        let digest = request.descriptor.digest.to_string();
        if let Some(image) = self.store.present(&request).map_err(told)? {
            return Ok(Pulled { image, reference, digest, present: true });
        }
        let source = Registry { client, reference: &reference };
        let image = self.store.bring(&source, &request, progress).map_err(told)?;
        Ok(Pulled { image, reference, digest, present: false })
    }
}

/// A repository of a registry, as a source of images.
struct Registry<'a> {
    client: &'a Client,
    reference: &'a Reference,
}

impl Source for Registry<'_> {
    fn document(&self, descriptor: &Descriptor) -> barque_image::Result<Vec<u8>> {
        let kind = &descriptor.media_type;
        if media_type::is_manifest(kind) || media_type::is_index(kind) {
            let exact = self.reference.without_tag().with_digest(descriptor.digest.clone());
            let Document { bytes, .. } = self.client.manifest(&exact)?;
            return Ok(bytes);
        }
        self.client.document(self.reference, descriptor)
    }

    fn blob(
        &self,
        descriptor: &Descriptor,
        sink: &mut dyn Sink,
        progress: &dyn Progress,
    ) -> barque_image::Result<()> {
        self.client.fetch(self.reference, descriptor, sink, progress).map_err(|error| {
            match (error.kind(), descriptor.urls.first()) {
                // Nothing is fetched from where a manifest says: it may say any address of ours (CVE-2020-15157).
                (ErrorKind::NotFound, Some(url)) => error
                    .context(format_args!("foreign layer {}", descriptor.digest))
                    .with_kind(ErrorKind::Unsupported)
                    .hint(format!(
                        "the registry does not have it, only {url:?} has; such images cannot be pulled"
                    )),
                _ => error,
            }
        })
    }
}
