use std::fs;
use std::sync::atomic::Ordering;

use crate::progress::Silent;
use crate::reference::ShortNames;
use crate::spec::{Descriptor, Index, Manifest, media_type};
use crate::store::fixture::{Memory, bring, gzip, request, store, tar};
use crate::store::{Examination, Selection, Store};
use crate::{Digest, ErrorKind};

const BASE: &[(&str, &str)] = &[("./", ""), ("etc/", ""), ("etc/hostname", "base\n")];
const TOP: &[(&str, &str)] = &[("./", ""), ("etc/", ""), ("etc/motd", "hello\n")];

fn names() -> ShortNames {
    ShortNames::default()
}

/// How many layers there are, without what chains of them need besides.
fn layers(store: &Store) -> usize {
    let entries = fs::read_dir(store.root().join("layers")).unwrap().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| !name.starts_with('.') && !name.starts_with("chain-")).count()
}

#[test]
fn an_image_is_brought_in_and_taken_away() {
    let (_directory, store) = store();
    let mut memory = Memory::default();
    let one = memory.image("one", &[BASE, TOP]);
    let two = memory.image("two", &[BASE]);
    let image = bring(&store, &memory, &one, "app:1").unwrap();
    bring(&store, &memory, &two, "base").unwrap();
    // The base was fetched once.
    assert_eq!(memory.asked(&image.manifest.layers[0].digest), 1);
    let lowers = store.rootfs(&image).unwrap();
    assert_eq!(fs::read_to_string(lowers[0].join("etc/motd")).unwrap(), "hello\n");
    assert_eq!(fs::read_to_string(lowers[1].join("etc/hostname")).unwrap(), "base\n");
    assert_eq!(layers(&store), 2);

    let removed = store.remove("app:1", &names(), false).unwrap();
    let digest = format!("docker.io/library/app@{}", one.digest);
    assert_eq!(removed.untagged, ["docker.io/library/app:1".to_owned(), digest]);
    assert_eq!(removed.deleted, [image.id().clone(), image.diff_ids()[1].clone()]);
    assert_eq!((layers(&store), store.list().unwrap().len()), (1, 1));
    store.remove("base", &names(), false).unwrap();
    assert_eq!((layers(&store), store.layout().digests().unwrap().len()), (0, 0));
    store.empty_trash().unwrap();
    assert_eq!(fs::read_dir(store.root().join("layers/.trash")).unwrap().count(), 0);
    assert_eq!(store.remove("base", &names(), false).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn what_is_there_is_not_asked_for() {
    let (_directory, store) = store();
    let mut memory = Memory::default();
    let one = memory.image("one", &[BASE, TOP]);
    assert!(store.present(&request(&one, "app")).unwrap().is_none());
    let image = bring(&store, &memory, &one, "app").unwrap();
    let again = store.present(&request(&one, "other")).unwrap().unwrap();
    assert_eq!((again.id(), store.list().unwrap()[0].tags().count()), (image.id(), 2));
    fs::remove_dir_all(store.rootfs(&image).unwrap()[0].parent().unwrap()).unwrap();
    assert!(store.present(&request(&one, "app")).unwrap().is_none());
    // Not downloaded again, but unpacked.
    bring(&store, &memory, &one, "app").unwrap();
    assert_eq!(memory.asked(&image.manifest.layers[1].digest), 1);
    assert_eq!(layers(&store), 2);
}

#[test]
fn a_broken_download_goes_on_where_it_was() {
    let (_directory, store) = store();
    let mut memory = Memory::default();
    // Enough that does not compress.
    let text: String =
        (0..5000).map(|number| Digest::of(format!("{number}").as_bytes()).hex()[..9].to_owned()).collect();
    let one = memory.image("one", &[&[("file", text.as_str())]]);
    memory.breaks.store(true, Ordering::Relaxed);
    let error = bring(&store, &memory, &one, "app").unwrap_err();
    assert_eq!(error.to_string(), "connection reset");
    assert_eq!((layers(&store), store.list().unwrap().len()), (0, 0));
    let layer = &Manifest::parse(&memory.blobs[&one.digest]).unwrap().layers[0];
    let partial = fs::read_dir(store.root().join("images/ingest")).unwrap().flatten().next().unwrap();
    assert!(partial.metadata().unwrap().len() * 2 > layer.size);
    // A collection does not take it away.
    store.collect().unwrap();
    assert!(partial.path().exists());
    memory.breaks.store(false, Ordering::Relaxed);
    let image = bring(&store, &memory, &one, "app").unwrap();
    assert_eq!(fs::read_to_string(store.rootfs(&image).unwrap()[0].join("file")).unwrap(), text);
}

#[test]
fn many_at_once_fetch_each_blob_once() {
    let (_directory, store) = store();
    let mut memory = Memory::default();
    let one = memory.image("one", &[BASE, TOP, &[("x", "1")], &[("y", "2")], &[("z", "3")]]);
    std::thread::scope(|scope| {
        for number in 0..6 {
            let (store, memory, one) = (&store, &memory, &one);
            scope.spawn(move || bring(store, memory, one, &format!("app:{number}")).unwrap());
        }
    });
    let image = store.find("app:3", &names()).unwrap();
    for layer in &image.manifest.layers {
        assert_eq!(memory.asked(&layer.digest), 1, "{}", layer.digest);
    }
    assert_eq!((layers(&store), store.list().unwrap()[0].tags().count()), (5, 6));
    for directory in ["images/ingest", "layers/.new", "layers/.lock"] {
        assert_eq!(fs::read_dir(store.root().join(directory)).unwrap().count(), 0, "{directory}");
    }
}

#[test]
fn wrong_things_leave_nothing() {
    let mut memory = Memory::default();
    let good = tar(BASE);
    let layer = memory.add(media_type::LAYER_GZIP, gzip(&good));
    let rubbish =
        memory.add(media_type::LAYER_GZIP, b"this is no tar archive, whatever it says it is".to_vec());
    let chart = memory.add("application/vnd.cncf.helm.chart.content.v1.tar+gzip", gzip(&good));
    let config = memory.config("x", vec![Digest::of(&good)]);
    let lying = memory.config("x", vec![Digest::of(b"something else")]);
    let two = memory.config("x", vec![Digest::of(&good), Digest::of(&good)]);
    let mut swapped = layer.clone();
    swapped.digest = Digest::of(b"not there");
    memory.blobs.insert(swapped.digest.clone(), gzip(&good));
    let long = Descriptor { size: layer.size - 1, ..layer.clone() };
    for (config, layers, expected) in [
        (&config, vec![rubbish], "the archive ends"),
        (&lying, vec![layer.clone()], "the configuration says"),
        (&two, vec![layer.clone()], "has 1 layers, the configuration 2"),
        (&config, vec![chart], "an artifact"),
        (&config, vec![swapped], "has the digest"),
        (&config, vec![long], "longer than"),
        (&layer, vec![layer.clone()], "no image of a file system"),
    ] {
        let (_directory, store) = store();
        let manifest = serde_json::to_vec(&Manifest::new(config.clone(), layers)).unwrap();
        let manifest = memory.add(media_type::MANIFEST, manifest);
        let error = bring(&store, &memory, &manifest, "app").unwrap_err().to_string();
        assert!(error.contains(expected), "{error} instead of {expected}");
        store.collect().unwrap();
        assert_eq!(
            (store.list().unwrap().len(), store.layout().digests().unwrap().len()),
            (0, 0),
            "{expected}"
        );
        assert!(!store.layout().root().join("index.json").exists());
    }
}

#[test]
fn platforms_are_chosen() {
    let (_directory, store) = store();
    let mut memory = Memory::default();
    let mut own = memory.image("own", &[BASE]);
    own.platform = Some(crate::spec::Platform::of_this_machine());
    let mut other = memory.image("other", &[TOP]);
    other.platform = Some("windows/amd64".parse().unwrap());
    let index = Index::new(vec![other, own.clone()]);
    let index = memory.add(media_type::INDEX, serde_json::to_vec(&index).unwrap());
    let image = bring(&store, &memory, &index, "app").unwrap();
    assert_eq!(image.descriptor.digest, own.digest);
    // The registry knows it by the digest of the index.
    assert!(store.find(&format!("app@{}", index.digest), &names()).is_ok());
    assert!(store.present(&request(&index, "app")).unwrap().is_some());
    let mut wanted = request(&index, "app");
    wanted.platform = Some("linux/s390x".parse().unwrap());
    let error = store.bring(&memory, &wanted, &Silent).unwrap_err();
    assert!(error.to_string().contains("no matching manifest for linux/s390x"), "{error}");
    assert!(store.present(&wanted).unwrap().is_none());
}

#[test]
fn what_is_used_stays() {
    let (_directory, store) = store();
    let mut memory = Memory::default();
    let one = memory.image("one", &[BASE]);
    let image = bring(&store, &memory, &one, "app").unwrap();
    let held = store.hold("container", &image).unwrap();
    let error = store.remove("app", &names(), true).unwrap_err();
    assert!(error.to_string().contains("cannot be forced"), "{error}");
    assert!(
        store.prune(&Selection { all: true, unused_since: None }, |_| true, false).unwrap().images.is_empty()
    );
    held.release().unwrap();
    store.keep("stopped", &image).unwrap();
    assert_eq!(store.remove("app", &names(), false).unwrap_err().kind(), ErrorKind::Conflict);
    store.remove("app", &names(), true).unwrap();
    assert_eq!((layers(&store), store.list().unwrap().len()), (1, 0));
    store.release("stopped").unwrap();
    store.collect().unwrap();
    assert_eq!(layers(&store), 0);
}

#[test]
fn a_use_ends_with_its_process() {
    let (_directory, store) = store();
    let mut memory = Memory::default();
    let image = memory.image("one", &[BASE]);
    let image = bring(&store, &memory, &image, "app").unwrap();
    drop(store.hold("killed", &image).unwrap());
    assert_eq!(store.users().unwrap(), []);
    store.remove("app", &names(), false).unwrap();
    assert_eq!((layers(&store), store.layout().root().join("uses/killed").exists()), (0, false));
}

#[test]
fn who_adds_is_not_disturbed_and_collects_in_the_end() {
    let (_directory, store) = store();
    let mut memory = Memory::default();
    let one = memory.image("one", &[BASE]);
    let two = memory.image("two", &[TOP]);
    bring(&store, &memory, &one, "one").unwrap();
    let adding = store.lease().unwrap();
    let orphan = store.layout().add("text/plain", b"has no name yet").unwrap();
    assert!(store.remove("one", &names(), false).unwrap().postponed);
    assert!(store.layout().contains(&orphan.digest) && layers(&store) == 1);
    drop(adding);
    bring(&store, &memory, &two, "two").unwrap();
    assert!(!store.layout().contains(&orphan.digest) && layers(&store) == 1);
}

#[test]
fn prune_takes_what_has_no_tag() {
    let (_directory, store) = store();
    let mut memory = Memory::default();
    let (one, two) = (memory.image("one", &[BASE]), memory.image("two", &[BASE, TOP]));
    bring(&store, &memory, &two, "app").unwrap();
    bring(&store, &memory, &one, "app").unwrap();
    let selection = Selection::default();
    let would = store.prune(&selection, |_| true, true).unwrap();
    assert_eq!((would.images.len(), layers(&store)), (1, 2));
    let did = store.prune(&selection, |_| true, false).unwrap();
    assert_eq!((did.images, did.reclaimed), (would.images, would.reclaimed));
    assert!(did.reclaimed > 0 && layers(&store) == 1);
}

#[test]
fn a_layer_gets_from_below_what_its_archive_does_not_say() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_directory, store) = store();
    let mut memory = Memory::default();
    // The second archive has a file in a directory of which it says nothing.
    let below: &[(&str, &str)] = &[("./", ""), ("srv/", ""), ("srv/a", "1")];
    let one = memory.image("one", &[below, &[("srv/b", "2")]]);
    let image = bring(&store, &memory, &one, "app").unwrap();
    let lowers = store.rootfs(&image).unwrap();
    let chain = format!("chain-{}", image.chain_ids()[1].hex());
    assert!(store.root().join("layers").join(&chain).is_dir());
    for lower in &lowers {
        let srv = lower.join("srv");
        assert!(!srv.exists() || fs::metadata(srv).unwrap().permissions().mode() & 0o777 == 0o755);
    }
    let report = store.check(Examination::default(), &Silent).unwrap();
    assert_eq!((report.findings, report.orphans), (Vec::new(), Vec::new()));
    store.remove("app", &names(), false).unwrap();
    assert_eq!((layers(&store), store.root().join("layers").join(&chain).exists()), (0, false));
}

