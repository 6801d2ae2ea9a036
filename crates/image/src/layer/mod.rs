//! Layers: an archive becomes a directory, and a directory an archive.
//!
//! A layer's directory is in overlayfs' own form ([`Form`]): mounted, it needs no translation. Layers are unpacked without
//! looking at what lies below them, so they unpack side by side and are shared by all images that have them. Two things of
//! a layer do depend on what is below: directories that its archive does not name (their mode and owner are the lower
//! layer's), and hard links to files of lower layers. [`unpack`] says what they are ([`Pending`]), and [`settle`] makes, for
//! one chain of layers, a small directory that is mounted above the chain and holds just them.

mod archive;
mod changes;
mod compression;
mod directories;
mod entry;
mod finish;
mod form;
mod make;
mod members;
mod merge;
mod metadata;
mod mount_points;
mod pack;
mod path;
mod pending;
mod remove;
mod settle;
mod stack;
mod stream;
mod tar;
mod tidy;
mod unpack;
mod write;

pub use archive::is_archive;
pub use changes::{Change, ChangeKind, changes, changes_of_layer, changes_of_writable_layer};
pub use compression::Compression;
pub(crate) use compression::decompress;
pub use form::{Form, Limits, Options, Rights};
pub use members::{Content, Member, MemberKind, read_members};
pub use merge::Merger;
pub(crate) use metadata::copy_root;
pub use mount_points::MountPoints;
pub use pack::{Packed, Packer};
pub use pending::{Link, Pending};
pub use remove::remove_tree;
pub use settle::{Settle, settle};
pub use stack::Stack;
pub(crate) use tidy::tidy;
pub use unpack::{Lost, Unpacked, find_files, unpack};
pub(crate) use write::write_layer;
pub use write::{Owners, WriteOptions, write_difference, write_part, write_tree, write_writable_layer};
