//! A batch being written.

use super::expression::{Expression, verdict};
use super::{INET, SUBSYSTEM, header, kind};
use crate::netlink::Message;

/// `NFNL_MSG_BATCH_BEGIN`, `NFNL_MSG_BATCH_END`.
const BEGIN: u16 = 16;
const END: u16 = 17;
/// The first two attributes of most kinds of message: the table's name, and what is in it.
const TABLE: u16 = 1;
const NAME: u16 = 2;
/// `NFTA_CHAIN_*`, `NFTA_HOOK_*`.
const CHAIN_NAME: u16 = 3;
const CHAIN_HOOK: u16 = 4;
const CHAIN_TYPE: u16 = 7;
/// `NFTA_SET_*`.
const SET_FLAGS: u16 = 3;
const SET_KEY_TYPE: u16 = 4;
const SET_KEY_LEN: u16 = 5;
const SET_DATA_TYPE: u16 = 6;
const SET_DATA_LEN: u16 = 7;
const SET_ID: u16 = 10;
const SET_USERDATA: u16 = 13;
/// `NFT_SET_*` flags.
const FLAG_INTERVAL: u32 = 0x4;
const FLAG_MAP: u32 = 0x8;
/// `NFTA_LIST_ELEM`.
pub(super) const LIST_ELEMENT: u16 = 1;
/// `NFTA_SET_ELEM_LIST_ELEMENTS`.
pub(super) const ELEMENTS: u16 = 3;
/// `NFTA_SET_ELEM_*`.
pub(super) const ELEMENT_KEY: u16 = 1;
pub(super) const ELEMENT_DATA: u16 = 2;
const ELEMENT_FLAGS: u16 = 3;
/// `NFT_SET_ELEM_INTERVAL_END`.
const INTERVAL_END: u32 = 1;
/// `NFTA_DATA_VALUE`.
pub(super) const DATA_VALUE: u16 = 1;
/// `NFTA_RULE_EXPRESSIONS`.
const RULE_EXPRESSIONS: u16 = 4;

/// What a key or a value is made of; several are a concatenation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// `ipv4_addr`.
    Ipv4,
    /// `ipv6_addr`.
    Ipv6,
    /// `inet_proto`.
    Protocol,
    /// `inet_service`: a port.
    Service,
    /// `ifname`.
    Interface,
}

impl Type {
    /// The number that `nft` knows it by, and its length; in a concatenation the length is a multiple of four.
    fn number_and_length(self) -> (u32, u32) {
        match self {
            Self::Ipv4 => (7, 4),
            Self::Ipv6 => (8, 16),
            Self::Protocol => (12, 1),
            Self::Service => (13, 2),
            Self::Interface => (41, 16),
        }
    }

    fn all(types: &[Self]) -> (u32, u32) {
        match types {
            [one] => one.number_and_length(),
            several => several.iter().fold((0, 0), |(number, length), one| {
                let (own, bytes) = one.number_and_length();
                (number << 6 | own, length + bytes.next_multiple_of(4))
            }),
        }
    }
}

/// A set, or a map when it has values.
#[derive(Debug, Clone, Copy)]
pub struct Set<'a> {
    /// Its name.
    pub name: &'a str,
    /// A number of its own within the batch.
    pub id: u32,
    /// What its keys are made of.
    pub key: &'a [Type],
    /// What its values are made of.
    pub value: &'a [Type],
    /// Whether its elements are ranges.
    pub interval: bool,
}

/// Where a chain hooks in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hook {
    /// What comes in, before it is routed.
    Prerouting,
    /// What passes through.
    Forward,
    /// What this machine sends.
    Output,
    /// What goes out.
    Postrouting,
}

impl Hook {
    fn number(self) -> u32 {
        match self {
            Self::Prerouting => 0,
            Self::Forward => 2,
            Self::Output => 3,
            Self::Postrouting => 4,
        }
    }
}

/// A base chain that accepts what no rule decides.
#[derive(Debug, Clone, Copy)]
pub struct Chain<'a> {
    /// Its name.
    pub name: &'a str,
    /// `filter` or `nat`.
    pub kind: &'a str,
    /// Where it hooks in.
    pub hook: Hook,
    /// Its place among the chains of that hook.
    pub priority: i32,
}

/// An element of a set or map, as bytes: the parts of a concatenation padded to four bytes each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Element {
    /// Its key.
    pub key: Vec<u8>,
    /// What the key leads to; empty in a set.
    pub value: Vec<u8>,
    /// Whether the key is the end of a range, the first that is not in it.
    pub ends: bool,
}

/// Changes that happen wholly or not at all.
#[derive(Debug, Default)]
pub struct Batch {
    names: Vec<String>,
    messages: Vec<Message>,
}

impl Batch {
    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    fn push(&mut self, name: String, message: Message) {
        self.names.push(name);
        self.messages.push(message);
    }

    fn request(number: libc::c_int, flags: libc::c_int, table: &str) -> Message {
        let mut message = Message::silent(kind(number), flags, &header(INET, 0));
        message.text(TABLE, table);
        message
    }

    /// Makes a table, which must not be there yet: so of two commands that make it one fails, wholly.
    pub fn add_table(&mut self, table: &str) {
        let flags = libc::NLM_F_CREATE | libc::NLM_F_EXCL;
        let message = Self::request(libc::NFT_MSG_NEWTABLE, flags, table);
        self.push(format!("NFT_MSG_NEWTABLE(inet {table})"), message);
    }

