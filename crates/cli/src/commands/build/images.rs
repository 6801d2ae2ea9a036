//! The images that a build begins with.

use barque_build::execute::Images as Find;
use barque_image::spec::Platform;
use barque_image::store::Image;

use crate::commands::image::Images;
use crate::flags::Parsed;
use crate::{Error, ErrorKind, Result};

/// Finds images here, or pulls them.
pub(super) struct Finder<'a> {
    images: &'a Images,
    /// Registries are asked for what is here too.
    pull: bool,
    quiet: bool,
    platform: Option<Platform>,
}

impl<'a> Finder<'a> {
    pub(super) fn new(images: &'a Images, flags: &Parsed) -> Result<Self> {
        let read = |text: &str| text.parse::<Platform>();
        let pull = match flags.value("pull") {
            None | Some("false" | "missing" | "never") => false,
            Some("" | "true" | "always") => true,
            Some(other) => return Err(flags.invalid("pull", other, "it is true or false")),
        };
        Ok(Self { images, pull, quiet: flags.switch("quiet"), platform: flags.read("platform", read)? })
    }

    fn image(&self, name: &str, platform: Option<&str>) -> Result<Image> {
        let asked = platform.map(|text| {
            text.parse::<Platform>().map_err(|error| Error::invalid(format!("--platform={text}: {error}")))
        });
        let platform = asked.transpose()?.or_else(|| self.platform.clone());
        let fits = |image: &Image| {
            platform.as_ref().is_none_or(|wanted| wanted.accepts(&image.config.platform()).is_some())
        };
        match self.images.find(name) {
            Ok(image) if !self.pull && fits(&image) => return Ok(image),
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        self.images.bring(name, platform.as_ref(), self.quiet)
    }
}

impl Find for Finder<'_> {
    fn find(&mut self, name: &str, platform: Option<&str>) -> barque_build::Result<Image> {
        self.image(name, platform).map_err(|error| barque_build::Error::from(error).context(name))
    }
}
