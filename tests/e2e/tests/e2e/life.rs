//! Containers in the background: their life, their names, their restarts, and a monitor that is killed.

use std::fs;
use std::process::Stdio;

use crate::lab::wait_until;
use crate::scene::{OBEDIENT, Scene};

#[test]
fn from_run_to_rm() {
    let Some(scene) = Scene::new() else { return };
    let id = scene.obedient("web", &[]);
    assert_eq!(id.len(), 64, "{id}");
    assert!(scene.barque(&["ps"]).ok().contains("Up "));
    scene.barque(&["rm", "web"]).fails(1, &["container is running"]);
    assert_eq!(scene.barque(&["stop", &id[..10]]).ok(), &id[..10]);
    assert_eq!(scene.inspect("web", "{{.State.Status}} {{.State.ExitCode}}"), "exited 5");
    assert!(!scene.barque(&["ps"]).ok().contains("web"));
    assert!(scene.barque(&["ps", "-a"]).ok().contains("Exited (5)"));
    assert_eq!(scene.barque(&["start", "web"]).ok(), "web");
    assert_eq!(scene.status("web"), "running");
    scene.barque(&["pause", "web"]).ok();
    assert_eq!(scene.status("web"), "paused");
    scene.barque(&["exec", "web", "true"]).fails(1, &["is paused"]);
    scene.barque(&["unpause", "web"]).ok();
    scene.barque(&["kill", "web"]).ok();
    assert_eq!(scene.barque(&["wait", "web"]).ok(), "137");
    assert_eq!(scene.barque(&["rm", "web"]).ok(), "web");
    scene.barque(&["start", "web"]).fails(1, &["No such container: web"]);
}

#[test]
fn names_are_one_containers() {
    let Some(scene) = Scene::new() else { return };
    scene.obedient("web", &[]);
    scene.run("web", &["-d"], "true").fails(125, &["is already in use by container"]);
    scene.obedient("web", &["--replace"]);
    scene.barque(&["rename", "web", "site"]).ok();
    scene.run("web", &["-d"], "true").ok();
    assert_eq!(scene.barque(&["ps", "-a", "--format", "{{.Names}}"]).ok().lines().count(), 2);
    assert_eq!(scene.barque(&["rm", "-f", "site", "web", "nobody"]).code, 0);
}

#[test]
fn exec_runs_beside_the_program() {
    let Some(scene) = Scene::new() else { return };
    scene.obedient("web", &["-e", "A=1"]);
    let exec = |args: &[&str]| scene.barque(&[&["exec"], args].concat());
    assert_eq!(exec(&["-e", "B=2", "web", "sh", "-c", "echo $A $B; exit 7"]).code, 7);
    assert_eq!(exec(&["-e", "B=2", "web", "sh", "-c", "echo $A $B"]).ok(), "1 2");
    assert_eq!(exec(&["-w", "/tmp", "web", "pwd"]).ok(), "/tmp");
    assert_eq!(exec(&["-u", "1234:5", "web", "id", "-u"]).ok(), "1234");
    exec(&["web", "nosuch"]).fails(127, &["nosuch"]);
    exec(&["nobody", "true"]).fails(1, &["No such container: nobody"]);
}

#[test]
fn what_exec_has_left_running_is_known() {
    let Some(scene) = Scene::new() else { return };
    scene.obedient("web", &[]);
    let ids = || scene.inspect("web", "{{len .ExecIDs}}");
    assert_eq!(scene.inspect("web", "{{json .ExecIDs}}"), "null");
    scene.barque(&["exec", "-d", "web", "sh", "-c", "while [ ! -e /tmp/go ]; do sleep 0.05; done"]).ok();
    scene.barque(&["exec", "-d", "web", "sleep", "60"]).ok();
    assert_eq!(ids(), "2");
    scene.barque(&["exec", "web", "touch", "/tmp/go"]).ok();
    assert!(wait_until(|| ids() == "1"), "{}", ids());
    scene.barque(&["stop", "web"]).ok();
    assert!(wait_until(|| scene.inspect("web", "{{json .ExecIDs}}") == "null"));
}

