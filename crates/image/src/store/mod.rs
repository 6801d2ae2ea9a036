//! Images by name, over [`crate::content`] and unpacked layers: one directory, shared by all commands, without a daemon.
//!
//! ```text
//! images/                 an OCI image layout, as skopeo and umoci read it
//!   index.json            names and what they name; replaced by rename
//!   index.lock            held (exclusive) only while index.json is replaced
//!   gc.lock               held (shared) by whoever adds or begins to use content; (exclusive) by who collects
//!   garbage               there is something to collect, but somebody was at work
//!   lists/<digest>.json    a list of images that is being put together (`manifest create`)
//!   uses/<key>            what a container uses, whatever its image is called by now
//!   pins/<key>            what is kept without a name: the build cache
//!   used/<id>             its time is when the image was last used
//! layers/<diff id>/       one unpacked layer each: fs/ and layer.json
//! layers/chain-<id>/      what a chain of layers needs besides them
//! layers/.lock/…          held (exclusive) by who unpacks that layer
//! layers/.new/…           unpacked, not whole yet
//! layers/.trash/…         not anybody's any more
//! ```
//!
//! # Who may do what beside whom
//!
//! - *Reading* takes no lock. A name, a blob and a layer appear by rename, whole.
//! - *Adding* (pull, load, import) holds `gc.lock` shared from before its first blob until its name is in `index.json`,
//!   so nobody takes blobs for orphans that have no name yet. Any number add at once: each blob and each layer has a
//!   lock of its own, and who comes second finds it there.
//! - *Using* (run, mount) holds `gc.lock` shared from looking the image up until its [`Use`] is on disk.
//! - *Removing* takes a name out of `index.json`, which is the answer, and then collects.
//! - *Collecting* needs `gc.lock` exclusive, and never waits for it long: while somebody adds, it leaves the file `garbage`,
//!   and whoever is the last to finish collects. What is alive is read anew from disk each time; there are no counters to
//!   go wrong. Under the lock things are only renamed to the trash, which is emptied without any lock.
//!
//! # What a power loss does
//!
//! Nothing is synced: that would cost a pull more than all the rest. Instead each layer carries a fingerprint and the boot
//! it was unpacked in. In another boot it is looked at once, before its first use, and unpacked again where it is not whole;
//! blobs that have another length than they should count as missing. `index.json` is replaced by a rename, which ext4 and
//! btrfs write after the data of the new file.
//!
//! The order of locks is: `gc.lock`, a layer's, a blob's, `index.lock`. Whoever is killed leaves its locks free, and files
//! under `ingest/`, `.new/` and `.trash/`: the first are continued by the next, the others removed.

mod adopt;
mod bring;
mod change;
mod check;
mod collect;
mod fingerprint;
mod history;
mod image;
mod import;
mod inspect;
mod layer;
mod layers;
mod list;
mod lists;
mod lock;
mod lookup;
mod names;
mod pins;
mod prune;
mod remove;
mod rootfs;
mod same;
mod source;
mod trash;
mod usage;
mod uses;

use std::path::{Path, PathBuf};

use crate::content::Layout;
use crate::layer::Options;

pub use adopt::{Scratch, Written};
pub use bring::Request;
pub use change::change;
pub use check::{Examination, Finding, Report};
pub use collect::Collected;
pub use history::{Node, Step};
pub use image::Image;
pub use import::Import;
pub use layers::LayerRecord;
pub use list::Summary;
pub use lists::{Listed, ManifestList};
pub use lock::Lease;
pub(crate) use names::add_names;
pub use names::{Hint, Named};
pub use pins::{Pin, Pinned};
pub use prune::{Pruned, Selection};
pub use remove::Removed;
pub use source::Source;
pub use usage::{ImageUsage, Usage};
pub use uses::{Use, User};

/// All images and layers below one directory, `--root`.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
    layout: Layout,
    layers: layers::Layers,
    options: Options,
}

impl Store {
    /// The store at a directory; nothing is made or looked at before it is needed.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        let root = root.into();
        let layout = Layout::new(root.join("images"));
        let layers = layers::Layers::new(root.join("layers"));
        Self { root, layout, layers, options: Options::default() }
    }

    /// With layers unpacked in another way: by somebody without privileges.
    #[must_use]
    pub fn with_options(self, options: Options) -> Self {
        Self { options, ..self }
    }

    /// Where it is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// How layers are unpacked in it.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Its content.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }
}

#[cfg(test)]
mod bring_tests;
#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod import_tests;
#[cfg(test)]
mod tests;
