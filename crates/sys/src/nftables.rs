//! nf_tables: one table of our own in the family `inet`, changed by batches that happen wholly or not at all.
//!
//! Numbers and layouts are those of `linux/netfilter/nf_tables.h`; what a person would type is `nft(8)`.

mod batch;
mod expression;
mod read;

use rustix::io::Errno;

use crate::netlink::{Protocol, Socket};
use crate::{Error, Result};

pub use batch::{Batch, Chain, Element, Hook, Set, Type};
pub use expression::{Expression, Verdict};
pub use read::BaseChain;
pub(crate) use read::fuzz;

/// `NFNL_SUBSYS_NFTABLES`.
const SUBSYSTEM: u16 = 10;
/// `NFPROTO_INET`.
const INET: u8 = 1;

/// `struct nfgenmsg`.
fn header(family: u8, resource: u16) -> [u8; 4] {
    let [high, low] = resource.to_be_bytes();
    [family, 0, high, low]
}

/// The kind of a message of this subsystem.
fn kind(message: libc::c_int) -> u16 {
    SUBSYSTEM << 8 | u16::try_from(message).unwrap_or_default()
}

/// A socket of one network namespace.
#[derive(Debug)]
pub struct Nftables {
    socket: Socket,
}

impl Nftables {
    /// A socket of the caller's network namespace.
    pub fn open() -> Result<Self> {
        Ok(Self { socket: Socket::open(Protocol::Netfilter)? })
    }

    /// Does all of a batch, or nothing of it.
    pub fn commit(&self, batch: Batch) -> Result<()> {
        let Some((names, messages)) = batch.finish() else { return Ok(()) };
        self.socket.send_all(messages).map_err(|failure| {
            let name = names.get(failure.at).map_or("nf_tables batch", String::as_str);
            Error::new(name, failure.errno)
        })
    }

    /// Removes a table with all that is in it; whether it was there.
    pub fn delete_table(&self, name: &str) -> Result<bool> {
        let mut batch = Batch::default();
        batch.delete_table(name);
        match self.commit(batch) {
            Err(error) if error.errno() == Errno::NOENT => Ok(false),
            result => result.map(|()| true),
        }
    }
}
