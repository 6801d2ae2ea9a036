//! What every snapshotter must do.

use std::fs;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt};
use std::path::{Path, PathBuf};

use super::*;
use crate::ErrorKind;
use crate::layer::{Form, Rights};

fn root() -> bool {
    let root = barque_sys::process::effective_ids().0 == 0;
    if !root {
        println!("skipped: mounts need root");
    }
    root
}

/// Does something in what a mount shows.
fn within<T>(mount: &Mount, act: impl FnOnce(&Path) -> T) -> T {
    let mount = mount.open().unwrap();
    act(Path::new(&format!("/proc/self/fd/{}/.", mount.as_raw_fd())))
}

fn layers(scene: &Path, count: usize) -> Vec<PathBuf> {
    (0..count)
        .map(|number| {
            let layer = scene.join(format!("layer-with-a-name-as-long-as-those-of-digests-are-{number}"));
            fs::create_dir(&layer).unwrap();
            fs::write(layer.join(format!("file{number}")), number.to_string()).unwrap();
            fs::write(layer.join("same"), number.to_string()).unwrap();
            fs::set_permissions(&layer, PermissionsExt::from_mode(0o751)).unwrap();
            layer
        })
        .collect()
}

fn suite(make: impl Fn(PathBuf) -> Box<dyn Snapshotter>) {
    if !root() {
        return;
    }
    let scene = tempfile::tempdir_in("/var/tmp").unwrap();
    let snapshots = make(scene.path().join("snapshots"));
    let layers = layers(scene.path(), 2);
    assert_eq!(snapshots.keys().unwrap(), Vec::<String>::new());
    writes_are_kept(&*snapshots, &layers);
    views_are_read_only(&*snapshots, &layers);
    committed_is_a_layer(&*snapshots, &layers, scene.path());
    names_are_checked(&*snapshots, &layers);
    for key in snapshots.keys().unwrap() {
        snapshots.remove(&key).unwrap();
    }
    assert_eq!(snapshots.keys().unwrap(), Vec::<String>::new());
    assert_eq!(fs::read_dir(scene.path().join("snapshots")).unwrap().count(), 0, "nothing is left");
}

fn writes_are_kept(snapshots: &dyn Snapshotter, layers: &[PathBuf]) {
    let mount = snapshots.prepare("a", layers).unwrap();
    assert_eq!(snapshots.mount("a").unwrap(), mount);
    within(&mount, |root| {
        assert_eq!(fs::metadata(root).unwrap().mode() & 0o7777, 0o751);
        assert_eq!(fs::read_to_string(root.join("same")).unwrap(), "0", "the uppermost layer wins");
        assert_eq!(fs::read_to_string(root.join("file1")).unwrap(), "1");
        fs::write(root.join("new"), "new").unwrap();
        fs::write(root.join("same"), "mine").unwrap();
        fs::remove_file(root.join("file1")).unwrap();
    });
    within(&snapshots.mount("a").unwrap(), |root| {
        assert_eq!(fs::read_to_string(root.join("same")).unwrap(), "mine");
        assert!(!root.join("file1").exists());
    });
    let found: Vec<String> = snapshots.changes("a").unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(found, ["D /file1", "A /new", "C /same"]);
    assert_eq!(fs::read_to_string(layers[0].join("same")).unwrap(), "0", "layers never change");
    assert!(layers[1].join("file1").exists());
}

fn views_are_read_only(snapshots: &dyn Snapshotter, layers: &[PathBuf]) {
    for (key, layers) in [("two", layers), ("one", &layers[..1])] {
        within(&snapshots.view(key, layers).unwrap(), |root| {
            assert_eq!(fs::read_to_string(root.join("same")).unwrap(), "0");
            fs::write(root.join("new"), "").unwrap_err();
        });
        assert_eq!(snapshots.commit(key, Path::new("/nowhere")).unwrap_err().kind(), ErrorKind::Conflict);
        assert_eq!(snapshots.changes(key).unwrap(), []);
    }
}

fn committed_is_a_layer(snapshots: &dyn Snapshotter, layers: &[PathBuf], scene: &Path) {
    let target = scene.join("committed");
    snapshots.commit("a", &target).unwrap();
    assert_eq!(snapshots.mount("a").unwrap_err().kind(), ErrorKind::NotFound);
    let mut more = vec![target];
    more.extend(layers.iter().cloned());
    within(&snapshots.view("above", &more).unwrap(), |root| {
        assert_eq!(fs::read_to_string(root.join("new")).unwrap(), "new");
        assert_eq!(fs::read_to_string(root.join("same")).unwrap(), "mine");
        assert_eq!(fs::read_to_string(root.join("file0")).unwrap(), "0");
        assert!(!root.join("file1").exists());
    });
}

fn names_are_checked(snapshots: &dyn Snapshotter, layers: &[PathBuf]) {
    let taken = snapshots.prepare("above", layers).unwrap_err();
    assert_eq!(taken.kind(), ErrorKind::AlreadyExists);
    for key in ["", ".", "..", "a/b", ".new-x"] {
        assert_eq!(snapshots.prepare(key, layers).unwrap_err().kind(), ErrorKind::InvalidArgument, "{key}");
        assert!(snapshots.remove(key).is_err(), "{key}");
    }
    assert_eq!(snapshots.mount("none").unwrap_err().kind(), ErrorKind::NotFound);
    snapshots.remove("none").unwrap();
    // What a command that was killed has left is no snapshot, and in nobody's way.
    let broken = snapshots.prepare("broken", &[PathBuf::from("/no/such/layer")]);
    broken.unwrap_err();
    assert!(!snapshots.keys().unwrap().contains(&"broken".to_owned()));
}

#[test]
fn overlay() {
    suite(|root| Box::new(Overlay::new(root, Form::Overlay)));
}

#[test]
fn copying() {
    suite(|root| Box::new(Copying::new(root, Form::Overlay, Rights::All)));
}

#[test]
fn a_hundred_and_twenty_eight_layers() {
    if !root() {
        return;
    }
    let scene = tempfile::tempdir_in("/var/tmp").unwrap();
    let layers = layers(scene.path(), 128);
    let overlay = Overlay::new(scene.path().join("snapshots"), Form::Overlay);
    within(&overlay.prepare("many", &layers).unwrap(), |root| {
        for number in [0, 1, 127] {
            assert_eq!(fs::read_to_string(root.join(format!("file{number}"))).unwrap(), number.to_string());
        }
        fs::write(root.join("new"), "").unwrap();
    });
    assert!(Overlay::works(scene.path(), Form::Overlay));
    assert!(!Overlay::works(Path::new("/proc"), Form::Overlay));
}
