//! Containers in the background: their life, their names, their restarts, and a monitor that is killed.

use std::fs;
use std::process::Stdio;

use crate::lab::{Lab, Said, require_root, said, wait_until};

/// A scene whose containers are removed with it.
struct Scene(Lab);

impl Scene {
    fn new() -> Option<Self> {
        require_root().then(|| Self(Lab::new()))
    }

    fn barque(&self, args: &[&str]) -> Said {
        said(self.0.barque().args(args).stdin(Stdio::null()))
    }

    /// `run -d` with a name and a script.
    fn run(&self, name: &str, flags: &[&str], script: &str) -> Said {
        let root = format!("dir:{}", self.0.rootfs().display());
        let fixed = ["run", "-d", "--name", name, "--cgroup-parent", self.0.cgroup_parent()];
        self.barque(&[&fixed, flags, &[&root, "sh", "-c", script]].concat())
    }

    fn inspect(&self, name: &str, template: &str) -> String {
        self.barque(&["container", "inspect", "-f", template, name]).ok().trim_end().to_owned()
    }

    fn status(&self, name: &str) -> String {
        self.inspect(name, "{{.State.Status}}")
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let ids = said(self.0.barque().args(["ps", "-aq"]));
        for id in ids.out.lines() {
            self.barque(&["rm", "--force", id]);
        }
    }
}

/// Ends at once when it is asked to.
const OBEDIENT: &str = "trap 'exit 5' TERM; while :; do sleep 0.05; done";

#[test]
fn from_run_to_rm() {
    let Some(scene) = Scene::new() else { return };
    let id = scene.run("web", &[], OBEDIENT).ok().trim_end().to_owned();
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
    scene.run("web", &[], OBEDIENT).ok();
    scene.run("web", &[], "true").fails(125, &["is already in use by container"]);
    scene.run("web", &["--replace"], OBEDIENT).ok();
    scene.barque(&["rename", "web", "site"]).ok();
    scene.run("web", &[], "true").ok();
    assert_eq!(scene.barque(&["ps", "-a", "--format", "{{.Names}}"]).ok().lines().count(), 2);
    assert_eq!(scene.barque(&["rm", "-f", "site", "web", "nobody"]).code, 0);
}

#[test]
fn exec_runs_beside_the_program() {
    let Some(scene) = Scene::new() else { return };
    scene.run("web", &["-e", "A=1"], OBEDIENT).ok();
    let exec = |args: &[&str]| scene.barque(&[&["exec"], args].concat());
    assert_eq!(exec(&["-e", "B=2", "web", "sh", "-c", "echo $A $B; exit 7"]).code, 7);
    assert_eq!(exec(&["-e", "B=2", "web", "sh", "-c", "echo $A $B"]).ok(), "1 2");
    assert_eq!(exec(&["-w", "/tmp", "web", "pwd"]).ok(), "/tmp");
    assert_eq!(exec(&["-u", "1234:5", "web", "id", "-u"]).ok(), "1234");
    exec(&["web", "nosuch"]).fails(127, &["nosuch"]);
    exec(&["nobody", "true"]).fails(1, &["No such container: nobody"]);
}

#[test]
fn policies_start_it_again() {
    let Some(scene) = Scene::new() else { return };
    scene.run("fails", &["--restart", "on-failure:2"], "exit 4").ok();
    assert!(wait_until(|| scene.inspect("fails", "{{.RestartCount}} {{.State.Status}}") == "2 exited"));
    assert_eq!(scene.inspect("fails", "{{.State.ExitCode}}"), "4");
    scene.run("ends", &["--restart", "always"], "exit 0").ok();
    assert!(wait_until(|| scene.inspect("ends", "{{.RestartCount}}").parse::<u32>().unwrap() >= 2));
    scene.barque(&["stop", "ends"]).ok();
    assert_eq!(scene.status("ends"), "exited");
}

/// The container runs on, is found, and its end leaves nothing.
#[test]
fn a_monitor_that_is_killed() {
    let Some(scene) = Scene::new() else { return };
    scene.run("web", &[], OBEDIENT).ok();
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
    let root = format!("dir:{}", scene.0.rootfs().display());
    let mut run = scene.0.barque();
    run.args([
        "run",
        "--name",
        "web",
        "--cgroup-parent",
        scene.0.cgroup_parent(),
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
    scene.barque(&["stop", "web"]).ok();
    assert_eq!(scene.inspect("web", "{{.State.ExitCode}}"), "5");
}
