//! Networks in the kernel. Each test makes a world of its own: a host, an outside and containers, all of them network
//! namespaces; nothing touches the machine's own.

#![expect(clippy::unwrap_used, reason = "a test whose scene cannot be set fails")]
#![expect(clippy::print_stdout, reason = "a test that skips says why")]

mod life;
mod names;
mod neighbours;
mod reach;
mod script;
mod world;
