use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::Digest;
use crate::progress::Silent;
use crate::reference::ShortNames;
use crate::spec::Platform;
use crate::store::fixture::{Memory, bring, gzip, store, tar};
use crate::store::{Examination, Import, Store};

const FILES: &[(&str, &str)] = &[("./", ""), ("etc/", ""), ("etc/hostname", "base\n"), ("bin/sh", "#!")];

fn import(name: &str) -> Import {
    Import {
        name: Some(name.parse().unwrap()),
        changes: vec![r#"CMD ["sh"]"#.to_owned(), "ENV A=b".to_owned()],
        message: "made by hand".to_owned(),
        platform: Platform::of_this_machine(),
        created: "2026-02-03T04:05:06Z".to_owned(),
    }
}

#[test]
fn an_archive_becomes_an_image() {
    let (_directory, store) = store();
    let archive = gzip(&tar(FILES));
    let image = store.import(&archive[..], &import("app:1")).unwrap();
    assert_eq!(image.diff_ids(), [Digest::of(&tar(FILES))]);
    assert_eq!(image.manifest.layers[0].digest, Digest::of(&archive));
    assert_eq!(
        (image.config.config.cmd.as_slice(), image.config.config.env.as_slice()),
        (&["sh".to_owned()][..], &["A=b".to_owned()][..])
    );
    let root = &store.rootfs(&image).unwrap()[0];
    assert_eq!(fs::read_to_string(root.join("etc/hostname")).unwrap(), "base\n");
    // The same once more is the same layer.
    let again = store.import(&archive[..], &Import { message: String::new(), ..import("app:2") }).unwrap();
    assert_eq!((again.diff_ids(), again.id() == image.id()), (image.diff_ids(), false));
    assert_eq!(fs::read_dir(store.root().join("layers/.new")).unwrap().count(), 0);
    let report = store.check(Examination::default(), &Silent).unwrap();
    assert_eq!((report.findings, report.orphans), (Vec::new(), Vec::new()));
}

#[test]
fn rubbish_becomes_nothing() {
    let (_directory, store) = store();
    assert!(store.import(&b"no archive at all"[..], &import("app")).is_err());
    assert!(
        store
            .import(&gzip(&tar(FILES))[..], &Import { changes: vec!["RUN x".into()], ..import("app") })
            .is_err()
    );
    assert_eq!((store.list().unwrap().len(), store.layout().digests().unwrap().len()), (0, 0));
    for directory in ["images/ingest", "layers/.new"] {
        let left = fs::read_dir(store.root().join(directory)).map_or(0, Iterator::count);
        assert_eq!(left, 0, "{directory}");
    }
}

fn damaged(store: &Store) -> Vec<String> {
    store
        .check(Examination::default(), &Silent)
        .unwrap()
        .findings
        .into_iter()
        .map(|finding| finding.problem)
        .collect()
}

#[test]
fn damage_is_found_and_mended() {
    let (_directory, store) = store();
    let image = store.import(&gzip(&tar(FILES))[..], &import("app")).unwrap();
    let file = store.rootfs(&image).unwrap()[0].join("etc/hostname");
    let damages: [(&str, &dyn Fn()); 5] = [
        ("another content", &|| fs::write(&file, "bose\n").unwrap()),
        ("another mode", &|| fs::set_permissions(&file, fs::Permissions::from_mode(0o4755)).unwrap()),
        ("is missing", &|| fs::remove_file(&file).unwrap()),
        ("should not be there", &|| fs::write(file.with_file_name("shadow"), "").unwrap()),
        ("not unpacked", &|| {
            fs::remove_dir_all(store.root().join("layers").join(image.diff_ids()[0].hex())).unwrap();
        }),
    ];
    for (what, damage) in damages {
        assert_eq!(damaged(&store), [""; 0]);
        damage();
        // The time of a change is told only where nothing else is.
        let found = damaged(&store);
        assert!(
            found.len() == 1 && (found[0].contains(what) || found[0].contains("another time")),
            "{found:?} for {what}"
        );
        let repaired = store.check(Examination { repair: true, deep: false }, &Silent).unwrap();
        assert_eq!(repaired.findings[0].repair, Some("unpacked again"), "{what}");
    }
    assert_eq!(damaged(&store), [""; 0]);
    let orphan = store.layout().add("text/plain", b"nobody's").unwrap();
    fs::write(store.layout().blob_path(&image.manifest.layers[0].digest), b"damaged").unwrap();
    let report = store.check(Examination { repair: true, deep: false }, &Silent).unwrap();
    assert!(report.findings[0].problem.contains("has the digest") && report.findings[0].repair.is_some());
    assert_eq!(report.orphans, [format!("blob {}", orphan.digest)]);
    assert!(!store.layout().contains(&orphan.digest));
    // Without the blob nothing can be mended here, and what is unpacked is not touched.
    assert!(damaged(&store)[0].contains("is not there") && file.exists());
}

#[test]
fn history_tree_and_inspection() {
    let (_directory, store) = store();
    let mut memory = Memory::default();
    let (one, two) = (memory.image("one", &[FILES, &[("a", "12345")]]), memory.image("two", &[FILES]));
    let image = bring(&store, &memory, &one, "app:1").unwrap();
    bring(&store, &memory, &two, "base").unwrap();
    let steps = store.history(&image).unwrap();
    assert_eq!(steps.iter().map(|step| step.size).collect::<Vec<_>>(), [5, 7]);
    assert_eq!(
        (steps[0].id.as_ref(), steps[0].tags.as_slice()),
        (Some(image.id()), &["docker.io/library/app:1".to_owned()][..])
    );
    let tree = store.tree().unwrap();
    assert_eq!((tree.len(), tree[0].images.len(), tree[0].children.len(), tree[0].total()), (1, 1, 1, 12));
    let shown = store.inspect(&image).unwrap();
    assert_eq!(
        (&shown["RepoTags"][0], &shown["RootFS"]["Layers"][1]),
        (&"app:1".into(), &image.diff_ids()[1].as_str().into())
    );
    assert_eq!(shown["RepoDigests"][0], format!("app@{}", one.digest));
    let lowers = store.rootfs(&image).unwrap();
    assert_eq!(shown["GraphDriver"]["Data"]["UpperDir"], lowers[0].to_str().unwrap());
    assert_eq!(shown["GraphDriver"]["Data"]["LowerDir"], lowers[1].to_str().unwrap());
    let gone = store.find("none", &ShortNames::default()).unwrap_err();
    assert_eq!(gone.to_string(), "No such image: none");
}

#[test]
fn usage_is_what_du_says() {
    let (_directory, store) = store();
    let mut memory = Memory::default();
    let text = "x".repeat(300_000);
    let one = memory.image("one", &[FILES, &[("a", text.as_str()), ("b", "")]]);
    let two = memory.image("two", &[FILES]);
    bring(&store, &memory, &one, "one").unwrap();
    bring(&store, &memory, &two, "two").unwrap();
    let usage = store.usage().unwrap();
    let du = |path: &str| {
        let output =
            std::process::Command::new("du").arg("-sB1").arg(store.root().join(path)).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.split_whitespace().next().unwrap().parse::<u64>().unwrap()
    };
    assert_eq!(usage.total(), du("images") + du("layers"));
    assert!(usage.images.iter().all(|image| image.shared > 0 && image.unique > 0 && image.users == 0));
    assert!(usage.reclaimable <= usage.blobs + usage.layers && usage.reclaimable > 300_000);
}
