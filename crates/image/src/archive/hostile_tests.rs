//! Archives that nobody means well with: nothing is written outside, nothing stays, and the error says what is wrong.

use std::collections::BTreeMap;
use std::fs;
use std::io::Cursor;

use serde_json::{Value, json};

use super::*;
use crate::Digest;
use crate::layer::{Limits, Options};
use crate::progress::Silent;
use crate::store::Examination;
use crate::store::fixture::{gzip, store as new_store, tar, with_rights};

type Entries = Vec<(String, Vec<u8>)>;

/// An archive of entries under any names.
fn archive(entries: &Entries) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, content) in entries {
        let mut header = ::tar::Header::new_ustar();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(::tar::EntryType::Regular);
        header.set_mode(0o644);
        header.set_size(content.len() as u64);
        header.set_cksum();
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(content);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

fn config(layers: &[&[u8]]) -> Vec<u8> {
    let diff_ids: Vec<Digest> = layers.iter().map(|layer| Digest::of(layer)).collect();
    let platform = Platform::of_this_machine();
    json!({"architecture": platform.architecture, "os": "linux", "rootfs": {"type": "layers", "diff_ids": diff_ids}})
        .to_string()
        .into_bytes()
}

/// The entries of what `docker save` writes, of these layers.
fn docker(layers: &[&[u8]], tags: &Value) -> Entries {
    let names: Vec<String> = (0..layers.len()).map(|number| format!("{number}/layer.tar")).collect();
    let manifest = json!([{"Config": "config.json", "RepoTags": tags, "Layers": names}]);
    let mut entries = vec![
        ("manifest.json".to_owned(), manifest.to_string().into_bytes()),
        ("config.json".to_owned(), config(layers)),
    ];
    entries.extend(names.into_iter().zip(layers.iter().map(|layer| layer.to_vec())));
    entries
}

/// The entries of an OCI archive of one layer, with changes to its manifest.
fn oci(layer: &[u8], blob: &[u8], change: impl FnOnce(&mut Value)) -> Entries {
    let config = config(&[layer]);
    let mut manifest = json!({
        "schemaVersion": 2,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": Digest::of(&config), "size": config.len()},
        "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": Digest::of(blob), "size": blob.len()}],
    });
    change(&mut manifest);
    let manifest = manifest.to_string().into_bytes();
    let index = json!({"schemaVersion": 2, "manifests": [
        {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": Digest::of(&manifest), "size": manifest.len()},
    ]});
    let blob_name = |bytes: &[u8]| format!("blobs/sha256/{}", Digest::of(bytes).hex());
    vec![
        ("oci-layout".to_owned(), br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec()),
        ("index.json".to_owned(), index.to_string().into_bytes()),
        (blob_name(&manifest), manifest),
        (blob_name(&config), config.clone()),
        (blob_name(blob), blob.to_vec()),
    ]
}

fn load_bytes(store: &Store, bytes: &[u8]) -> Result<Vec<Loaded>> {
    load(store, Input::Stream(&mut Cursor::new(bytes)), None, &Silent)
}

/// What a store has, besides its directories.
fn content(store: &Store) -> BTreeMap<String, usize> {
    let count = |path: &str| fs::read_dir(store.root().join(path)).map_or(0, Iterator::count);
    let mut found: BTreeMap<String, usize> =
        ["images/blobs/sha256", "images/ingest", "layers/.new", "layers/.lock"]
            .into_iter()
            .map(|path| (path.to_owned(), count(path)))
            .collect();
    let layers = fs::read_dir(store.root().join("layers")).map_or(0, |entries| {
        entries.flatten().filter(|entry| !entry.file_name().to_string_lossy().starts_with('.')).count()
    });
    found.insert("layers".to_owned(), layers);
    found
}

/// Fails unless an archive is refused with these words and leaves nothing behind.
fn refused(what: &str, entries: &[u8], words: &str) {
    let (directory, store) = new_store();
    fs::write(directory.path().join("canary"), "untouched").unwrap();
    let error = load_bytes(&store, entries).expect_err(what);
    assert!(error.to_string().contains(words), "{what}: {error}");
    assert!(store.list().unwrap().is_empty(), "{what}");
    store.collect().unwrap();
    store.empty_trash().unwrap();
    assert!(content(&store).values().all(|count| *count == 0), "{what}: {:?}", content(&store));
    assert_eq!(fs::read_to_string(directory.path().join("canary")).unwrap(), "untouched");
}

const FILES: &[(&str, &str)] = &[("./", ""), ("etc/", ""), ("etc/hostname", "host\n")];

