//! Parsers of what comes from outside this program, as functions of bytes that must return whatever the bytes are. Run by
//! `tests/fuzz`.

use std::str::FromStr as _;

use crate::reference::Reference;
use crate::registry::{self, Hosts};
use crate::spec::{Config, Index, Manifest};

/// A parser and its name.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: &[Target] = &[
    ("reference", reference),
    ("manifest", manifest),
    ("challenge", |bytes| registry::fuzz_challenge(&String::from_utf8_lossy(bytes))),
    ("dns", registry::fuzz_resolver),
];

/// What is a reference reads the same when it is written.
fn reference(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(reference) = Reference::from_str(&text) {
        let written = reference.to_string();
        assert_eq!(Reference::from_str(&written).ok(), Some(reference), "{written:?}");
    }
}

fn manifest(bytes: &[u8]) {
    drop(Manifest::parse(bytes));
    drop(Index::parse(bytes));
    drop(Config::parse(bytes));
    drop(Hosts::parse(bytes));
}
