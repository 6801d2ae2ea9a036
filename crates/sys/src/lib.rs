//! The kernel as Barque sees it.
//!
//! Thin, typed wrappers: each names the man page or the kernel version it follows, each failure carries the
//! call's arguments and prints like `strace`. The only crate that may hold `unsafe`.
#![warn(missing_docs)]

/// Defines the C `main` of a binary without going through `std`'s runtime start-up.
///
/// `std`'s own start makes 18 system calls (poll, sigaction, reading `/proc/self/maps` for the stack guard …),
/// about 70 µs of a start that takes milliseconds. Arguments still reach [`std::env::args_os`], because glibc
/// hands them to `.init_array`. `SIGPIPE` stays at its default, which is right for a command line program.
///
/// The macro lives here because `#[unsafe(no_mangle)]` counts as unsafe code, and only `sys` may hold that.
#[macro_export]
macro_rules! main {
    ($entry:path) => {
        /// Called by the C start-up code with the process's arguments.
        #[unsafe(no_mangle)]
        pub extern "C" fn main(
            _argc: ::core::ffi::c_int,
            _argv: *const *const ::core::ffi::c_char,
        ) -> ::core::ffi::c_int {
            $entry()
        }
    };
}

pub mod bpf;
pub mod capability;
pub mod cgroup;
pub mod channel;
pub mod clone;
pub mod copy;
pub mod errno;
mod error;
pub mod executable;
pub mod file;
pub mod fuzz;
pub mod linger;
pub mod link;
pub mod mount;
pub mod namespace;
mod netlink;
pub mod nftables;
pub mod path;
pub mod process;
pub mod pty;
pub mod rtnetlink;
pub mod seccomp;
pub mod signal;

pub use error::{Call, Error, ErrorKind, Result};

/// Fills a buffer with random bytes, `getrandom(2)`.
pub fn random(buffer: &mut [u8]) -> Result<()> {
    let filled = rustix::rand::getrandom(&mut *buffer, rustix::rand::GetRandomFlags::empty())
        .call(|| "getrandom()")?;
    // Up to 256 bytes come whole.
    if filled == buffer.len() { Ok(()) } else { Err(Error::new("getrandom()", rustix::io::Errno::IO)) }
}
