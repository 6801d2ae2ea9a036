//! COPY, ADD and WORKDIR, carried out through a mount of the layers that nobody else sees.

use std::path::{Path, PathBuf};

use barque_image::snapshot::Mount;
use barque_image::store::Scratch;
use barque_sys::path::Root;

use super::Builder;
use crate::files::{self, Placement, Tree};
use crate::graph::{Copy, Ownership};
use crate::ignore::Ignore;
use crate::{Error, Result};

impl Builder<'_> {
    pub(super) fn copy(&mut self, copy: &Copy, lowers: &[PathBuf], scratch: &Scratch) -> Result<()> {
        let to = self.writable(lowers, scratch)?;
        let owner = match &copy.ownership {
            Ownership::Kept => None,
            Ownership::Root => Some((0, 0)),
            Ownership::Given(text) => Some(files::ids(&to, text)?),
        };
        let unpacked = scratch.directory().join("unpacked");
        let mut placement = Placement::new(&to, owner, copy.mode);
        placement.attributes = copy.origin.is_some();
        placement.unpack = copy.unpack.then_some(unpacked.as_path());
        let destination = Path::new(&copy.destination);
        for document in &copy.documents {
            placement.document(&document.name, &document.text, destination, copy.into_directory)?;
        }
        let origin = match &copy.origin {
            Some(origin) => Some(self.readable(origin)?),
            None => None,
        };
        let nothing = Ignore::default();
        let tree = match (&origin, self.context) {
            (Some(root), _) => Tree::new(root, &nothing, &copy.excludes),
            (None, Some(context)) => context.tree(&copy.excludes),
            (None, None) => return Ok(()),
        };
        self.sources(copy, &tree, &mut placement)
    }

    fn sources(&self, copy: &Copy, tree: &Tree<'_>, placement: &mut Placement<'_>) -> Result<()> {
        let destination = Path::new(&copy.destination);
        for pattern in &copy.sources {
            let paths = tree.select(pattern)?;
            let several = paths.len() > 1;
            for path in paths {
                let into = copy.into_directory || several;
                if copy.parents {
                    let is_directory = tree.open_directory(&path).is_ok();
                    let above = if is_directory { Some(path.as_path()) } else { path.parent() };
                    let target = destination.join(kept(pattern, above.unwrap_or(Path::new(""))));
                    placement.place(tree, &path, &target, true)?;
                } else {
                    placement.place(tree, &path, destination, into)?;
                }
            }
        }
        Ok(())
    }

    pub(super) fn directory(&mut self, path: &str, lowers: &[PathBuf], scratch: &Scratch) -> Result<()> {
        let to = self.writable(lowers, scratch)?;
        Placement::new(&to, Some((0, 0)), None).directory(Path::new(path))?;
        Ok(())
    }

    /// The root filesystem, to be written to.
    fn writable(&self, lowers: &[PathBuf], scratch: &Scratch) -> Result<Root> {
        let upper = Some((scratch.upper(), scratch.work()));
        mounted(&Mount::Overlay { lowers: lowers.to_vec(), upper, user_attributes: false })
    }

    /// The files of a stage or an image.
    fn readable(&mut self, origin: &crate::graph::Origin) -> Result<Root> {
        let lowers = self.origin(origin)?.lowers(self.store)?;
        let view = view_of(&lowers);
        mounted(&view)
    }
}

fn mounted(mount: &Mount) -> Result<Root> {
    mount.open().map(Root::new).map_err(|error| {
        let error = Error::from(error);
        if error.kind() == crate::ErrorKind::PermissionDenied {
            return error.hint("builds take root in this version of barque");
        }
        error
    })
}

/// Layers to be looked at: one alone is no overlay.
pub(super) fn view_of(lowers: &[PathBuf]) -> Mount {
    match lowers {
        [only] => Mount::Bind { source: only.clone(), read_only: true },
        lowers => Mount::Overlay { lowers: lowers.to_vec(), upper: None, user_attributes: false },
    }
}

/// What `--parents` keeps of a path: all, or what follows `/./` in the pattern.
fn kept(pattern: &str, path: &Path) -> PathBuf {
    let depth = match pattern.split_once("/./") {
        Some((before, _)) => before.split('/').filter(|name| !matches!(*name, "" | ".")).count(),
        None => 0,
    };
    path.components().skip(depth).collect()
}
