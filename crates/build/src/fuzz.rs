//! Parsers of what comes from outside this program, as functions of bytes that must return whatever the bytes are. Run by
//! `tests/fuzz`.

use std::collections::BTreeMap;

use crate::check::{Surroundings, check};
use crate::dockerfile::Dockerfile;
use crate::expand::expand;
use crate::ignore::Ignore;

/// A parser and its name.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: &[Target] = &[("dockerfile", dockerfile), ("dockerignore", dockerignore)];

fn dockerfile(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(dockerfile) = Dockerfile::parse(&text) {
        drop(check(&dockerfile, &Surroundings::default()));
    }
    let variables = BTreeMap::from([("A".to_owned(), "a/b.c".to_owned()), ("B".to_owned(), String::new())]);
    for escape in ['\\', '`'] {
        drop(expand(&text, escape, &variables));
    }
}

fn dockerignore(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let ignore = Ignore::parse(&text);
    for path in ["a", "a/b/c.txt", "aaaaaaaaaaaaaaaaaaaaaaaa", "ä/é"] {
        let _ = ignore.matches(path);
    }
    text.lines().take(4).for_each(|line| {
        let _ = ignore.matches(line);
    });
}
