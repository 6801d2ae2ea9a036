//! What the graph asks of the world.

use std::collections::BTreeMap;

use barque_image::store::Image;

use crate::graph::{self, Base};
use crate::{Context, Error, Result};

/// Finds images.
pub trait Images {
    /// The image that a name means here, pulled if it has to be.
    fn find(&mut self, name: &str, platform: Option<&str>) -> Result<Image>;
}

pub(super) struct World<'a> {
    images: &'a mut dyn Images,
    context: Option<&'a Context>,
    found: BTreeMap<(String, Option<String>), Image>,
}

impl<'a> World<'a> {
    pub(super) fn new(images: &'a mut dyn Images, context: Option<&'a Context>) -> Self {
        Self { images, context, found: BTreeMap::new() }
    }

    /// The images that were asked for, by name and platform.
    pub(super) fn found(self) -> BTreeMap<(String, Option<String>), Image> {
        self.found
    }

    fn context(&self) -> Result<&'a Context> {
        self.context.ok_or_else(|| {
            Error::invalid("there is no context: nothing can be copied from it")
                .hint("give a directory: barque build -f - DIRECTORY")
        })
    }
}

impl graph::World for World<'_> {
    fn base(&mut self, name: &str, platform: Option<&str>) -> Result<Base> {
        if name == "@host" {
            return Err(Error::unsupported("FROM @host is not there yet in this version of barque")
                .hint("make an image of programs of this machine: barque image from-host"));
        }
        let key = (name.to_owned(), platform.map(str::to_owned));
        if !self.found.contains_key(&key) {
            let image = self.images.find(name, platform)?;
            self.found.insert(key.clone(), image);
        }
        let image = &self.found[&key];
        Ok(Base {
            id: image.id().to_string(),
            execution: image.config.config.clone(),
            author: image.config.author.clone(),
        })
    }

    fn digest(&mut self, sources: &[String], excludes: &[String]) -> Result<String> {
        self.context()?.digest(sources, excludes)
    }

    fn tree(&mut self, path: &str) -> Result<String> {
        self.context()?.whole(path)
    }
}
