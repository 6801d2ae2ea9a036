//! Making, joining, freezing, killing, removing.

use std::fs;
use std::thread;
use std::time::Duration;

use barque_runtime::cgroup::OomWatch;

use crate::rig::{Rig, Running, eventually, require_root};

/// Processor time of a process in clock ticks.
fn ticks(process: &Running) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.pid())).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

/// The controllers of every mounted hierarchy as /proc/PID/cgroup writes them. A v1 hierarchy lives on after its last
/// unmount, and nobody can enter it then.
fn mounted_hierarchies() -> Vec<String> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let tails = mounts.lines().filter_map(|line| line.split_once(" - ").map(|(_, tail)| tail));
    tails
        .filter_map(|tail| match *tail.split(' ').collect::<Vec<_>>().as_slice() {
            ["cgroup2", ..] => Some(String::new()),
            ["cgroup", _, options] => Some(controllers(options)),
            _ => None,
        })
        .collect()
}

/// What of a v1 mount's options names controllers or the hierarchy itself.
fn controllers(options: &str) -> String {
    let general = ["rw", "ro", "clone_children", "xattr", "noprefix", "favordynmods"];
    let named = options
        .split(',')
        .filter(|option| !general.contains(option) && !option.starts_with("release_agent="));
    named.collect::<Vec<_>>().join(",")
}

#[test]
fn a_process_enters_every_hierarchy() {
    if !require_root() {
        return;
    }
    let rig = Rig::new("join", "{}");
    let output = rig.run("cat /proc/self/cgroup");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mounted = mounted_hierarchies();
    let (mut inside, mut outside) = (0, Vec::new());
    for line in text.lines() {
        if line.ends_with(&rig.group().path) {
            inside += 1;
        } else if mounted.iter().any(|names| names == line.split(':').nth(1).unwrap()) {
            outside.push(line);
        }
    }
    assert!(outside.is_empty() && inside > 0, "{outside:?} of {text}");
}

#[test]
fn a_frozen_container_stands_still() {
    if !require_root() {
        return;
    }
    let rig = Rig::new("freeze", "{}");
    let busy = rig.spawn("while :; do :; done");
    eventually("it runs", || ticks(&busy) > 1);
    rig.group().freeze().unwrap();
    assert!(rig.group().is_frozen().unwrap());
    // v2 counts a task as frozen right before it leaves the processor, which may take an emulated one a while.
    thread::sleep(Duration::from_millis(100));
    let before = ticks(&busy);
    thread::sleep(Duration::from_millis(300));
    assert_eq!(ticks(&busy), before, "a frozen process used processor time");
    rig.group().thaw().unwrap();
    assert!(!rig.group().is_frozen().unwrap());
    eventually("it runs again", || ticks(&busy) > before);
}

#[test]
fn all_are_killed_frozen_or_not_and_in_sub_cgroups() {
    if !require_root() {
        return;
    }
    for freeze in [false, true] {
        let rig = Rig::new(if freeze { "kill-frozen" } else { "kill" }, "{}");
        let mut shell = rig.spawn("sleep 100 & sleep 100 & wait");
        eventually("three processes are inside", || rig.group().pids().unwrap().len() == 3);
        assert!(rig.group().pids().unwrap().contains(&shell.pid()));
        if freeze {
            rig.group().freeze().unwrap();
        }
        rig.group().kill_all(9).unwrap();
        assert!(!shell.0.wait().unwrap().success());
        eventually("nobody is left", || rig.group().pids().unwrap().is_empty());
        assert!(!rig.group().is_frozen().unwrap());
    }
}

#[test]
fn a_signal_reaches_all() {
    if !require_root() {
        return;
    }
    let rig = Rig::new("signal", "{}");
    let mut shell = rig.spawn("trap 'exit 7' TERM; sleep 100 & wait");
    // Between fork and exec, the child still has the shell's trap, and would forget a signal.
    eventually("both are inside", || rig.programs() == ["sh", "sleep"]);
    rig.group().kill_all(15).unwrap();
    assert_eq!(shell.0.wait().unwrap().code(), Some(7));
    eventually("nobody is left", || rig.group().pids().unwrap().is_empty());
}

#[test]
fn a_busy_cgroup_with_children_is_removed() {
    if !require_root() {
        return;
    }
    let rig = Rig::new("remove", "{}");
    for dir in rig.group().dirs() {
        fs::create_dir_all(dir.join("a/b")).unwrap();
    }
    let mut shell = rig.spawn("sleep 100 & wait");
    eventually("both are inside", || rig.group().pids().unwrap().len() == 2);
    // As in life: the one who removes is not always the one who waits for the process.
    let reaper = thread::spawn(move || drop(shell.0.wait()));
    rig.group().remove().unwrap();
    reaper.join().unwrap();
    assert!(rig.group().dirs().all(|dir| !dir.exists()));
    assert!(!rig.group().exists());
    rig.group().remove().unwrap();
}

#[test]
fn undo_takes_back_what_was_made_and_nothing_else() {
    if !require_root() {
        return;
    }
    let mut rig = Rig::new("undo", "{}");
    let dirs: Vec<_> = rig.group().dirs().map(ToOwned::to_owned).collect();
    let neighbour = dirs[0].with_file_name("neighbour");
    fs::create_dir(&neighbour).unwrap();
    for (op, done) in rig.done.drain(..).rev() {
        op.undo(&done).unwrap();
    }
    assert!(dirs.iter().all(|dir| !dir.exists()));
    assert!(neighbour.exists(), "a cgroup of somebody else is gone");
    assert!(dirs[1..].iter().all(|dir| !dir.parent().unwrap().exists()), "a parent that we made is left");
    fs::remove_dir(&neighbour).unwrap();
}

#[test]
fn a_cgroup_in_use_is_not_taken() {
    if !require_root() {
        return;
    }
    let rig = Rig::new("taken", "{}");
    let create = rig.plan.ops[0].clone();
    assert!(create.execute().unwrap().made.is_empty(), "an empty one may be used");
    let _inside = rig.spawn("exec sleep 100");
    eventually("it is inside", || rig.group().pids().unwrap().len() == 1);
    let error = create.execute().unwrap_err();
    assert!(error.to_string().contains("has processes of somebody else"), "{error}");
}

#[test]
fn an_out_of_memory_kill_is_told() {
    if !require_root() {
        return;
    }
    let rig = Rig::new("oom-watch", r#"{"memory": {"limit": 10485760, "swap": 10485760}}"#);
    let watch = OomWatch::open(rig.group()).unwrap();
    assert!(!watch.wait(Duration::ZERO).unwrap());
    assert!(!rig.run("exec tail /dev/zero").status.success());
    assert!(watch.wait(Duration::from_secs(2)).unwrap());
    assert!(!watch.wait(Duration::from_millis(50)).unwrap(), "it is told once");
}
