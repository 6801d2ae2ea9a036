//! Between the user's terminal and the container: raw mode, copying both ways, signals, window sizes.

mod copy;
mod detach;
mod raw;
mod relay;

pub use detach::{DetachKeys, Scan};
pub use raw::RawMode;
pub use relay::{Ending, FORWARDED, Relay, copy_size};
