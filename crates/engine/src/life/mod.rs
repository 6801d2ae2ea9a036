//! What commands do to a container over its life: one file each.

mod network;
mod probe;
mod reap;
pub(crate) mod remove;
mod rename;
mod start;
mod stop;
mod update;
mod wait;

pub use network::{connect, disconnect};
pub use probe::probe;
pub use reap::reap;
pub use remove::{Removal, leftovers, mounted_image, remove};
pub use rename::rename;
pub use start::start;
pub use stop::{Stop, kill, pause, stop, unpause};
pub use update::update;
pub use wait::{Condition, wait, wait_for_health};
