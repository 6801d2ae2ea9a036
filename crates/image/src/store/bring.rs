//! Bringing an image in: from a name's document down to unpacked layers.
//!
//! Layers come side by side. Of each, the download, its digest, decompression, the diff id and the writing of files run
//! at the same time; what is there already, by digest or by diff id, is not done again, whoever has brought it. Nothing
//! has its name before it is whole and right, so a command that is killed leaves what the next one goes on with.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::names::{self, Named};
use super::source::Source;
use super::{Image, Store, layer};
use crate::progress::Progress;
use crate::spec::{Config, Descriptor, Index, Manifest, Platform, media_type};
use crate::{Digest, Error, ErrorKind, Result};

/// What is to be brought in.
#[derive(Debug, Clone)]
pub struct Request {
    /// The document to begin with: a manifest, or an index of which one manifest is chosen.
    pub descriptor: Descriptor,
    /// Names it gets, in full; with none it becomes a dangling image.
    pub names: Vec<String>,
    /// Whether the names come from a registry, where the document is known by its digest.
    pub from_registry: bool,
    /// For what it must be; nothing is this machine, and an image that is for no other by its own words.
    pub platform: Option<Platform>,
}

/// How many layers are brought at the same time. Each has four threads, most of which wait.
const AT_ONCE: usize = 4;

impl Store {
    /// Brings an image in and gives it its names.
    pub fn bring(&self, source: &dyn Source, request: &Request, progress: &dyn Progress) -> Result<Image> {
        let lease = self.lease()?;
        let image = self.bring_content(source, request, progress)?;
        self.name(&image, request)?;
        drop(lease);
        self.collect_if_left()?;
        Ok(image)
    }

    fn bring_content(
        &self,
        source: &dyn Source,
        request: &Request,
        progress: &dyn Progress,
    ) -> Result<Image> {
        let (descriptor, manifest) = choose(source, &request.descriptor, request.platform.as_ref(), 0)?;
        let parsed = Manifest::parse(&manifest).map_err(|error| error.context(&descriptor.digest))?;
        check_kinds(&parsed)?;
        let config = document(source, &parsed.config)?;
        let image = Image::new(
            descriptor,
            parsed,
            Config::parse(&config).map_err(|error| error.context("this is no image of a file system"))?,
        )?;
        check_platform(&image, request.platform.as_ref())?;
        self.bring_layers(source, &image, progress)?;
        self.layout.add(&image.manifest.config.media_type, &config)?;
        self.layout.add(&image.descriptor.media_type, &manifest)?;
        self.rootfs(&image)?;
        Ok(image)
    }

    fn bring_layers(&self, source: &dyn Source, image: &Image, progress: &dyn Progress) -> Result<()> {
        let mut work: Vec<(&Digest, &Descriptor)> =
            image.diff_ids().iter().zip(&image.manifest.layers).collect();
        // From the end: the largest first, so that none is left alone at the end.
        work.sort_by_key(|(_, descriptor)| descriptor.size);
        let threads = work.len().min(AT_ONCE);
        let (work, failure, stop) = (Mutex::new(work), Mutex::new(None), AtomicBool::new(false));
        let next = || work.lock().unwrap_or_else(PoisonError::into_inner).pop();
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    while let Some((diff_id, descriptor)) = next().filter(|_| !stop.load(Ordering::Relaxed)) {
                        let task =
                            layer::Task { store: self, source, descriptor, diff_id, progress, stop: &stop };
                        if let Err(error) = task.run() {
                            stop.store(true, Ordering::Relaxed);
                            // The first word counts: the others may only say that they were stopped.
                            failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                        }
                    }
                });
            }
        });
        failure.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
    }

    /// Gives the image its names.
    fn name(&self, image: &Image, request: &Request) -> Result<()> {
        let entry = Named {
            name: None,
            manifest: image.descriptor.clone(),
            source: request.from_registry.then(|| request.descriptor.digest.clone()),
            hint: Some(self.hint_of(image)),
        };
        names::edit(&self.layout, |entries| {
            if request.names.is_empty() {
                names::put(entries, entry);
                return Ok(());
            }
            for name in &request.names {
                names::put(entries, Named { name: Some(name.clone()), ..entry.clone() });
            }
            Ok(())
        })?;
        self.touch(image)
    }

    /// The image that a document from a registry stands for, if all of it is here and nothing has to be asked for: the
    /// registry is asked only what the name means now. Gives it the names.
    pub fn present(&self, request: &Request) -> Result<Option<Image>> {
        let _lease = self.lease()?;
        let digest = &request.descriptor.digest;
        for entry in names::all(&self.layout)? {
            if entry.source.as_ref() != Some(digest) && entry.manifest.digest != *digest {
                continue;
            }
            let Ok(image) = self.image(&entry.manifest) else { continue };
            let fits = check_platform(&image, request.platform.as_ref()).is_ok();
            let here = request.platform.is_some() || runs_here(&image);
            if fits && (here || entry.manifest.digest == *digest) && self.is_whole(&image) {
                self.name(&image, request)?;
                return Ok(Some(image));
            }
        }
        Ok(None)
    }

    /// Whether all blobs and layers of an image are there.
    pub fn is_whole(&self, image: &Image) -> bool {
        image.manifest.layers.iter().all(|layer| self.layout.holds(layer))
            && image
                .diff_ids()
                .iter()
                .all(|diff_id| self.layers.contains(&super::layers::layer_name(diff_id)))
    }
}

