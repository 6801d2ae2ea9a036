//! The image that a container is made from.

use std::path::{Path, PathBuf};

use barque_engine::files::{BASE_LABEL, HOST};
use barque_image::spec::Platform;
use barque_image::store::{Image, Store};
use barque_sys::path::Root;

use super::progress::{Show, progress};
use super::{Images, config, told};
use crate::commands::Places;
use crate::flags::Parsed;
use crate::{Error, ErrorKind, Result, console};

/// When a registry is asked for an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Policy {
    Always,
    Missing,
    Never,
    /// When it has another one under the name; an image that is here will do when the registry cannot be asked.
    Newer,
}

impl Policy {
    fn read(flags: &Parsed) -> Result<Self> {
        match flags.value("pull") {
            None | Some("missing" | "") => Ok(Self::Missing),
            Some("always" | "true") => Ok(Self::Always),
            Some("never" | "false") => Ok(Self::Never),
            Some("newer") => Ok(Self::Newer),
            Some(other) => {
                let why =
                    "invalid pull option: must be one of \"always\", \"missing\", \"never\" or \"newer\"";
                Err(flags.invalid("pull", other, why))
            }
        }
    }
}

/// An image in use by a container that is about to be made.
#[derive(Debug)]
pub(crate) struct ImageRoot {
    image: Image,
    /// The directories of its layers, the uppermost first.
    lowers: Vec<PathBuf>,
    /// That it is in use is told to those who remove images; not for a container that is only explained. Taken back unless
    /// the container comes to be.
    in_use: Option<InUse>,
}

/// A use that is taken back when this is dropped.
#[derive(Debug)]
struct InUse {
    store: Store,
    key: String,
}

impl Drop for InUse {
    fn drop(&mut self) {
        // Nobody is there to be told; `system check` finds what is left.
        if !self.key.is_empty() {
            drop(self.store.release(&self.key));
        }
    }
}

impl ImageRoot {
    /// Finds the image, or pulls it as `--pull` says, and holds it for a container. `explain` pulls only when it is told to,
    /// because it changes nothing.
    pub(crate) fn prepare(
        typed: &str,
        flags: &Parsed,
        places: &Places,
        id: &str,
        explain: bool,
    ) -> Result<Self> {
        let policy = if explain && !flags.has("pull") { Policy::Never } else { Policy::read(flags)? };
        let platform = config::platform(flags)?;
        let images = Images::open(places)?;
        let lease = images.store.lease().map_err(told)?;
        let image = choose(&images, typed, policy, platform.as_ref(), flags.switch("quiet"))?;
        if platform.is_none() {
            warn_of_platform(&image);
        }
        let lowers = images.store.rootfs(&image).map_err(told)?;
        let lowers = lowers.iter().map(std::path::absolute).collect::<std::io::Result<Vec<_>>>();
        let mut lowers =
            lowers.map_err(|error| Error::invalid(format!("--root {:?}: {error}", places.root)))?;
        if image.config.config.labels.get(BASE_LABEL).is_some_and(|base| base == HOST) {
            if explain {
                return Err(Error::unsupported(format!(
                    "{typed}: changes of @host are copied first, which is no step of a script"
                ))
                .hint("explain @host itself"));
            }
            // Changes of this machine's root filesystem (`commit` of a container on @host): nothing without it.
            lowers.push(PathBuf::from("/"));
        }
        let mut in_use = None;
        if !explain {
            images.store.keep(id, &image).map_err(told)?;
            in_use = Some(InUse { store: images.store.clone(), key: id.to_owned() });
            images.store.touch(&image).map_err(told)?;
        }
        drop(lease);
        Ok(Self { image, lowers, in_use })
    }

    /// How it wants to be run.
    pub(crate) fn execution(&self) -> &barque_image::spec::Execution {
        &self.image.config.config
    }

    /// The directories of its layers, the uppermost first.
    pub(crate) fn lowers(&self) -> &[PathBuf] {
        &self.lowers
    }

    /// A text file of it: of the uppermost layer that has one.
    pub(crate) fn read(&self, path: &str) -> Option<String> {
        self.lowers.iter().find_map(|lower| {
            let root = Root::open_host(lower).ok()?;
            root.stat(Path::new(path)).ok()?;
            // What is there and is no file is a whiteout: layers below it do not count.
            Some(barque_sys::file::read_regular(|flags| root.open(Path::new(path), flags)).ok())
        })?
    }

    /// Its id, `sha256:…`.
    pub(crate) fn id(&self) -> String {
        self.image.id().to_string()
    }

    /// The container is there, and uses it until it is removed.
    pub(crate) fn keep(mut self) {
        if let Some(in_use) = &mut self.in_use {
            in_use.key.clear();
        }
    }
}

impl Images {
    /// Pulls an image for somebody who wants more than the image.
    pub(crate) fn bring(&self, typed: &str, platform: Option<&Platform>, quiet: bool) -> Result<Image> {
        pulled(self, typed, platform, if quiet { Show::Nothing } else { Show::Errors })
    }
}

fn choose(
    images: &Images,
    typed: &str,
    policy: Policy,
    platform: Option<&Platform>,
    quiet: bool,
) -> Result<Image> {
    let fits =
        |image: &Image| platform.is_none_or(|wanted| wanted.accepts(&image.config.platform()).is_some());
    let here = match images.find(typed) {
        Ok(image) if fits(&image) => Some(image),
        Ok(_) => None,
        Err(error) if error.kind() == ErrorKind::NotFound && policy != Policy::Never => None,
        Err(error) => return Err(error),
    };
    let show = if quiet { Show::Nothing } else { Show::Errors };
    match (policy, here) {
        (Policy::Never | Policy::Missing, Some(image)) => Ok(image),
        (Policy::Never, None) => Err(Error::new(ErrorKind::NotFound, format!("No such image: {typed}"))
            .hint("there is one of that name for another platform: pull with --platform")),
        (Policy::Missing, None) => {
            let name = images.name(typed)?;
            console::err(&format!("Unable to find image '{}' locally\n", name.familiar()));
            pulled(images, typed, platform, show)
        }
        (Policy::Always, _) => pulled(images, typed, platform, show),
        (Policy::Newer, here) => match (pulled(images, typed, platform, show), here) {
            (Err(error), Some(image)) if error.kind() == ErrorKind::Unavailable => Ok(image),
            (result, _) => result,
        },
    }
}

fn pulled(images: &Images, typed: &str, platform: Option<&Platform>, show: Show) -> Result<Image> {
    let client = config::client()?;
    let pulled = images.pull(&client, typed, platform, &*progress(show))?;
    if show != Show::Nothing {
        let status = if pulled.present { "Image is up to date for" } else { "Downloaded newer image for" };
        console::err(&format!(
            "Digest: {}\nStatus: {status} {}\n",
            pulled.digest,
            pulled.reference.familiar()
        ));
    }
    Ok(pulled.image)
}

/// An image that is not for this machine may still run, by an emulator of the kernel's.
fn warn_of_platform(image: &Image) {
    let (own, its) = (Platform::of_this_machine(), image.config.platform());
    if own.accepts(&its).is_none() {
        console::err(&format!(
            "WARNING: The requested image's platform ({its}) does not match the detected host platform ({own}) \
             and no specific platform was requested\n"
        ));
    }
}