#[test]
fn documents_that_lie() {
    let layer = tar(FILES);
    let other = tar(&[("other", "x")]);
    let good = docker(&[&layer], &json!(["app:1"]));
    let with = |name: &str, content: Vec<u8>| {
        let mut entries = good.clone();
        entries.retain(|(own, _)| own != name);
        entries.push((name.to_owned(), content));
        archive(&entries)
    };
    let manifest = |config: &str, layers: &[&str], tags: &Value| {
        with(
            "manifest.json",
            json!([{"Config": config, "Layers": layers, "RepoTags": tags}]).to_string().into_bytes(),
        )
    };
    let none = json!(null);
    for (what, bytes, words) in [
        ("a configuration outside", manifest("../../etc/passwd", &["0/layer.tar"], &none), "no file"),
        ("an absolute configuration", manifest("/etc/passwd", &["0/layer.tar"], &none), "no file"),
        ("a layer outside", manifest("config.json", &["../../dev/zero"], &none), "no file"),
        ("too many layers", manifest("config.json", &["0/layer.tar", "0/layer.tar"], &none), "2 layers"),
        ("too few layers", manifest("config.json", &[], &none), "0 layers"),
        (
            "a name that is none",
            manifest("config.json", &["0/layer.tar"], &json!(["../../x:1"])),
            "../../x:1",
        ),
        ("another layer", with("0/layer.tar", other.clone()), "sha256:"),
        ("no layer at all", with("0/layer.tar", b"not an archive".repeat(100)), "sha256:"),
        ("no configuration", with("config.json", b"{".to_vec()), "config.json"),
        ("no list", with("manifest.json", b"{}".to_vec()), "manifest.json"),
        ("a large list", with("manifest.json", vec![b' '; 5 << 20]), "larger than a document"),
        ("no images", archive(&vec![("x".to_owned(), Vec::new())]), "holds no images"),
        ("nothing", Vec::new(), "holds no images"),
        ("noise", b"noise ".repeat(1000), "archive"),
    ] {
        refused(what, &bytes, words);
        refused(what, &gzip(&bytes), words);
    }
}

#[test]
fn blobs_that_are_not_what_they_are_called() {
    let layer = tar(FILES);
    let blob = gzip(&layer);
    let size = |size: u64| move |manifest: &mut Value| manifest["layers"][0]["size"] = size.into();
    let mut flipped = oci(&layer, &blob, |_| ());
    flipped[4].1[40] ^= 1;
    for (what, entries, words) in [
        ("another byte", flipped, "sha256:"),
        ("too long", oci(&layer, &blob, size(10)), "10"),
        ("too short", oci(&layer, &blob, size(1 << 40)), "bytes instead of"),
        ("endless", oci(&layer, &blob, size(u64::MAX)), "bytes instead of"),
        ("another layer", oci(b"something else", &blob, |_| ()), "the configuration says"),
        (
            "an artifact",
            oci(&layer, &blob, |m| m["layers"][0]["mediaType"] = "text/plain".into()),
            "artifact",
        ),
        ("both kinds", oci(&layer, &blob, |m| m["manifests"] = json!([])), "ambiguous"),
        (
            "a digest that leads out",
            oci(&layer, &blob, |m| m["layers"][0]["digest"] = "sha256:../../../../etc/passwd".into()),
            "digest",
        ),
    ] {
        refused(what, &archive(&entries), words);
    }
}

#[test]
fn layers_that_lead_out_stay_inside() {
    let (directory, store) = new_store();
    let escape = directory.path().join("escaped");
    let absolute = escape.to_str().unwrap();
    let layer = archive(&vec![
        ("../../../../escaped".to_owned(), b"x".to_vec()),
        (absolute.to_owned(), b"x".to_vec()),
        ("etc/../../../../../../../../../../escaped".to_owned(), b"x".to_vec()),
    ]);
    let loaded = load_bytes(&store, &archive(&docker(&[&layer], &json!(["app:1"])))).unwrap();
    assert!(!escape.exists());
    let root = store.rootfs(&loaded[0].image).unwrap().remove(0);
    assert!(root.join("escaped").exists());
}

#[test]
fn bombs_are_bounded() {
    let (_directory, small) = new_store();
    let limits = Limits { size: 1 << 20, ..Limits::default() };
    let small = small.clone().with_options(Options { limits, ..*with_rights(small).options() });
    let zeros = tar(&[("zeros", "\0".repeat(2 << 20).as_str())]);
    let bomb = archive(&oci(&zeros, &gzip(&zeros), |_| ()));
    assert!(bomb.len() < 100_000, "it is small");
    let error = load_bytes(&small, &bomb).unwrap_err();
    assert!(error.to_string().contains("larger than the 1048576 bytes a layer may have"), "{error}");
    let error = load_bytes(&small, &gzip(&vec![0; 5 << 20])).unwrap_err();
    assert!(error.to_string().contains("larger than the 4194304 bytes an archive may have"), "{error}");
    small.collect().unwrap();
    small.empty_trash().unwrap();
    assert!(content(&small).values().all(|count| *count == 0), "{:?}", content(&small));
}

#[test]
fn whatever_is_cut_or_flipped_is_refused_or_whole() {
    let (base, top) = (tar(FILES), tar(&[("usr/", ""), ("usr/x", "y".repeat(3000).as_str())]));
    let whole =
        [archive(&docker(&[&base, &top], &json!(["app:1"]))), archive(&oci(&base, &gzip(&base), |_| ()))];
    let (_directory, store) = new_store();
    for bytes in &whole {
        let id = load_bytes(&store, bytes).unwrap()[0].image.id().clone();
        let mut worked = 0;
        for step in 1..60 {
            let mut other = bytes.clone();
            if step % 2 == 0 {
                other.truncate(bytes.len() * step / 60);
            } else {
                let at = bytes.len() * step / 60;
                other[at] ^= 0x55;
            }
            let (_directory, store) = new_store();
            if let Ok(loaded) = load_bytes(&store, &other) {
                // What is between files, or after them, is nobody's.
                assert_eq!(loaded[0].image.id(), &id, "{step}");
                worked += 1;
            }
            let report = store.check(Examination { repair: false, deep: true }, &Silent).unwrap();
            assert_eq!(report.findings, [], "{step}");
        }
        assert!(worked < 40, "{worked} of 59 damaged archives were taken for whole");
    }
}
