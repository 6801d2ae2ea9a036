//! The build context: the files of the caller that a build may take.

use std::path::{Path, PathBuf};

use barque_sys::path::Root;

use crate::files::{self, Tree};
use crate::ignore::Ignore;
use crate::{Error, Result};

/// A directory, and what of it is left out.
#[derive(Debug)]
pub struct Context {
    directory: PathBuf,
    root: Root,
    ignore: Ignore,
}

impl Context {
    /// The context in a directory.
    pub fn new(directory: &Path, ignore: Ignore) -> Result<Self> {
        Ok(Self { directory: directory.to_owned(), root: Root::open_host(directory)?, ignore })
    }

    /// Where it is, an absolute path.
    pub(crate) fn directory(&self) -> Result<PathBuf> {
        std::path::absolute(&self.directory).map_err(|error| Error::from_io(&error, "getcwd()"))
    }

    pub(crate) fn tree(&self, excludes: &[String]) -> Tree<'_> {
        Tree::new(&self.root, &self.ignore, excludes)
    }

    /// The digest of what some patterns select.
    pub(crate) fn digest(&self, sources: &[String], excludes: &[String]) -> Result<String> {
        files::sources(&self.tree(excludes), sources)
    }

    /// The digest of a path with all that is in it.
    pub(crate) fn whole(&self, path: &str) -> Result<String> {
        files::whole(&self.tree(&[]), path)
    }
}