/// As if the machine had been started anew since the layers were unpacked.
fn reboot(store: &Store, image: &crate::store::Image) {
    for diff_id in image.diff_ids() {
        let path = store.root().join("layers").join(diff_id.hex()).join("layer.json");
        let mut record: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        record["boot"] = "another".into();
        fs::write(&path, record.to_string()).unwrap();
    }
}

#[test]
fn after_a_power_loss_layers_are_looked_at_once() {
    let (_directory, store) = store();
    let mut memory = Memory::default();
    let one = memory.image("one", &[BASE, TOP]);
    let image = bring(&store, &memory, &one, "app:1").unwrap();
    let file = store.rootfs(&image).unwrap()[0].join("etc/motd");
    let record = file.ancestors().nth(3).unwrap().join("layer.json");
    let has_boot = || fs::read_to_string(&record).unwrap().contains("boot");
    assert!(has_boot());
    reboot(&store, &image);
    store.rootfs(&image).unwrap();
    assert!(!has_boot(), "what is whole needs no second look");

    for damage in [&|| fs::write(&file, "").unwrap(), &|| fs::remove_file(&file).unwrap(), &|| {
        fs::write(&record, "").unwrap();
    }] as [&dyn Fn(); 3]
    {
        reboot(&store, &image);
        damage();
        store.rootfs(&image).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "hello\n");
        assert!(has_boot());
    }
    // Within one boot nobody looks: files change only by people.
    fs::write(&file, "").unwrap();
    store.rootfs(&image).unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), "");
}

#[test]
fn blobs_that_a_power_loss_has_spoilt_are_brought_again() {
    let (_directory, store) = store();
    let mut memory = Memory::default();
    let one = memory.image("one", &[BASE, TOP]);
    let image = bring(&store, &memory, &one, "app:1").unwrap();
    let blob = store.layout().blob_path(&image.manifest.layers[1].digest);
    let whole = fs::read(&blob).unwrap();
    let file = store.rootfs(&image).unwrap()[0].join("etc/motd");
    for spoilt in [Vec::new(), whole[..10].to_vec(), vec![0; whole.len()]] {
        reboot(&store, &image);
        fs::write(&file, "").unwrap();
        fs::write(&blob, spoilt).unwrap();
        let error = store.rootfs(&image).unwrap_err();
        assert!(error.cure().is_some_and(|cure| cure.contains("pull or load")), "{error}");
        assert!(store.present(&request(&one, "app:1")).unwrap().is_none());
        bring(&store, &memory, &one, "app:1").unwrap();
        store.rootfs(&image).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "hello\n");
        assert_eq!(fs::read(&blob).unwrap(), whole);
    }
    assert_eq!(store.check(Examination { repair: false, deep: true }, &Silent).unwrap().findings, []);
}
