//! `apply(diff(a, b), a) = b`, copied and mounted.

use std::fs;
use std::os::fd::AsFd as _;
use std::path::Path;

use barque_image::layer::{
    Form, Merger, Options, Rights, Settle, WriteOptions, changes, settle, unpack, write_difference,
    write_tree,
};
use barque_sys::mount::{FileSystem, MountAttrFlags};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use crate::tree::{Step, copy, describe, steps, take};

fn unpacked(archive: &[u8], target: &Path) -> barque_image::layer::Unpacked {
    fs::create_dir(target).unwrap();
    unpack(archive, target, &Options::default()).unwrap()
}

fn check(before: &[Step], after: &[Step]) {
    let scene = tempfile::tempdir().unwrap();
    let at = |name: &str| scene.path().join(name);
    fs::create_dir(at("a")).unwrap();
    take(&at("a"), before);
    copy(&at("a"), &at("b"));
    take(&at("b"), after);
    let expected = describe(&at("b"));

    let base = write_tree(&at("a"), Vec::new(), &WriteOptions { form: Form::Plain, latest: None }).unwrap();
    let difference = write_difference(&at("a"), &at("b"), Vec::new(), &WriteOptions::default()).unwrap();
    let again = write_difference(&at("a"), &at("b"), Vec::new(), &WriteOptions::default()).unwrap();
    assert!(difference == again, "the same trees give the same bytes");
    let lower = unpacked(&base, &at("lower"));
    assert_eq!(describe(&at("lower")), describe(&at("a")), "the base alone");
    let upper = unpacked(&difference, &at("upper"));
    let chain = [
        Settle { root: &at("lower"), pending: &lower.pending },
        Settle { root: &at("upper"), pending: &upper.pending },
    ];
    let settled = settle(&chain, &at("settled"), &Options::default()).unwrap();
    let mut layers = vec![at("lower"), at("upper")];
    if settled {
        layers.push(at("settled"));
    }

    fs::create_dir(at("merged")).unwrap();
    let mut merger = Merger::new(&at("merged"), Form::Overlay, Rights::All).unwrap();
    for layer in &layers {
        merger.merge(layer).unwrap();
    }
    assert_eq!(rootless(&describe(&at("merged"))), rootless(&expected), "copied");
    // Sockets are in no layer.
    if !before.iter().chain(after).any(|step| matches!(step, Step::Socket(_))) {
        let left = changes(&at("merged"), &at("b")).unwrap();
        assert!(left.iter().all(|change| change.path == Path::new("/")), "{left:?}");
    }

    let overlay = FileSystem::open("overlay").unwrap();
    for layer in layers.iter().rev() {
        overlay.set("lowerdir+", layer.to_str().unwrap()).unwrap();
    }
    let mount = overlay.mount(MountAttrFlags::empty()).unwrap();
    let mounted = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&mount.as_fd()));
    assert_eq!(rootless(&describe(Path::new(&format!("{mounted}/.")))), rootless(&expected), "mounted");
}

/// Without the first line: a difference that changes nothing says nothing of the root's time.
fn rootless(text: &str) -> &str {
    text.split_once('\n').map_or("", |(_, rest)| rest)
}

proptest! {
    // The same trees in every run, so that a failure is that of a change; another seed looks at others.
    #![proptest_config(ProptestConfig {
        cases: 96,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::default()
    })]
    #[test]
    fn a_difference_makes_one_tree_the_other(before in steps(), after in steps()) {
        if crate::require_root() {
            check(&before, &after);
        }
    }
}

#[test]
fn what_changes_are() {
    let scene = tempfile::tempdir().unwrap();
    let at = |name: &str| scene.path().join(name);
    for side in ["a", "b"] {
        fs::create_dir_all(at(side).join("d/e")).unwrap();
        fs::write(at(side).join("d/e/same"), "same").unwrap();
        fs::write(at(side).join("d/other"), side).unwrap();
        let time = fs::FileTimes::new().set_modified(std::time::UNIX_EPOCH);
        for file in ["d/e/same", "d/other", "d/e"] {
            fs::File::open(at(side).join(file)).unwrap().set_times(time).unwrap();
        }
    }
    fs::write(at("a").join("gone"), "").unwrap();
    fs::write(at("b").join("new"), "").unwrap();
    let time = fs::FileTimes::new().set_modified(std::time::UNIX_EPOCH);
    for path in ["a", "b", "a/d", "b/d"] {
        fs::File::open(at(path)).unwrap().set_times(time).unwrap();
    }
    let found: Vec<String> = changes(&at("a"), &at("b")).unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(found, ["C /d", "C /d/other", "D /gone", "A /new"]);
}
