//! Looking after the store: `image prune`, its filters, `image check` and its repairs.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

use crate::lab::{Lab, Said, require_root, said};

fn barque(lab: &Lab, arguments: &[&str]) -> Said {
    said(lab.barque().env("HOME", lab.path("home")).args(arguments).stdin(Stdio::null()))
}

/// Imports the scene's root filesystem, with a file that makes it one of its own.
fn import(lab: &Lab, more: &[&str], name: &str) -> String {
    let root = lab.text(&format!("tree-{}", name.replace(':', "-")));
    fs::create_dir_all(format!("{root}/bin")).unwrap();
    fs::copy("/bin/busybox", format!("{root}/bin/busybox")).expect("install busybox-static");
    fs::write(format!("{root}/name"), name).unwrap();
    barque(lab, &[&["import"], more, &[&root, name]].concat()).ok().to_owned()
}

fn names(lab: &Lab) -> Vec<String> {
    let list = barque(lab, &["images", "--format", "{{.Repository}}:{{.Tag}}"]);
    let mut names: Vec<String> = list.ok().lines().map(str::to_owned).collect();
    names.sort();
    names
}

#[test]
fn prune_takes_what_has_no_name() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let old = import(&lab, &[], "app:1");
    import(&lab, &[], "other:1");
    import(&lab, &["-c", "LABEL a=b"], "app:1");
    assert_eq!(names(&lab), ["<none>:<none>", "app:1", "other:1"]);
    assert_eq!(barque(&lab, &["images", "-q", "--no-trunc", "-f", "dangling=true"]).ok(), old);

    let only_said = barque(&lab, &["image", "prune", "--dry-run"]);
    assert!(only_said.ok().contains(&format!("Would delete:\ndeleted: {old}\n")), "{only_said:#?}");
    let asked = barque(&lab, &["image", "prune"]);
    assert!(asked.ok().contains("WARNING! This will remove all dangling images."), "{asked:#?}");
    assert_eq!(names(&lab).len(), 3, "who cannot be asked has not agreed");
    let agreed = lab.file("answer", "y\n");
    let pruned = said(lab.barque().args(["image", "prune"]).stdin(fs::File::open(agreed).unwrap()));
    assert!(pruned.ok().contains(&format!("Deleted Images:\ndeleted: {old}\n")), "{pruned:#?}");
    assert!(pruned.ok().contains("Total reclaimed space: "), "{pruned:#?}");
    assert_eq!(names(&lab), ["app:1", "other:1"]);
    assert_eq!(barque(&lab, &["image", "prune", "-f"]).ok(), "Total reclaimed space: 0B");
}

#[test]
fn prune_obeys_filters_and_spares_what_is_used() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    import(&lab, &["-c", "LABEL team=red"], "red:1");
    import(&lab, &["-c", "LABEL team=blue"], "blue:1");
    import(&lab, &[], "plain:1");
    import(&lab, &[], "mounted:1");
    barque(&lab, &["image", "mount", "mounted:1"]).ok();
    let prune = |filters: &[&str]| {
        let filters: Vec<&str> = filters.iter().flat_map(|filter| ["--filter", filter]).collect();
        barque(&lab, &[&["image", "prune", "-a", "-f"], &filters[..]].concat()).ok().to_owned()
    };
    assert_eq!(prune(&["until=1h"]), "Total reclaimed space: 0B");
    assert_eq!(prune(&["until=2020-01-02T15:04:05"]), "Total reclaimed space: 0B");
    assert!(prune(&["label=team=blue"]).contains("untagged: blue:1"));
    assert!(prune(&["label!=team"]).contains("untagged: plain:1"));
    assert_eq!(names(&lab), ["mounted:1", "red:1"]);
    prune(&[]);
    assert_eq!(names(&lab), ["mounted:1"]);
    barque(&lab, &["rmi", "mounted:1"]).fails(1, &["conflict"]);
    barque(&lab, &["image", "unmount", "mounted:1"]).ok();
    prune(&[]);
    assert_eq!(names(&lab), Vec::<String>::new());
    barque(&lab, &["image", "prune", "--filter", "name=x"]).fails(1, &["invalid filter", "until"]);
    barque(&lab, &["image", "prune", "-f", "--filter", "until=yesterday"]).fails(1, &["yesterday"]);
}

/// The only entry of a directory that is not hidden.
fn only_entry(lab: &Lab, directory: &str) -> PathBuf {
    let entries = fs::read_dir(lab.path(directory)).unwrap().map(|entry| entry.unwrap().path());
    let mut entries: Vec<PathBuf> =
        entries.filter(|path| !path.file_name().unwrap().to_string_lossy().starts_with('.')).collect();
    assert_eq!(entries.len(), 1, "{entries:?}");
    entries.remove(0)
}

