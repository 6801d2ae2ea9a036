//! What the equivalence tests stand on: the `barque` under test, containers to compare, and a probe that tells from
//! inside what a container is like.
#![forbid(unsafe_code)]

mod binary;
mod bundle;
mod command;
mod findings;

pub use binary::barque;
pub use bundle::{Bundle, EXIT_CODE};
pub use command::Lab;
pub use findings::{Findings, compare};

/// Whether the tests that make containers can run: as root, with the busybox that the containers are made of.
/// Says why when not.
#[expect(clippy::print_stdout, reason = "a test says by name that it was skipped")]
pub fn can_make_containers() -> bool {
    let missing = [
        (!is_root(), "not root: making these containers takes all of root's rights"),
        (!std::path::Path::new(bundle::BUSYBOX).exists(), "no /bin/busybox: install busybox-static"),
    ];
    for (_, why) in missing.iter().filter(|(is_missing, _)| *is_missing) {
        println!("skipped: {why}");
    }
    missing.iter().all(|(is_missing, _)| !is_missing)
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}
