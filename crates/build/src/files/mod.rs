//! Files on their way into an image: which are selected, what digest they have, and how they are copied.
//!
//! Sources and destinations are walked inside of their roots (`openat2(2)`, `RESOLVE_IN_ROOT`): no link leads out of the
//! context, out of a stage, or out of the image that is made.

mod copy;
mod digest;
mod owner;
mod tree;

pub(crate) use copy::Placement;
pub(crate) use digest::{sources, whole};
pub(crate) use owner::ids;
pub(crate) use tree::Tree;