/// The largest of the store's blobs: the layer.
fn layer_blob(lab: &Lab) -> PathBuf {
    let blobs = fs::read_dir(lab.path("root/images/blobs/sha256")).unwrap();
    blobs.map(|entry| entry.unwrap().path()).max_by_key(|path| fs::metadata(path).unwrap().len()).unwrap()
}

#[test]
fn check_finds_and_repairs_a_damaged_layer() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    import(&lab, &[], "app:1");
    let layer = only_entry(&lab, "root/layers").join("fs");
    for damage in [
        &|| fs::write(layer.join("name"), "").unwrap(),
        &|| fs::remove_file(layer.join("bin/busybox")).unwrap(),
        &|| fs::write(layer.join("more"), "x").unwrap(),
        &|| fs::remove_dir_all(layer.parent().unwrap()).unwrap(),
        &|| fs::write(layer.with_file_name("layer.json"), "{").unwrap(),
    ] as [&dyn Fn(); 5]
    {
        damage();
        let found = barque(&lab, &["image", "check"]);
        assert_eq!(found.code, 1, "{found:#?}");
        assert!(found.out.contains("(needed by app:1)") && found.out.contains(" 1 wrong"), "{found:#?}");
        let repaired = barque(&lab, &["image", "check", "--repair"]);
        assert!(repaired.ok().contains("unpacked again"), "{repaired:#?}");
        let checked = barque(&lab, &["image", "check"]);
        assert!(checked.ok().contains(" 0 wrong, 0 orphans"), "{checked:#?}");
        assert_eq!(lab.run_on(&[], "app:1", &["busybox", "cat", "/name"]).ok(), "app:1");
    }
}

#[test]
fn contents_alone_are_looked_at_in_depth_only() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    import(&lab, &[], "app:1");
    let file = only_entry(&lab, "root/layers").join("fs/name");
    let modified = fs::metadata(&file).unwrap().modified().unwrap();
    fs::write(&file, "ppa:1").unwrap();
    fs::File::options().write(true).open(&file).unwrap().set_modified(modified).unwrap();
    assert_eq!(barque(&lab, &["image", "check"]).code, 0);
    let found = barque(&lab, &["image", "check", "--deep"]);
    assert!(found.code == 1 && found.out.contains("\"name\" has another content"), "{found:#?}");
    assert!(barque(&lab, &["image", "check", "--deep", "--repair"]).ok().contains("unpacked again"));
    assert_eq!(barque(&lab, &["image", "check", "--deep"]).code, 0);
}

#[test]
fn check_takes_a_damaged_blob_away_and_a_load_brings_it_back() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let id = import(&lab, &[], "app:1");
    let archive = lab.text("app.tar");
    barque(&lab, &["save", "-o", &archive, "app:1"]).ok();
    let blob = layer_blob(&lab);
    let mut bytes = fs::read(&blob).unwrap();
    bytes[10_000] ^= 1;
    fs::write(&blob, bytes).unwrap();
    let digest = format!("sha256:{}", blob.file_name().unwrap().to_string_lossy());
    let found = barque(&lab, &["image", "check"]);
    assert!(found.code == 1 && found.out.contains(&format!("blob {digest} has the digest ")), "{found:#?}");
    let repaired = barque(&lab, &["image", "check", "--repair"]);
    assert!(repaired.out.contains("taken away: pull or load the image again"), "{repaired:#?}");
    assert!(!blob.exists());
    assert_eq!(barque(&lab, &["image", "check"]).code, 1, "it is still missing");
    barque(&lab, &["load", "-q", "-i", &archive]).ok();
    let checked = barque(&lab, &["image", "check"]);
    assert!(checked.ok().contains(" 0 wrong, 0 orphans"), "{checked:#?}");
    assert_eq!(barque(&lab, &["images", "-q", "--no-trunc"]).ok(), id);
}

#[test]
fn check_removes_what_belongs_to_nothing() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    import(&lab, &[], "app:1");
    let stray = "5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9";
    lab.file(&format!("root/images/blobs/sha256/{stray}"), "0");
    lab.file(&format!("root/layers/{stray}/fs/x"), "0");
    let found = barque(&lab, &["image", "check"]);
    for words in [format!("orphan: blob sha256:{stray}"), format!("orphan: layer {stray}")] {
        assert!(found.out.contains(&words), "{found:#?}");
    }
    assert!(found.ok().contains(" 2 orphans"), "{found:#?}");
    assert!(barque(&lab, &["image", "check", "--repair"]).ok().contains(": removed"));
    let checked = barque(&lab, &["image", "check"]);
    assert!(checked.ok().contains(" 0 wrong, 0 orphans"), "{checked:#?}");
}
