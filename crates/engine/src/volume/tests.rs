use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::definition::{MountKind, MountPoint, Network, Root};
use crate::{Containers, Definition, RestartPolicy, Time};

struct Rig {
    _scratch: tempfile::TempDir,
    places: Places,
    volumes: Volumes,
}

impl Rig {
    fn new() -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let places = Places { root: scratch.path().join("root"), run_root: scratch.path().join("run") };
        Self { _scratch: scratch, volumes: Volumes::new(&places), places }
    }

    fn make(&self, name: &str) {
        drop(self.volumes.create(&Wanted { name: Some(name.to_owned()), ..Wanted::default() }).unwrap());
    }

    /// A container that uses volumes.
    fn container(&self, number: u8, volumes: &[(&str, bool)]) -> Definition {
        let id = format!("{number:02x}").repeat(32);
        let mount = |(name, anonymous): &(&str, bool)| MountPoint {
            kind: MountKind::Volume,
            name: Some((*name).to_owned()),
            destination: format!("/{name}"),
            anonymous: *anonymous,
            ..MountPoint::default()
        };
        let containers = Containers::new(self.places.clone());
        let mut claim = containers.claim(&id, None).unwrap();
        let definition = Definition {
            name: claim.name().to_owned(),
            mounts: volumes.iter().map(mount).collect(),
            ..definition(&id)
        };
        claim.commit(definition.clone(), b"{}").unwrap();
        definition
    }

    fn names(&self) -> Vec<String> {
        self.volumes.list().unwrap().volumes.into_iter().map(|volume| volume.name).collect()
    }

    /// What is left of volumes that are not there.
    fn rubbish(&self) -> usize {
        let entries = fs::read_dir(self.places.volumes()).unwrap();
        entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with('.')).count()
    }
}

fn definition(id: &str) -> Definition {
    serde_json::from_value(serde_json::json!({
        "version": 1, "id": id, "name": "x", "created": Time::now(), "image": "@host", "root": Root::Host,
        "command": [], "stopSignal": 15, "stopTimeout": 10, "restart": RestartPolicy::No,
        "network": Network { mode: "none".to_owned(), request: None, exposed: Vec::new() },
    }))
    .unwrap()
}

#[test]
fn names_that_are_allowed() {
    for (name, allowed) in [
        ("db", true),
        ("a.b-c_d", true),
        ("a", false),
        (".a", false),
        ("a/b", false),
        ("..", false),
        ("", false),
    ] {
        assert_eq!(check_name(name).is_ok(), allowed, "{name}");
    }
    assert!(check_name("a/b").unwrap_err().to_string().contains("includes invalid characters"));
    assert!(check_name(&made_up_name().unwrap()).is_ok());
}

#[test]
fn made_once_found_and_removed() {
    let rig = Rig::new();
    let labels = BTreeMap::from([("a".to_owned(), "1".to_owned())]);
    let wanted = Wanted { name: Some("db".into()), labels: labels.clone(), ..Wanted::default() };
    let held = rig.volumes.create(&wanted).unwrap();
    assert!(held.is_new() && held.volume.labels == labels && !held.volume.is_anonymous());
    assert_eq!(fs::metadata(held.volume.data()).unwrap().permissions().mode() & 0o7777, 0o755);
    assert!(!rig.volumes.create(&wanted).unwrap().is_new(), "it is there already");
    drop(held);
    let options =
        BTreeMap::from([("type".to_owned(), "tmpfs".to_owned()), ("device".to_owned(), "x".to_owned())]);
    let error = rig.volumes.create(&Wanted { options, ..wanted }).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    rig.volumes.remove("db").unwrap();
    let error = rig.volumes.remove("db").unwrap_err();
    assert_eq!((error.kind(), error.to_string()), (ErrorKind::NotFound, "get db: no such volume".to_owned()));
    assert_eq!((rig.names(), rig.rubbish()), (vec![], 0));
    assert!(rig.volumes.find("../containers").unwrap_err().to_string().contains("no such volume"));
}

#[test]
fn what_is_no_volume_is_not_taken_for_one() {
    let rig = Rig::new();
    fs::create_dir_all(rig.places.volumes().join("odd/other")).unwrap();
    assert!(rig.names().is_empty());
    let error = rig.volumes.create(&Wanted { name: Some("odd".into()), ..Wanted::default() }).unwrap_err();
    assert!(error.to_string().contains("is no volume"), "{error}");
    // One whose record was lost.
    fs::create_dir_all(rig.places.volumes().join("odd/data")).unwrap();
    fs::write(rig.places.volumes().join("odd/data/file"), "").unwrap();
    rig.make("odd");
    assert_eq!(rig.names(), ["odd"]);
    assert!(rig.volumes.data("odd").join("file").exists());
}

#[test]
fn one_damaged_record_breaks_nothing() {
    let rig = Rig::new();
    rig.make("good");
    rig.make("bad");
    fs::write(rig.places.volumes().join("bad/volume.json"), "{").unwrap();
    let listed = rig.volumes.list().unwrap();
    assert_eq!((listed.volumes.len(), listed.damaged.len()), (1, 1));
    assert!(listed.damaged[0].to_string().contains("volume bad is damaged"));
    rig.volumes.remove("bad").unwrap();
    assert_eq!(rig.names(), ["good"]);
}

