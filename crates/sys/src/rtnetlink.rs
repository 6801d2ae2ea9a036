//! rtnetlink: links, addresses and routes of a network namespace, read and changed (`rtnetlink(7)`).
//!
//! Changes are values, so that many go in one send; a device that is made can be given its number, so that what
//! follows in the same send can name it.

mod change;
mod read;

use std::os::fd::AsFd;

use crate::netlink::{Protocol, Socket};
use crate::{Error, Result};

pub use change::{Address, Change, Link, LinkKind, Route};
pub(crate) use read::fuzz;
pub use read::{AddressEntry, LinkEntry, RouteEntry};

/// A socket of one network namespace.
#[derive(Debug)]
pub struct Rtnetlink {
    socket: Socket,
}

impl Rtnetlink {
    /// A socket of the caller's network namespace.
    pub fn open() -> Result<Self> {
        Ok(Self { socket: Socket::open(Protocol::Route)? })
    }

    /// A socket of another network namespace: it stays there, while the calling thread comes back.
    pub fn open_in(namespace: impl AsFd) -> Result<Self> {
        Ok(Self { socket: Socket::open_in(namespace, Protocol::Route)? })
    }

    /// Makes changes in one send. The kernel goes on after one that failed; the first failure is returned.
    pub fn apply(&self, changes: &[Change]) -> Result<()> {
        let mut messages: Vec<_> = changes.iter().map(Change::message).collect();
        match messages.last_mut() {
            Some(last) => last.acknowledge(),
            None => return Ok(()),
        }
        self.socket.send_all(messages).map_err(|failure| {
            let call = changes.get(failure.at).map_or_else(|| "send()".to_owned(), Change::to_string);
            Error::new(call, failure.errno)
        })
    }
}
