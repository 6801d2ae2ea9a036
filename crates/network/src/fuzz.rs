//! Parsers of what comes from outside this program, as functions of bytes that must return whatever the bytes are. Run by
//! `tests/fuzz`.

use crate::{Definition, Subnet, parse_port};

/// A parser and its name.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: &[Target] = &[("ports", ports), ("names", crate::names::fuzz)];

fn ports(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    drop(parse_port(&text));
    drop(Definition::parse(&text));
    if let Ok(subnet) = Subnet::parse(&text) {
        let written = subnet.to_string();
        assert_eq!(Subnet::parse(&written).ok(), Some(subnet), "{written:?}");
    }
}
