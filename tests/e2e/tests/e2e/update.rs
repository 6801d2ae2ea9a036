//! `update`: limits of containers that run, and of those that do not.

use std::fs;
use std::path::PathBuf;

use crate::lab::wait_until;
use crate::scene::Scene;

/// A file of a container's cgroup on v1; none on a machine that has everything on v2, which the tests of the runtime and
/// those in a virtual machine look at.
fn kernel(scene: &Scene, controller: &str, id: &str, file: &str) -> Option<String> {
    let directory = PathBuf::from(format!("/sys/fs/cgroup/{controller}{}", scene.lab.cgroup_parent()));
    let path = fs::read_dir(directory).ok()?.flatten().map(|entry| entry.path());
    let own = path.into_iter().find(|path| path.to_string_lossy().contains(&id[..12]))?;
    Some(fs::read_to_string(own.join(file)).unwrap().trim().to_owned())
}

fn is(scene: &Scene, controller: &str, id: &str, file: &str, expected: &str) {
    if let Some(text) = kernel(scene, controller, id, file) {
        assert_eq!(text, expected, "{controller} {file}");
    }
}

#[test]
fn limits_of_one_that_runs() {
    let Some(scene) = Scene::new() else { return };
    let id = scene.obedient("web", &["-m", "64m"]);
    let changes =
        ["-m", "96m", "--cpus", "0.5", "--cpu-shares", "512", "--pids-limit", "77", "--cpuset-cpus", "0"];
    assert_eq!(scene.barque(&[&["update"], &changes[..], &["web"]].concat()).ok(), "web");
    is(&scene, "memory", &id, "memory.limit_in_bytes", &(96 << 20).to_string());
    is(&scene, "cpu", &id, "cpu.cfs_quota_us", "50000");
    is(&scene, "cpu", &id, "cpu.shares", "512");
    is(&scene, "pids", &id, "pids.max", "77");
    is(&scene, "cpuset", &id, "cpuset.cpus", "0");
    let shown = "{{.HostConfig.Memory}} {{.HostConfig.CpuQuota}} {{.HostConfig.PidsLimit}} {{.HostConfig.CpusetCpus}}";
    assert_eq!(scene.inspect("web", shown), format!("{} 50000 77 0", 96 << 20));
    // The next start has them too.
    scene.barque(&["restart", "web"]).ok();
    is(&scene, "pids", &id, "pids.max", "77");
    is(&scene, "memory", &id, "memory.limit_in_bytes", &(96 << 20).to_string());
    scene.barque(&["update", "--pids-limit", "-1", "web"]).ok();
    is(&scene, "pids", &id, "pids.max", "max");
}

#[test]
fn what_is_refused_changes_nothing() {
    let Some(scene) = Scene::new() else { return };
    let id = scene.obedient("web", &["-m", "64m", "--pids-limit", "50"]);
    scene.barque(&["update", "-m", "200m", "web"]).fails(
        1,
        &["Cannot update container", "Memory limit should be smaller than already set memoryswap limit"],
    );
    scene.barque(&["update", "--memory-swap", "10m", "web"]).fails(1, &["larger than memory limit"]);
    scene.barque(&["update", "--cpuset-cpus", "900", "web"]).fails(1, &["Requested CPUs are not available"]);
    // Less memory than it uses: v1 refuses that, and the number of tasks that came with it is as it was.
    scene.barque(&["exec", "web", "sh", "-c", "head -c 20000000 /dev/zero >/dev/shm/data"]).ok();
    if kernel(&scene, "memory", &id, "memory.limit_in_bytes").is_some() {
        scene
            .barque(&["update", "-m", "8m", "--cpu-shares", "300", "--pids-limit", "20", "web"])
            .fails(1, &["EBUSY"]);
        is(&scene, "memory", &id, "memory.limit_in_bytes", &(64 << 20).to_string());
        is(&scene, "pids", &id, "pids.max", "50");
        is(&scene, "cpu", &id, "cpu.shares", "1024");
        assert_eq!(
            scene.inspect("web", "{{.HostConfig.Memory}} {{.HostConfig.PidsLimit}}"),
            format!("{} 50", 64 << 20)
        );
    }
    scene.barque(&["update", "web"]).fails(1, &["you must provide one or more flags"]);
    scene.barque(&["update", "--restart", "often", "web"]).fails(1, &["unknown policy"]);
}

#[test]
fn several_at_once_and_those_that_do_not_run() {
    let Some(scene) = Scene::new() else { return };
    let root = format!("dir:{}", scene.lab.rootfs().display());
    let create =
        ["create", "--name", "idle", "--cgroup-parent", scene.lab.cgroup_parent(), &root, "sleep", "60"];
    let idle = scene.barque(&create).ok().to_owned();
    scene.obedient("web", &[]);
    let both = scene.barque(&["update", "--pids-limit", "33", "idle", "nobody", "web"]);
    both.fails(1, &["No such container: nobody"]);
    assert_eq!(both.out.trim_end(), "idle\nweb");
    assert_eq!(scene.inspect("idle", "{{.HostConfig.PidsLimit}}"), "33");
    scene.barque(&["start", "idle"]).ok();
    is(&scene, "pids", &idle, "pids.max", "33");
    scene.barque(&["kill", "idle"]).ok();
}

/// The monitor obeys what has changed since it began.
#[test]
fn policies_and_limits_of_restarts() {
    let Some(scene) = Scene::new() else { return };
    let id = scene
        .run("web", &["-d"], "while [ ! -e /tmp/end ]; do sleep 0.05; done; rm /tmp/end; exit 3")
        .ok()
        .to_owned();
    scene.barque(&["update", "--restart", "on-failure:1", "--pids-limit", "44", "web"]).ok();
    assert_eq!(scene.inspect("web", "{{.HostConfig.RestartPolicy.Name}}"), "on-failure");
    scene.barque(&["exec", "web", "touch", "/tmp/end"]).ok();
    assert!(wait_until(|| scene.inspect("web", "{{.RestartCount}} {{.State.Running}}") == "1 true"));
    is(&scene, "pids", &id, "pids.max", "44");
    scene.barque(&["update", "--restart", "no", "web"]).ok();
    scene.barque(&["exec", "web", "touch", "/tmp/end"]).ok();
    assert_eq!(scene.barque(&["wait", "web"]).ok(), "3");
    assert_eq!(scene.inspect("web", "{{.RestartCount}} {{.State.Status}}"), "1 exited");
    scene.run("gone", &["-d", "--rm"], "sleep 60").ok();
    scene.barque(&["update", "--restart", "always", "gone"]).fails(1, &["AutoRemove is enabled"]);
}
