//! `system`: what there is, what takes space, what is wrong; and `container prune`.

use std::fs;
use std::time::{Duration, SystemTime};

use crate::lab::wait_until;
use crate::scene::Scene;

/// One bad record never keeps the others from being listed; `system check` finds what is wrong and mends it.
#[test]
fn a_damaged_record_and_leftovers() {
    let Some(scene) = Scene::new() else { return };
    scene.obedient("web", &[]);
    let bad = scene.run("bad", &["-d"], "true").ok().to_owned();
    assert!(wait_until(|| scene.status("bad") == "exited"));
    scene.barque(&["system", "check"]).ok();
    let containers = scene.lab.path("root/containers");
    let record = containers.join(&bad).join("definition.json");
    assert!(wait_until(|| scene.barque(&["system", "check"]).code == 0));
    fs::write(&record, "{\"id\":").unwrap();
    let list = scene.barque(&["ps", "-a"]);
    assert!(list.ok().contains("web") && list.err.contains("is damaged"), "{list:#?}");
    let cut_short = containers.join("c".repeat(64));
    fs::create_dir(&cut_short).unwrap();
    let long_ago = SystemTime::now() - Duration::from_secs(120);
    fs::File::open(&cut_short).unwrap().set_modified(long_ago).unwrap();
    let found = scene.barque(&["system", "check"]);
    assert!(found.code == 1 && found.out.lines().count() == 2, "{found:#?}");
    let repaired = scene.barque(&["system", "check", "--repair"]);
    assert!(
        repaired.ok().contains("put aside") && repaired.out.contains("cut short: removed"),
        "{repaired:#?}"
    );
    assert_eq!(scene.barque(&["system", "check"]).ok(), "Nothing is wrong.");
    assert_eq!(scene.status("web"), "running");
    fs::remove_dir_all(containers.join(format!("damaged-{bad}"))).unwrap();
}

#[test]
fn what_nobody_uses_goes() {
    let Some(scene) = Scene::new() else { return };
    scene.obedient("web", &[]);
    for (name, label) in [("one", "keep=yes"), ("two", "keep=no")] {
        scene.run(name, &["-d", "--label", label], "head -c 100000 /dev/zero > /tmp/x").ok();
        assert!(wait_until(|| scene.status(name) == "exited"));
    }
    let ids = |said: &str| said.lines().filter(|line| line.len() == 64).count();
    let prune = |args: &[&str]| scene.barque(&[&["container", "prune"], args].concat());
    assert!(wait_until(|| ids(prune(&["--dry-run"]).ok()) == 2));
    assert_eq!(ids(prune(&["-f", "--filter", "until=1h"]).ok()), 0);
    let pruned = prune(&["-f", "--filter", "label!=keep=yes"]);
    assert!(ids(pruned.ok()) == 1 && pruned.out.contains("Total reclaimed space: 1"), "{pruned:#?}");
    let space = scene.barque(&["system", "df", "--format", "{{.Type}} {{.TotalCount}} {{.Active}}"]);
    assert!(space.ok().contains("Containers 2 1"), "{space:#?}");
    assert!(scene.barque(&["system", "df", "-v"]).ok().contains("web"));
    scene.barque(&["volume", "create", "named"]).ok();
    let would = scene.barque(&["system", "prune", "--volumes", "--dry-run"]);
    assert!(would.ok().contains("Would delete Containers:"), "{would:#?}");
    scene.barque(&["system", "prune", "--force", "--volumes"]).ok();
    assert_eq!(scene.barque(&["ps", "-a", "--format", "{{.Names}}"]).ok(), "web");
    assert_eq!(scene.barque(&["volume", "ls", "-q"]).ok(), "named");
}

#[test]
fn what_the_machine_has() {
    let Some(scene) = Scene::new() else { return };
    scene.obedient("web", &[]);
    let info = scene.barque(&["info", "--format", "json"]);
    let info: serde_json::Value = serde_json::from_str(info.ok()).unwrap();
    assert_eq!((&info["Containers"], &info["ContainersRunning"]), (&1.into(), &1.into()));
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    assert_eq!(info["KernelVersion"], release.trim());
    assert_eq!(scene.barque(&["system", "info", "-f", "{{.ContainersStopped}}"]).ok(), "0");
    assert!(scene.barque(&["info"]).ok().contains("CgroupVersion: "));
}

/// In another boot, containers run that did when the machine went down.
#[test]
fn after_a_boot() {
    let Some(scene) = Scene::new() else { return };
    for (name, policy) in [("always", "always"), ("stopped", "unless-stopped"), ("never", "no")] {
        scene.obedient(name, &["--restart", policy]);
        scene.barque(&["stop", name]).ok();
    }
    assert_eq!(scene.barque(&["system", "boot"]).ok(), "", "this boot is the one they ran in");
    for name in ["always", "stopped", "never"] {
        let id = scene.inspect(name, "{{.Id}}");
        let path = scene.lab.path("root/containers").join(id).join("state.json");
        let mut state: serde_json::Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        state["boot"] = "another".into();
        fs::write(&path, state.to_string()).unwrap();
    }
    let booted = || scene.barque(&["system", "boot"]);
    assert!(wait_until(|| booted().ok() == "always" || scene.status("always") == "running"));
    assert_eq!((scene.status("stopped").as_str(), scene.status("never").as_str()), ("exited", "exited"));
    for (kind, word) in [("systemd", "ExecStart="), ("openrc", "openrc-run"), ("cron", "@reboot")] {
        assert!(scene.barque(&["gen", "boot", kind]).ok().contains(word));
    }
    scene.barque(&["gen", "boot", "runit"]).fails(1, &["unknown kind of init: runit"]);
}
