//! Pulls from a real registry that are killed, and how much memory a large one takes.

use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::lab::{Lab, Said, require_root, said};
use crate::registry::Registry;

fn barque(lab: &Lab, root: &str, arguments: &[&str]) -> Command {
    let mut command = lab.barque();
    // The last one counts.
    command.args(["--root", &lab.text(root)]).env("HOME", lab.path("home")).args(arguments);
    command.stdin(Stdio::null());
    command
}

fn run(lab: &Lab, root: &str, arguments: &[&str]) -> Said {
    said(&mut barque(lab, root, arguments))
}

/// A file that nothing makes smaller.
fn noise(path: &Path, mebibytes: usize) {
    let mut bytes = vec![0; mebibytes << 20];
    fs::File::open("/dev/urandom").unwrap().read_exact(&mut bytes).unwrap();
    fs::write(path, bytes).unwrap();
}

/// Pushes an image of the scene's files, made in a store of its own.
fn push(lab: &Lab, registry: &Registry, files: &str) -> String {
    let name = registry.name("team/large:1");
    let archive = lab.text("large.tar.gz");
    let tar = Command::new("tar").args(["-C", &lab.text(files), "-czf", &archive, "."]).status();
    assert!(tar.unwrap().success());
    run(lab, "maker", &["import", &archive, &name]).ok();
    run(lab, "maker", &["push", "-q", &name]).ok();
    name
}

#[test]
fn a_killed_pull_goes_on_and_nothing_is_wrong() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let registry = Registry::start(&lab);
    fs::create_dir(lab.path("files")).unwrap();
    for number in 0..300 {
        fs::write(lab.path("files").join(format!("f{number}")), format!("{number}").repeat(3000)).unwrap();
    }
    noise(&lab.path("files/noise"), 24);
    let name = push(&lab, &registry, "files");
    let whole = fs::metadata(lab.path("large.tar.gz")).unwrap().len();
    let (mut partial, mut finished) = (0, 0);
    for round in 0..20_u64 {
        let mut child = barque(&lab, "root", &["pull", "-q", &name])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(15 + round * 53 % 500));
        child.kill().unwrap();
        finished += u32::from(child.wait().unwrap().success());
        let checked = run(&lab, "root", &["image", "check", "-q"]);
        assert_eq!((checked.code, checked.out.contains("wrong")), (0, false), "round {round}: {checked:#?}");
        let begun = fs::read_dir(lab.path("root/images/ingest")).into_iter().flatten().flatten();
        partial += begun.filter(|entry| (1..whole).contains(&entry.metadata().unwrap().len())).count();
        if finished > 0 {
            run(&lab, "root", &["rmi", &name]).ok();
            finished = 0;
        }
    }
    assert!(partial > 0, "no kill fell on a download");
    run(&lab, "root", &["pull", "-q", &name]).ok();
    let checked = run(&lab, "root", &["image", "check", "--deep", "--repair"]);
    assert!(checked.ok().contains(" 0 wrong"), "{checked:#?}");
    let mounted = run(&lab, "root", &["image", "mount", &name]).ok().to_owned();
    let same = Command::new("cmp").args([format!("{mounted}/noise"), lab.text("files/noise")]).status();
    run(&lab, "root", &["image", "unmount", "-a"]).ok();
    assert!(same.unwrap().success());
}

/// The most memory that a process has had, in KiB, asked until it ends.
fn peak_of(child: &mut Child) -> u64 {
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        peak = number.unwrap_or(0).max(peak);
        std::thread::sleep(Duration::from_millis(2));
    }
    peak
}

#[test]
fn a_large_layer_takes_little_memory() {
    if !require_root() {
        return;
    }
    let lab = Lab::new();
    let registry = Registry::start(&lab);
    fs::create_dir(lab.path("files")).unwrap();
    noise(&lab.path("files/noise"), 40);
    fs::write(lab.path("files/zeros"), vec![0; 200 << 20]).unwrap();
    let name = push(&lab, &registry, "files");
    let mut pull = barque(&lab, "root", &["pull", "-q", &name]).stdout(Stdio::null()).spawn().unwrap();
    let peak = peak_of(&mut pull);
    assert!(pull.wait().unwrap().success());
    assert!((1_000..100_000).contains(&peak), "{peak} KiB for a layer of 240 MiB");
    let mut load = {
        let archive = lab.text("saved.tar");
        run(&lab, "root", &["save", "-o", &archive, &name]).ok();
        barque(&lab, "other", &["load", "-q", "-i", &archive]).stdout(Stdio::null()).spawn().unwrap()
    };
    let peak = peak_of(&mut load);
    assert!(load.wait().unwrap().success());
    assert!((1_000..100_000).contains(&peak), "{peak} KiB for a load of it");
}