#[test]
fn used_ones_stay() {
    let rig = Rig::new();
    rig.make("db");
    let user = rig.container(1, &[("db", false)]);
    for error in [rig.volumes.remove("db").unwrap_err(), rig.volumes.rename("db", "xy").unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert!(error.to_string().contains(&format!("volume is in use - [{}]", user.id)), "{error}");
    }
    assert!(rig.volumes.prune(|_| true, false).unwrap().names.is_empty());
    fs::remove_dir_all(rig.places.container(&user.id)).unwrap();
    assert_eq!(rig.volumes.prune(|_| true, true).unwrap().names, ["db"]);
    assert_eq!(rig.names(), ["db"], "a dry run changes nothing");
    rig.volumes.rename("db", "data").unwrap();
    assert_eq!(rig.volumes.find("data").unwrap().name, "data");
    rig.make("db");
    assert_eq!(rig.volumes.rename("db", "data").unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert_eq!(rig.volumes.prune(|volume| volume.name == "db", false).unwrap().names, ["db"]);
    assert_eq!(rig.names(), ["data"]);
}

#[test]
fn held_ones_stay() {
    let rig = Rig::new();
    let held = rig.volumes.create(&Wanted::default()).unwrap();
    assert!(held.volume.is_anonymous() && held.volume.name.len() == 64);
    assert!(rig.volumes.prune(|_| true, false).unwrap().names.is_empty());
    rig.volumes.take_back(held).unwrap();
    assert_eq!((rig.names(), rig.rubbish()), (vec![], 0));
}

#[test]
fn what_was_made_for_nothing_is_taken_back() {
    let rig = Rig::new();
    rig.make("old");
    let wanted = |name: &str| Wanted { name: Some(name.to_owned()), ..Wanted::default() };
    drop(rig.volumes.claim(&[wanted("old"), wanted("new")]).unwrap());
    assert_eq!(rig.names(), ["old"]);
    assert!(rig.volumes.claim(&[wanted("new"), wanted("not/ok")]).is_err());
    assert_eq!(rig.names(), ["old"]);
    rig.volumes.claim(&[wanted("new")]).unwrap().keep();
    assert_eq!(rig.names(), ["new", "old"]);
}

#[test]
fn those_without_a_name_go_with_their_container_unless_shared() {
    let rig = Rig::new();
    let make = || rig.volumes.create(&Wanted::default()).unwrap().volume.name.clone();
    let (own, shared) = (make(), make());
    rig.make("db");
    let first = rig.container(1, &[(&own, true), (&shared, true), ("db", false)]);
    rig.container(2, &[(&shared, false)]);
    fs::remove_dir_all(rig.places.container(&first.id)).unwrap();
    rig.volumes.remove_anonymous(&first).unwrap();
    let mut expected = vec![shared, "db".to_owned()];
    expected.sort();
    assert_eq!(rig.names(), expected);
}

#[test]
fn an_unreadable_container_stops_prune_only() {
    let rig = Rig::new();
    rig.make("db");
    rig.make("other");
    let user = rig.container(1, &[("db", false)]);
    fs::write(rig.places.container(&user.id).join("definition.json"), "{").unwrap();
    let error = rig.volumes.prune(|_| true, false).unwrap_err();
    assert!(error.to_string().contains("not known which volumes are used"), "{error}");
    rig.volumes.remove("other").unwrap();
}

#[test]
fn what_killed_commands_leave_is_swept() {
    let rig = Rig::new();
    rig.make("db");
    for name in [".new-1", ".trash-2"] {
        fs::create_dir_all(rig.places.volumes().join(name).join("data/x")).unwrap();
    }
    let busy = rig.volumes.prepare(BTreeMap::new(), BTreeMap::new(), None).unwrap();
    assert_eq!(rig.names(), ["db"]);
    rig.volumes.prune(|_| false, false).unwrap();
    assert_eq!((rig.names(), rig.rubbish()), (vec!["db".to_owned()], 1), "the one being made stays");
    drop(busy);
    assert_eq!(rig.rubbish(), 0);
}

#[test]
fn content_is_copied_and_carried() {
    let rig = Rig::new();
    rig.make("db");
    let data = rig.volumes.data("db");
    fs::create_dir(data.join("below")).unwrap();
    fs::write(data.join("below/file"), "text").unwrap();
    fs::set_permissions(&data, fs::Permissions::from_mode(0o1750)).unwrap();
    drop(rig.volumes.clone_as("db", "copy").unwrap());
    let archive = rig.volumes.export("copy", Vec::new()).unwrap();
    rig.volumes.import("third", &archive[..]).unwrap();
    rig.make("empty");
    rig.volumes.import("empty", &archive[..]).unwrap();
    for name in ["copy", "third", "empty"] {
        let data = rig.volumes.data(name);
        assert_eq!(fs::read_to_string(data.join("below/file")).unwrap(), "text", "{name}");
        assert_eq!(fs::metadata(data).unwrap().permissions().mode() & 0o7777, 0o1750, "{name}");
    }
    for error in [
        rig.volumes.clone_as("db", "copy").unwrap_err(),
        rig.volumes.import("copy", &archive[..]).unwrap_err(),
        rig.volumes.import("fourth", &b"no archive"[..]).unwrap_err(),
        rig.volumes.export("fifth", Vec::new()).unwrap_err(),
    ] {
        assert!(!error.to_string().is_empty());
    }
    assert_eq!(
        (rig.names(), rig.rubbish()),
        (["copy", "db", "empty", "third"].map(str::to_owned).to_vec(), 0)
    );
    assert!(rig.volumes.find("db").unwrap().size().unwrap() >= 512);
}

#[test]
fn many_at_once_make_one() {
    let rig = Rig::new();
    let wanted = Wanted { name: Some("db".into()), ..Wanted::default() };
    let made: usize = std::thread::scope(|scope| {
        let all: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| usize::from(rig.volumes.create(&wanted).unwrap().is_new())))
            .collect();
        all.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!((made, rig.names(), rig.rubbish()), (1, vec!["db".to_owned()], 0));
}
