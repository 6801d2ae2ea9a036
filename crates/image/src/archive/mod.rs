//! Images in files: archives of Docker, OCI archives and layouts, and skopeo's `dir`.
//!
//! | form | read | written |
//! | --- | --- | --- |
//! | Docker's archive, old (`manifest.json`, layers as `…/layer.tar`) | yes | no |
//! | Docker's archive since 25 (the same beside an OCI layout) | yes | [`Form::Docker`] |
//! | OCI archive: a layout in a tar | yes | [`Form::Oci`] |
//! | OCI layout in a directory | yes | [`save_layout`] |
//! | `dir`: one image's documents and layers in a directory | yes | [`save_dir`] |
//!
//! Archives come from anywhere. Their names are only compared with names that they should have, never used as paths; what
//! is taken out of them goes by digest.

mod docker;
mod files;
mod load;
mod oci;
mod save;
mod tarball;

pub use load::{Input, Loaded, load};
pub use save::{Form, Saved, save, save_dir, save_layout};