    /// Removes a table with all that is in it.
    pub fn delete_table(&mut self, table: &str) {
        let message = Self::request(libc::NFT_MSG_DELTABLE, 0, table);
        self.push(format!("NFT_MSG_DELTABLE(inet {table})"), message);
    }

    /// Makes a base chain.
    pub fn add_chain(&mut self, table: &str, chain: &Chain<'_>) {
        let mut message = Self::request(libc::NFT_MSG_NEWCHAIN, libc::NLM_F_CREATE, table);
        message.text(CHAIN_NAME, chain.name);
        message.nest(CHAIN_HOOK, |hook| {
            hook.be32(1, chain.hook.number());
            hook.be32(2, chain.priority.cast_unsigned());
        });
        message.text(CHAIN_TYPE, chain.kind);
        self.push(format!("NFT_MSG_NEWCHAIN(inet {table} {})", chain.name), message);
    }

    /// Makes a set or a map.
    pub fn add_set(&mut self, table: &str, set: &Set<'_>) {
        let mut message = Self::request(libc::NFT_MSG_NEWSET, libc::NLM_F_CREATE, table);
        message.text(NAME, set.name);
        let mut flags = 0;
        if set.interval {
            flags |= FLAG_INTERVAL;
        }
        if !set.value.is_empty() {
            flags |= FLAG_MAP;
        }
        message.be32(SET_FLAGS, flags);
        let (number, length) = Type::all(set.key);
        message.be32(SET_KEY_TYPE, number);
        message.be32(SET_KEY_LEN, length);
        if !set.value.is_empty() {
            let (number, length) = Type::all(set.value);
            message.be32(SET_DATA_TYPE, number);
            message.be32(SET_DATA_LEN, length);
        }
        message.be32(SET_ID, set.id);
        if set.key == [Type::Interface] {
            // Only for `nft` to show it: NFTNL_UDATA_SET_KEYBYTEORDER, of four bytes, the host's.
            message.attribute(SET_USERDATA, &[&[0, 4][..], &1_u32.to_ne_bytes()].concat());
        }
        self.push(format!("NFT_MSG_NEWSET(inet {table} {})", set.name), message);
    }

    /// Adds a rule at the end of a chain.
    pub fn add_rule(&mut self, table: &str, chain: &str, expressions: &[Expression<'_>]) {
        let flags = libc::NLM_F_CREATE | libc::NLM_F_APPEND;
        let mut message = Self::request(libc::NFT_MSG_NEWRULE, flags, table);
        message.text(NAME, chain);
        message.nest(RULE_EXPRESSIONS, |list| {
            for expression in expressions {
                expression.write(list);
            }
        });
        self.push(format!("NFT_MSG_NEWRULE(inet {table} {chain})"), message);
    }

    /// Adds elements to a set or map. One that is there already stays, when it leads to the same.
    pub fn add_elements(&mut self, table: &str, set: &str, elements: &[Element]) {
        let message = Self::request(libc::NFT_MSG_NEWSETELEM, libc::NLM_F_CREATE, table);
        self.elements("NEW", message, (table, set), elements);
    }

    /// Removes elements from a set or map.
    pub fn delete_elements(&mut self, table: &str, set: &str, elements: &[Element]) {
        let message = Self::request(libc::NFT_MSG_DELSETELEM, 0, table);
        self.elements("DEL", message, (table, set), elements);
    }

    fn elements(&mut self, what: &str, mut message: Message, place: (&str, &str), elements: &[Element]) {
        if elements.is_empty() {
            return;
        }
        let (table, set) = place;
        message.text(NAME, set);
        message.nest(ELEMENTS, |list| {
            for element in elements {
                list.nest(LIST_ELEMENT, |one| element.write(one));
            }
        });
        self.push(format!("NFT_MSG_{what}SETELEM(inet {table} {set})"), message);
    }

    /// The messages with their frame, and the name of each; none when there is nothing to do.
    pub(super) fn finish(mut self) -> Option<(Vec<String>, Vec<Message>)> {
        self.messages.last_mut()?.acknowledge();
        let frame = |kind| Message::silent(kind, 0, &header(0, SUBSYSTEM));
        self.messages.insert(0, frame(BEGIN));
        self.names.insert(0, "NFNL_MSG_BATCH_BEGIN".to_owned());
        self.messages.push(frame(END));
        Some((self.names, self.messages))
    }
}

impl Element {
    fn write(&self, message: &mut Message) {
        message.nest(ELEMENT_KEY, |key| key.attribute(DATA_VALUE, &self.key));
        if self.ends {
            message.be32(ELEMENT_FLAGS, INTERVAL_END);
        }
        if !self.value.is_empty() {
            message.nest(ELEMENT_DATA, |value| value.attribute(DATA_VALUE, &self.value));
        }
    }
}

/// Writes a verdict as an expression's data.
pub(super) fn write_verdict(data: &mut Message, code: super::Verdict) {
    // NFTA_DATA_VERDICT { NFTA_VERDICT_CODE }.
    data.nest(2, |nest| nest.be32(1, verdict(code)));
}
