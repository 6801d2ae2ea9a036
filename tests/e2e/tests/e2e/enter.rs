//! `enter`, `debug`, and `explain` of a container that is there.

use std::process::Command;

use crate::lab::said;
use crate::scene::Scene;

#[test]
fn the_hosts_programs_in_namespaces_of_a_container() {
    let Some(scene) = Scene::new() else { return };
    scene.obedient("web", &["--network", "none", "--hostname", "inside"]);
    let enter = |args: &[&str]| scene.barque(&[&["enter"], args].concat());
    // bash is of this machine: the container has busybox alone.
    assert_eq!(enter(&["--ns", "uts", "web", "bash", "-c", "echo $HOSTNAME"]).ok(), "inside");
    let links = enter(&["--ns", "net", "web", "ls", "/sys/class/net"]);
    assert_eq!(links.ok(), "lo");
    // With the container's pid namespace comes its /proc; without, this machine's.
    let first = ["bash", "-c", "tr '\\0' ' ' < /proc/1/cmdline"];
    assert!(enter(&[&["--ns", "pid", "web"], &first[..]].concat()).ok().starts_with("sh -c trap"));
    assert!(!enter(&[&["--ns", "net", "web"], &first[..]].concat()).ok().starts_with("sh -c trap"));
    assert_eq!(enter(&["--ns", "mnt", "web", "cat", "/etc/group"]).ok().lines().count(), 4);
    assert_eq!(enter(&["web", "bash", "-c", "exit 7"]).code, 7);
    let hosts = std::fs::read_to_string("/etc/passwd").unwrap();
    assert_eq!(enter(&["web", "cat", "/etc/passwd"]).ok(), hosts.trim_end());
    // This process's own mounts are as they were.
    let proc = std::fs::read_to_string("/proc/self/mounts").unwrap();
    assert_eq!(proc.lines().filter(|line| line.split(' ').nth(1) == Some("/proc")).count(), 1);
}

#[test]
fn what_cannot_be_entered() {
    let Some(scene) = Scene::new() else { return };
    scene.obedient("web", &[]);
    let enter = |args: &[&str]| scene.barque(&[&["enter"], args].concat());
    enter(&["--ns", "nets", "web", "true"]).fails(1, &["\"nets\"", "cgroup"]);
    enter(&["web", "no-such-program"]).fails(127, &["no-such-program"]);
    enter(&["web", "/etc/passwd"]).fails(126, &["/etc/passwd"]);
    enter(&["nobody", "true"]).fails(1, &["No such container: nobody"]);
    scene.barque(&["stop", "web"]).ok();
    enter(&["web", "true"]).fails(1, &["is not running", "barque start web"]);
    scene.barque(&["debug", "nobody"]).fails(1, &["no container and no image", "nobody"]);
}

#[test]
fn the_files_of_what_has_no_shell() {
    let Some(scene) = Scene::new() else { return };
    scene.obedient("web", &["-v", "data:/data", "--tmpfs", "/scratch"]);
    scene
        .barque(&["exec", "web", "sh", "-c", "echo a > /etc/own; echo b > /data/own; echo c > /scratch/own"])
        .ok();
    let debug = |name: &str, script: &str| scene.barque(&["debug", name, "bash", "-c", script]);
    assert_eq!(debug("web", "pwd; cat etc/own data/own scratch/own").ok(), "/mnt\na\nb\nc");
    assert!(debug("web", "tr '\\0' ' ' < /proc/1/cmdline").ok().starts_with("sh -c trap"));
    debug("web", "echo seen > etc/note").ok();
    assert_eq!(scene.barque(&["exec", "web", "cat", "/etc/note"]).ok(), "seen");

    scene.barque(&["stop", "web"]).ok();
    assert_eq!(debug("web", "cat etc/own data/own; ls scratch; echo kept > etc/note").ok(), "a\nb");
    scene.barque(&["start", "web"]).ok();
    assert_eq!(scene.barque(&["exec", "web", "cat", "/etc/note"]).ok(), "kept");

    scene.barque(&["import", &scene.lab.text("rootfs"), "app:1"]).ok();
    assert_eq!(debug("app:1", "cat etc/group | wc -l; touch x 2>/dev/null || echo fixed").ok(), "4\nfixed");
    assert_eq!(debug("app:1", "exit 3").code, 3);
}

/// The script makes the same container.
#[test]
fn explain_of_one_that_is_there() {
    let Some(scene) = Scene::new() else { return };
    let root = format!("dir:{}", scene.lab.rootfs().display());
    let flags = ["--name", "web", "--network", "none", "-e", "A=explained", "-w", "/tmp", &root];
    let command = ["sh", "-c", "echo $A; pwd; hostname"];
    let id = scene.barque(&[&["create"], &flags[..], &command].concat()).ok().to_owned();
    let script = scene.barque(&["explain", "web"]);
    let path = scene.lab.file("explained", script.ok());
    let typed = said(Command::new("sh").arg(&path));
    let started = scene.barque(&["start", "-a", "web"]);
    assert_eq!(typed.ok(), started.ok());
    assert_eq!(typed.ok(), format!("explained\n/tmp\n{}", &id[..12]));
    let plan = scene.barque(&["explain", "--format", "json", &id[..12]]);
    assert!(plan.ok().starts_with('{'), "{plan:#?}");
}
