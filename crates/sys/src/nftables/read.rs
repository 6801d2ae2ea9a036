//! What is there: our table, its elements, and other programs' base chains.

use rustix::io::Errno;

use super::batch::{DATA_VALUE, ELEMENT_DATA, ELEMENT_KEY, ELEMENTS, Element};
use super::{INET, Nftables, header, kind};
use crate::netlink::{Message, as_text, attribute, attributes};
use crate::{Call as _, Result};

/// A chain that some table hooks in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseChain {
    /// The family of its table: 1 `inet`, 2 `ip`, 10 `ip6`.
    pub family: u8,
    /// Its table.
    pub table: String,
    /// Its name.
    pub name: String,
    /// The hook's number: 2 is `forward`.
    pub hook: u32,
    /// Whether what no rule decides is dropped.
    pub drops: bool,
}

impl Nftables {
    /// Whether a table is there.
    pub fn has_table(&self, name: &str) -> Result<bool> {
        let mut request = Message::new(kind(libc::NFT_MSG_GETTABLE), 0, &header(INET, 0));
        request.text(1, name);
        match self.socket.send(request) {
            Ok(_) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(errno) => Err(errno).call(|| format!("NFT_MSG_GETTABLE(inet {name})")),
        }
    }

    /// The elements of a set or map; none when it is not there.
    pub fn elements(&self, table: &str, set: &str) -> Result<Vec<Element>> {
        let mut request = Message::new(kind(libc::NFT_MSG_GETSETELEM), libc::NLM_F_DUMP, &header(INET, 0));
        request.text(1, table);
        request.text(2, set);
        match self.socket.send(request) {
            Ok(replies) => Ok(replies.iter().flat_map(|reply| parse_elements(reply)).collect()),
            Err(Errno::NOENT) => Ok(Vec::new()),
            Err(errno) => Err(errno).call(|| format!("NFT_MSG_GETSETELEM(inet {table} {set})")),
        }
    }

    /// Everybody's base chains.
    pub fn base_chains(&self) -> Result<Vec<BaseChain>> {
        let request = Message::new(kind(libc::NFT_MSG_GETCHAIN), libc::NLM_F_DUMP, &header(0, 0));
        let replies = self.socket.send(request).call(|| "NFT_MSG_GETCHAIN")?;
        Ok(replies.iter().filter_map(|reply| BaseChain::parse(reply)).collect())
    }
}

fn parse_elements(reply: &[u8]) -> Vec<Element> {
    let list = attribute(reply.get(4..).unwrap_or_default(), ELEMENTS).unwrap_or_default();
    let value = |element: &[u8], kind| {
        attribute(element, kind)
            .and_then(|data| attribute(data, DATA_VALUE))
            .map(<[u8]>::to_vec)
            .unwrap_or_default()
    };
    let parse = |element: &[u8]| Element {
        key: value(element, ELEMENT_KEY),
        value: value(element, ELEMENT_DATA),
        // NFTA_SET_ELEM_FLAGS.
        ends: attribute(element, 3).is_some_and(|flags| flags.last().is_some_and(|low| low & 1 != 0)),
    };
    attributes(list).map(|(_, element)| parse(element)).collect()
}

impl BaseChain {
    /// Reads a message of a dump; none for chains that only others jump to.
    fn parse(reply: &[u8]) -> Option<Self> {
        let rest = reply.get(4..)?;
        let be32 = |bytes: &[u8]| Some(u32::from_be_bytes(bytes.try_into().ok()?));
        let hook = attribute(attribute(rest, 4)?, 1).and_then(be32)?;
        Some(Self {
            family: *reply.first()?,
            table: as_text(attribute(rest, 1)?),
            name: as_text(attribute(rest, 3)?),
            hook,
            // NFTA_CHAIN_POLICY: NF_DROP is 0.
            drops: attribute(rest, 5).and_then(be32) == Some(0),
        })
    }
}

/// Reads bytes as each kind of reply (`crate::fuzz`).
pub(crate) fn fuzz(bytes: &[u8]) {
    drop(parse_elements(bytes));
    drop(BaseChain::parse(bytes));
}