#[test]
fn policies_start_it_again() {
    let Some(scene) = Scene::new() else { return };
    scene.run("fails", &["-d", "--restart", "on-failure:2"], "exit 4").ok();
    assert!(wait_until(|| scene.inspect("fails", "{{.RestartCount}} {{.State.Status}}") == "2 exited"));
    assert_eq!(scene.inspect("fails", "{{.State.ExitCode}}"), "4");
    scene.run("ends", &["-d", "--restart", "always"], "exit 0").ok();
    assert!(wait_until(|| scene.inspect("ends", "{{.RestartCount}}").parse::<u32>().unwrap() >= 2));
    scene.barque(&["stop", "ends"]).ok();
    assert_eq!(scene.status("ends"), "exited");
}

/// The container runs on, is found, and its end leaves nothing.
#[test]
fn a_monitor_that_is_killed() {
    let Some(scene) = Scene::new() else { return };
    scene.obedient("web", &[]);
    let pid = scene.inspect("web", "{{.State.Pid}}");
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let monitor: i32 =
        status.lines().find_map(|line| line.strip_prefix("PPid:")).unwrap().trim().parse().unwrap();
    let monitor = rustix::process::Pid::from_raw(monitor).unwrap();
    rustix::process::kill_process(monitor, rustix::process::Signal::KILL).unwrap();
    assert_eq!(scene.status("web"), "running");
    assert_eq!(scene.barque(&["exec", "web", "echo", "still"]).ok(), "still");
    scene.barque(&["stop", "web"]).ok();
    assert_eq!(scene.inspect("web", "{{.State.Status}} {{.State.ExitCode}}"), "exited 255");
    scene.barque(&["start", "web"]).ok();
    assert_eq!(scene.status("web"), "running");
}

#[test]
fn a_client_that_is_killed_leaves_the_container() {
    let Some(scene) = Scene::new() else { return };
    let root = format!("dir:{}", scene.lab.rootfs().display());
    let mut run = scene.lab.barque();
    run.args([
        "run",
        "--name",
        "web",
        "--cgroup-parent",
        scene.lab.cgroup_parent(),
        &root,
        "sh",
        "-c",
        OBEDIENT,
    ]);
    let mut client = run.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    assert!(wait_until(|| scene.barque(&["ps"]).ok().contains("web")));
    client.kill().unwrap();
    client.wait().unwrap();
    assert_eq!(scene.status("web"), "running");
    scene.heeds("web");
    scene.barque(&["stop", "web"]).ok();
    assert_eq!(scene.inspect("web", "{{.State.ExitCode}}"), "5");
}

#[test]
fn inspect_finds_an_object_of_any_kind() {
    let Some(scene) = Scene::new() else { return };
    scene.run("one", &["-d"], "true").ok();
    scene.barque(&["volume", "create", "two"]).ok();
    scene.barque(&["network", "create", "three"]).ok();
    scene.barque(&["import", &scene.lab.text("rootfs"), "four:1"]).ok();
    let names = ["one", "two", "three", "four:1"];
    let shown = scene.barque(&[&["inspect"], &names[..]].concat());
    let shown: serde_json::Value = serde_json::from_str(shown.ok()).unwrap();
    let shown: Vec<_> = shown.as_array().unwrap().iter().collect();
    assert_eq!(shown.len(), 4);
    assert_eq!((&shown[0]["Name"], &shown[1]["Scope"]), (&"/one".into(), &"local".into()));
    assert_eq!((&shown[2]["Driver"], &shown[3]["RepoTags"][0]), (&"bridge".into(), &"four:1".into()));
    scene.barque(&["inspect", "--type", "image", "one"]).fails(1, &["No such image: one"]);
    scene.barque(&["inspect", "five"]).fails(1, &["No such object: five"]);
    scene.barque(&["inspect", "--type", "pod", "one"]).fails(1, &["--type", "volume"]);
}
