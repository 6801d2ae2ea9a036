//! What rules are made of. Each writes a register or compares one; the rule ends where a comparison fails.

use super::batch::{DATA_VALUE, LIST_ELEMENT, write_verdict};
use crate::netlink::Message;

/// `NFTA_EXPR_NAME`, `NFTA_EXPR_DATA`.
const NAME: u16 = 1;
const DATA: u16 = 2;
/// `NFT_REG32_00`: sixteen registers of four bytes; `NFT_REG_1` is the first four of them.
const FIRST_REGISTER: u32 = 8;

/// What is to become of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// This chain lets it pass.
    Accept,
    /// It is gone.
    Drop,
}

pub(super) fn verdict(verdict: Verdict) -> u32 {
    match verdict {
        Verdict::Drop => 0,
        Verdict::Accept => 1,
    }
}

/// An expression. Registers are counted in words of four bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expression<'a> {
    /// Loads a fact about the packet: `NFT_META_*`.
    Meta {
        /// Which fact.
        key: u32,
        /// Where it goes.
        to: u32,
    },
    /// Loads a fact about the connection: `NFT_CT_*`.
    Conntrack {
        /// Which fact.
        key: u32,
        /// Where it goes.
        to: u32,
    },
    /// Loads bytes of a header: `NFT_PAYLOAD_*_HEADER`.
    Payload {
        /// Which header.
        base: u32,
        /// Its offset there.
        offset: u32,
        /// How many bytes.
        length: u32,
        /// Where they go.
        to: u32,
    },
    /// Loads the kind of address that the destination is to this machine: `fib daddr type`.
    DestinationKind {
        /// Where it goes.
        to: u32,
    },
    /// Keeps the bits of a mask.
    Mask {
        /// The register.
        at: u32,
        /// The mask.
        mask: &'a [u8],
    },
    /// Goes on when the register is equal (or not) to the value.
    Compare {
        /// The register.
        at: u32,
        /// Whether it must be equal.
        equal: bool,
        /// The value.
        value: &'a [u8],
    },
    /// Goes on when the register is (or is not) in a set; a map also loads what the key leads to.
    Lookup {
        /// The set's name.
        set: &'a str,
        /// The register.
        at: u32,
        /// Where the map's value goes.
        value_to: Option<u32>,
        /// Goes on when it is not in the set.
        inverted: bool,
    },
    /// Translates the destination.
    Dnat {
        /// Whether to an IPv6 address.
        v6: bool,
        /// The register of the address.
        address: u32,
        /// The register of the port.
        port: u32,
    },
    /// Translates the source to the address of the interface that it leaves by.
    Masquerade,
    /// Ends.
    Verdict(Verdict),
}

/// `NFPROTO_IPV4`, `NFPROTO_IPV6`.
const IPV4: u32 = 2;
const IPV6: u32 = 10;

impl Expression<'_> {
    fn name(&self) -> &'static str {
        match self {
            Self::Meta { .. } => "meta",
            Self::Conntrack { .. } => "ct",
            Self::Payload { .. } => "payload",
            Self::DestinationKind { .. } => "fib",
            Self::Mask { .. } => "bitwise",
            Self::Compare { .. } => "cmp",
            Self::Lookup { .. } => "lookup",
            Self::Dnat { .. } => "nat",
            Self::Masquerade => "masq",
            Self::Verdict(_) => "immediate",
        }
    }

    pub(super) fn write(&self, list: &mut Message) {
        list.nest(LIST_ELEMENT, |element| {
            element.text(NAME, self.name());
            element.nest(DATA, |data| self.data(data));
        });
    }

    fn data(&self, data: &mut Message) {
        let register = |at: u32| FIRST_REGISTER + at;
        match self {
            Self::Meta { key, to } | Self::Conntrack { key, to } => {
                data.be32(1, register(*to));
                data.be32(2, *key);
            }
            Self::Payload { base, offset, length, to } => {
                for (kind, value) in (1..).zip([register(*to), *base, *offset, *length]) {
                    data.be32(kind, value);
                }
            }
            Self::DestinationKind { to } => {
                // NFT_FIB_RESULT_ADDRTYPE of NFTA_FIB_F_DADDR.
                for (kind, value) in (1..).zip([register(*to), 3, 2]) {
                    data.be32(kind, value);
                }
            }
            Self::Mask { at, mask } => {
                let length = u32::try_from(mask.len()).unwrap_or_default();
                for (kind, value) in (1..).zip([register(*at), register(*at), length]) {
                    data.be32(kind, value);
                }
                data.nest(4, |nest| nest.attribute(DATA_VALUE, mask));
                data.nest(5, |nest| nest.attribute(DATA_VALUE, &vec![0; mask.len()]));
            }
            Self::Compare { at, equal, value } => {
                data.be32(1, register(*at));
                data.be32(2, u32::from(!equal));
                data.nest(3, |nest| nest.attribute(DATA_VALUE, value));
            }
            Self::Lookup { set, at, value_to, inverted } => {
                data.text(1, set);
                data.be32(2, register(*at));
                if let Some(to) = value_to {
                    data.be32(3, register(*to));
                }
                if *inverted {
                    data.be32(5, 1);
                }
            }
            Self::Dnat { v6, address, port } => {
                // NFT_NAT_DNAT, family, address register, port register.
                data.be32(1, 1);
                data.be32(2, if *v6 { IPV6 } else { IPV4 });
                data.be32(3, register(*address));
                data.be32(5, register(*port));
            }
            Self::Masquerade => {}
            Self::Verdict(code) => {
                data.be32(1, 0);
                data.nest(2, |nest| write_verdict(nest, *code));
            }
        }
    }
}
