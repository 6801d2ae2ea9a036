//! Parsers of what comes from outside this program, as functions of bytes that must return whatever the bytes are. Run by
//! `tests/fuzz`.

/// A parser and its name.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: &[Target] =
    &[("netlink", crate::netlink::fuzz), ("rtnetlink", rtnetlink), ("nftables", crate::nftables::fuzz)];

fn rtnetlink(bytes: &[u8]) {
    crate::rtnetlink::fuzz(bytes);
    crate::link::fuzz(bytes);
}
