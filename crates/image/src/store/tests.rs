use super::*;
use crate::reference::{Reference, ShortNames};
use crate::spec::{Config, Manifest, RootFs, media_type};
use crate::{Digest, ErrorKind};

/// A store of its own, and an image without layers whose configuration says `author`.
fn store() -> (tempfile::TempDir, Store) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::new(directory.path());
    (directory, store)
}

fn image(store: &Store, author: &str) -> Image {
    let config: Config = serde_json::from_value(serde_json::json!({
        "architecture": "amd64", "os": "linux", "author": author, "created": "2026-01-01T00:00:00Z",
        "rootfs": RootFs { kind: "layers".into(), diff_ids: Vec::new() }
    }))
    .unwrap();
    let bytes = serde_json::to_vec(&config).unwrap();
    let config = store.layout().add(media_type::CONFIG, &bytes).unwrap();
    let manifest = Manifest::new(config, Vec::new());
    let descriptor =
        store.layout().add(media_type::MANIFEST, &serde_json::to_vec(&manifest).unwrap()).unwrap();
    store.image(&descriptor).unwrap()
}

fn reference(text: &str) -> Reference {
    text.parse().unwrap()
}

fn names() -> ShortNames {
    ShortNames::default()
}

#[test]
fn names_are_given_moved_and_found() {
    let (_directory, store) = store();
    assert_eq!(store.list().unwrap(), []);
    let (one, two) = (image(&store, "one"), image(&store, "two"));
    store.tag(&one, &reference("a:1")).unwrap();
    store.tag(&one, &reference("localhost:5000/a:1")).unwrap();
    store.tag(&two, &reference("docker.io/library/b:1")).unwrap();
    assert_eq!(store.find("localhost:5000/a:1", &names()).unwrap().id(), one.id());
    store.tag(&two, &reference("localhost:5000/a:1")).unwrap();
    store.tag(&two, &reference("docker.io/library/a:1")).unwrap();
    let list = store.list().unwrap();
    let lost = list.iter().find(|summary| summary.id == *one.id()).unwrap();
    assert!(lost.is_dangling() && lost.entries.len() == 1, "{lost:?}");
    let kept = list.iter().find(|summary| summary.id == *two.id()).unwrap();
    assert_eq!(kept.tags().count(), 3);
    // By the beginning of its id it is still found.
    assert_eq!(store.find(one.id().short(), &names()).unwrap().id(), one.id());
    let missing = store.find("none", &names()).unwrap_err();
    assert_eq!((missing.kind(), missing.to_string().as_str()), (ErrorKind::NotFound, "No such image: none"));
}

#[test]
fn names_given_at_the_same_time_are_all_kept() {
    let (_directory, store) = store();
    let image = image(&store, "one");
    std::thread::scope(|scope| {
        for number in 0..8 {
            let (store, image) = (&store, &image);
            scope.spawn(move || {
                for tag in 0..20 {
                    store.tag(image, &reference(&format!("localhost/x:{number}-{tag}"))).unwrap();
                }
            });
        }
    });
    assert_eq!(store.list().unwrap()[0].tags().count(), 160);
}

#[test]
fn an_entry_that_another_program_wrote_is_listed() {
    let (_directory, store) = store();
    let image = image(&store, "one");
    let mut entry = image.descriptor.clone();
    entry.annotations.insert(crate::spec::REF_NAME.into(), "latest".into());
    let index = crate::spec::Index::new(vec![entry]);
    std::fs::write(store.layout().root().join("index.json"), serde_json::to_vec(&index).unwrap()).unwrap();
    let list = store.list().unwrap();
    assert_eq!(
        (list[0].id.clone(), list[0].tags().collect::<Vec<_>>()),
        (image.id().clone(), vec!["latest"])
    );
}

#[test]
fn repositories_of_names() {
    for (name, expected) in [
        ("docker.io/library/a:1", "docker.io/library/a"),
        ("localhost:5000/a", "localhost:5000/a"),
        ("localhost:5000/a:b", "localhost:5000/a"),
        ("x/a:1@sha256:00", "x/a"),
        ("x/a@sha256:00", "x/a"),
    ] {
        assert_eq!(names::repository(name), expected, "{name}");
    }
}

#[test]
fn chains_of_layers() {
    let (a, b) = (Digest::of(b"a"), Digest::of(b"b"));
    let chain = Digest::of(format!("{a} {b}").as_bytes());
    assert_eq!(image::chain_ids(&[a.clone(), b]), [a, chain]);
}

#[test]
fn a_thousand_images_are_listed_from_one_file() {
    let (_directory, store) = store();
    let image = image(&store, "one");
    let lease = store.lease().unwrap();
    let entries = (0..1000).map(|number| {
        let mut manifest = image.descriptor.clone();
        manifest.digest = Digest::of(format!("{number}").as_bytes());
        let hint = Hint { id: Digest::of(format!("id {number}").as_bytes()), created: None, size: 1 };
        Named { name: Some(format!("localhost/x:{number}")), manifest, source: None, hint: Some(hint) }
    });
    // Their documents are nowhere: a list does not look.
    add_names(store.layout(), entries.collect()).unwrap();
    drop(lease);
    let begin = std::time::Instant::now();
    assert_eq!(store.list().unwrap().len(), 1000);
    println!("list of 1000 images: {:?}", begin.elapsed());
}