/// Follows indexes to the manifest for a platform.
fn choose(
    source: &dyn Source,
    descriptor: &Descriptor,
    platform: Option<&Platform>,
    depth: u32,
) -> Result<(Descriptor, Vec<u8>)> {
    let bytes = document(source, descriptor)?;
    if !media_type::is_index(&descriptor.media_type) {
        let mut descriptor = descriptor.clone();
        descriptor.annotations.clear();
        return Ok((descriptor, bytes));
    }
    // Honest ones are one level deep; a chain of them must end somewhere.
    if depth > 3 {
        return Err(Error::invalid(format!("{}: indexes within indexes", descriptor.digest)));
    }
    let index = Index::parse(&bytes).map_err(|error| error.context(&descriptor.digest))?;
    let here = Platform::of_this_machine();
    let wanted = platform.unwrap_or(&here);
    let chosen = index.choose(wanted).ok_or_else(|| {
        Error::new(
            ErrorKind::NotFound,
            format!("no matching manifest for {wanted} in the manifest list entries"),
        )
        .hint(platforms(&index))
    })?;
    choose(source, chosen, platform, depth + 1)
}

/// What an index has instead.
fn platforms(index: &Index) -> String {
    let mut names: Vec<String> = index
        .manifests
        .iter()
        .filter_map(|descriptor| Some(descriptor.platform.as_ref()?.to_string()))
        .collect();
    names.retain(|name| name != "unknown/unknown");
    names.dedup();
    format!("there is one for: {}", names.join(", "))
}

/// Reads a document and looks at its size and digest.
fn document(source: &dyn Source, descriptor: &Descriptor) -> Result<Vec<u8>> {
    if descriptor.size > crate::spec::MAX_DOCUMENT {
        return Err(Error::invalid(format!(
            "{} is said to have {} bytes: no document is so large",
            descriptor.digest, descriptor.size
        )));
    }
    let bytes = source.document(descriptor)?;
    crate::content::verify(&descriptor.digest, &bytes)?;
    Ok(bytes)
}

/// Refuses what is no image: charts, signatures and the like lie in registries too.
fn check_kinds(manifest: &Manifest) -> Result<()> {
    let foreign = manifest.layers.iter().find(|layer| !media_type::is_layer(&layer.media_type));
    match foreign {
        None => Ok(()),
        Some(layer) if layer.media_type.ends_with("+encrypted") => {
            Err(Error::unsupported(format!("layer {} is encrypted", layer.digest)))
        }
        Some(layer) => Err(Error::unsupported(format!(
            "this is no image of a file system but an artifact: {} is {:?}",
            layer.digest, layer.media_type
        ))),
    }
}

/// An image must be for the platform that was asked for.
fn check_platform(image: &Image, wanted: Option<&Platform>) -> Result<()> {
    let own = image.config.platform();
    match wanted {
        Some(wanted) if wanted.accepts(&own).is_none() => Err(Error::new(
            ErrorKind::NotFound,
            format!("the image is for {own} and does not match the specified platform: wanted {wanted}"),
        )),
        _ => Ok(()),
    }
}

fn runs_here(image: &Image) -> bool {
    Platform::of_this_machine().accepts(&image.config.platform()).is_some()
}
