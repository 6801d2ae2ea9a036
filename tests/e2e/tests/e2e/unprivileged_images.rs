//! Images of a user who is not root: pulled, run, looked after, in that user's own store.

use std::fs;

use crate::lab::{Said, require_root, said};
use crate::registry::{Registry, seed};
use crate::unprivileged::Person;

fn barque(person: &Person, arguments: &[&str]) -> Said {
    said(person.barque().args(arguments))
}

/// A user, and a registry that has an image under a name; for root alone.
fn person_and_image() -> Option<(Person, Registry, String)> {
    if !require_root() {
        return None;
    }
    let person = Person::new();
    let registry = Registry::start(&person.lab);
    seed(&person.lab, &registry, "team/app:1");
    let name = registry.name("team/app:1");
    Some((person, registry, name))
}

#[test]
fn pulls_and_runs_with_one_id() {
    let Some((person, _registry, name)) = person_and_image() else { return };
    barque(&person, &["pull", "-q", &name]).ok();
    // Whiteouts that overlayfs takes from this user.
    let script = "cat /etc/two /etc/three; ls /gone; id -u; echo new > /etc/two && cat /etc/two";
    let run = ["run", "--rm", "-u", "0", &name, "sh", "-c", script];
    let first = barque(&person, &run);
    assert_eq!(first.ok(), "two\nthree\n0\nnew", "{first:#?}");
    assert!(barque(&person, &run).ok().starts_with("two\n"), "what a container writes is its own");
    // The image's own user is one that this caller has no id for.
    barque(&person, &["run", "--rm", &name]).fails(125, &["1000"]);

    let checked = barque(&person, &["image", "check", "--deep", "-q"]);
    assert_eq!((checked.ok(), checked.err.as_str()), ("", ""));
    let copy = person.lab.text("home/copy.tar");
    barque(&person, &["save", "-o", &copy, &name]).ok();
    barque(&person, &["rmi", &name]).ok();
    assert_eq!(barque(&person, &["images", "-q"]).ok(), "");
    assert_eq!(barque(&person, &["load", "-i", &copy]).ok(), format!("Loaded image: {name}"));
    assert_eq!(barque(&person, &run).ok(), first.ok());
    barque(&person, &["image", "mount", &name]).fails(1, &["needs root", "barque run"]);
    assert_eq!(person.leftovers(), Vec::<String>::new());
}

#[test]
fn subordinate_ids_give_images_their_users() {
    let Some((person, _registry, name)) = person_and_image() else { return };
    let ranges = "ann:200000:65536\n";
    let pulled = person.with_subordinate_ids(ranges, "", &["run", "--rm", &name]);
    assert_eq!(pulled.ok(), "ann\n/work/here\nblue", "{pulled:#?}");
    assert!(pulled.err.contains("Unable to find image"), "{pulled:#?}");
    let script = "touch /etc/x && chown 1000:50 /etc/x && stat -c %u:%g /etc/x; ls /gone";
    let run = ["run", "--rm", "-u", "0", &name, "sh", "-c", script];
    let said = person.with_subordinate_ids(ranges, "", &run);
    assert_eq!(said.out, "1000:50\n", "{said:#?}");
    assert_eq!(person.leftovers(), Vec::<String>::new());
}

#[test]
fn imports_what_it_may_and_removes_what_it_made() {
    if !require_root() {
        return;
    }
    let person = Person::new();
    let archive = person.archive();
    let archive = archive.trim_start_matches("tar:");
    barque(&person, &["import", archive, "demo"]).ok();
    let script = "stat -c %u:%g /home/ann/file; echo > /dev/null && echo null";
    assert_eq!(barque(&person, &["run", "--rm", "demo", "sh", "-c", script]).ok(), "0:0\nnull");
    let pruned = barque(&person, &["image", "prune", "-af"]);
    assert!(pruned.ok().contains("untagged: demo:latest"), "{pruned:#?}");
    let layers = person.lab.path("home/.local/share/barque/layers");
    let left = || fs::read_dir(layers.join(".trash")).unwrap().count();
    assert!(crate::lab::wait_until(|| left() == 0), "the trash is emptied");
}
