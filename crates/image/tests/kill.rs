//! Commands killed at whatever they are at: afterwards nothing is wrong, and the next command works.
#![expect(clippy::unwrap_used, reason = "this is a test, whole: a failure is a panic")]

use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use barque_image::archive::{Form, Input, Saved, load, save};
use barque_image::layer::{Options, Rights};
use barque_image::progress::Silent;
use barque_image::reference::ShortNames;
use barque_image::spec::Platform;
use barque_image::store::{Examination, Import, Store};

/// Where the child finds its work; without it, this is not the child.
const WORK: &str = "BARQUE_TEST_KILL";

fn store(root: &Path) -> Store {
    let rights = if rustix::process::geteuid().is_root() { Rights::All } else { Rights::Own };
    Store::new(root).with_options(Options { rights, ..Options::default() })
}

/// What is killed: loads, removes, empties the trash, over and over.
#[test]
fn child() {
    let Some(work) = std::env::var_os(WORK) else { return };
    let work = Path::new(&work);
    let store = store(&work.join("root"));
    loop {
        load(&store, Input::Archive(File::open(work.join("app.tar")).unwrap()), None, &Silent).unwrap();
        store.remove("app", &ShortNames::default(), true).unwrap();
        store.empty_trash().unwrap();
    }
}

/// An archive of an image with some hundred files in three layers.
fn make_archive(work: &Path) {
    let store = store(&work.join("maker"));
    let mut layers = Vec::new();
    let mut diff_ids = Vec::new();
    let lease = store.lease().unwrap();
    for layer in 0..3 {
        let tree = work.join(format!("tree{layer}"));
        for file in 0..150 {
            let path = tree.join(format!("d{}/f{file}", file % 7));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, format!("{layer} {file}").repeat(2000)).unwrap();
        }
        let tar = Command::new("tar").args(["-C", tree.to_str().unwrap(), "-c", "."]).output().unwrap();
        let (layer, diff_id) = store.add_layer(&tar.stdout[..]).unwrap();
        layers.push(layer);
        diff_ids.push(diff_id);
    }
    let import = Import {
        name: None,
        changes: Vec::new(),
        message: String::new(),
        platform: Platform::of_this_machine(),
        created: "2026-01-01T00:00:00Z".to_owned(),
    };
    drop(lease);
    let empty = store.import(&[0; 1024][..], &import).unwrap();
    let _lease = store.lease().unwrap();
    let mut config = empty.config;
    config.rootfs.diff_ids = diff_ids;
    let image = store.add_image(&config, layers).unwrap();
    let names = vec!["app".parse::<barque_image::Reference>().unwrap().or_latest()];
    let mut file = File::create(work.join("app.tar")).unwrap();
    save(&store, &[Saved { image, names }], Form::Oci, &mut file).unwrap();
}

#[test]
fn nothing_is_wrong_after_a_kill() {
    let directory = tempfile::tempdir().unwrap();
    let work = directory.path();
    make_archive(work);
    let store = store(&work.join("root"));
    // Not by chance: each run kills at the same times, which fall on other moments each time anyway.
    for round in 0..40_u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child"])
            .env(WORK, work)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_micros(3000 + round * 7919 % 160_000));
        child.kill().unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(9), "round {round}: the child has failed");
        let report = store.check(Examination::default(), &Silent).unwrap();
        assert_eq!(report.findings, [], "round {round}");
    }
    let loaded =
        load(&store, Input::Archive(File::open(work.join("app.tar")).unwrap()), None, &Silent).unwrap();
    assert_eq!(store.rootfs(&loaded[0].image).unwrap().len(), 3);
    let report = store.check(Examination { repair: true, deep: false }, &Silent).unwrap();
    assert_eq!((report.findings.len(), report.checked >= 8), (0, true), "{report:?}");
    assert_eq!(store.check(Examination::default(), &Silent).unwrap().orphans, [""; 0]);
    for leftover in ["layers/.new", "layers/.trash", "layers/.lock", "images/trash"] {
        assert_eq!(fs::read_dir(work.join("root").join(leftover)).unwrap().count(), 0, "{leftover}");
    }
}
