//! `why`: who or what has ended a container.

use serde_json::Value;

use crate::lab::wait_until;
use crate::scene::Scene;

fn facts(scene: &Scene, name: &str) -> Value {
    serde_json::from_str(scene.barque(&["why", "--format", "json", name]).ok()).unwrap()
}

#[test]
fn who_has_ended_it() {
    let Some(scene) = Scene::new() else { return };
    scene.run("fails", &["-d"], "echo begins; echo breaks >&2; exit 3").ok();
    scene.barque(&["wait", "fails"]).ok();
    scene.obedient("heeds", &[]);
    scene.barque(&["stop", "heeds"]).ok();
    scene.run("stubborn", &["-d"], "trap '' TERM; sleep 60").ok();
    scene.barque(&["stop", "-t", "0", "stubborn"]).ok();
    scene.obedient("killed", &[]);
    scene.barque(&["kill", "killed"]).ok();
    scene.obedient("hit", &[]);
    let pid = scene.inspect("hit", "{{.State.Pid}}").parse().unwrap();
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    scene.barque(&["wait", "hit"]).ok();
    scene.run("late", &["-d", "--timeout", "1", "--stop-timeout", "0"], "sleep 60").ok();
    scene.barque(&["wait", "late"]).ok();
    for (name, cause, words) in [
        ("fails", "exit", "with exit code 3"),
        ("heeds", "stop", "It was stopped with barque stop"),
        ("stubborn", "stop", "it did not end in the time it had for that, and was killed (SIGKILL)"),
        ("killed", "kill", "SIGKILL was sent to it with barque kill"),
        ("hit", "signal", "Barque did not send SIGKILL, and memory had not run out"),
        ("late", "timeout", "Its time limit (--timeout) was over"),
    ] {
        let text = scene.barque(&["why", name]).ok().to_owned();
        assert!(text.contains(words), "{name}: {text}");
        assert_eq!(facts(&scene, name)["Cause"], cause, "{name}");
        assert_eq!(scene.inspect(name, "{{.State.Why.Cause}}"), cause, "{name}");
    }
    let text = scene.barque(&["why", "fails"]).ok().to_owned();
    assert!(text.contains("The last lines of its log:\n  begins\n  breaks"), "{text}");
    assert_eq!(facts(&scene, "fails")["Log"], serde_json::json!(["begins", "breaks"]));
    assert!(facts(&scene, "heeds")["Memory"]["Peak"].as_u64().unwrap() > 0);
    scene.barque(&["why", "nobody"]).fails(1, &["No such container: nobody"]);
    scene.barque(&["why", "--format", "xml", "fails"]).fails(1, &["it is json, or left out"]);
}

/// The kernel's log says which process it was; where it may not be read, or where the kernel had too much to say at once, the
/// counters still say that memory was the reason.
#[test]
fn memory_runs_out() {
    let Some(scene) = Scene::new() else { return };
    scene.run("fat", &["-d", "-m", "16m", "--memory-swap", "16m"], "tail /dev/zero; true; exit $?").ok();
    scene.run("first", &["-d", "-m", "16m", "--memory-swap", "16m"], "exec tail /dev/zero").ok();
    scene.barque(&["wait", "fat", "first"]).ok();
    let first = facts(&scene, "first");
    assert_eq!(first["Cause"], "out-of-memory", "{first}");
    assert_eq!((&first["ExitCode"], &first["Signal"]), (&137.into(), &"SIGKILL".into()));
    assert_eq!(first["Memory"]["Limit"], 16 << 20);
    assert!(first["Memory"]["Peak"].as_u64().unwrap() > 12 << 20, "{first}");
    let text = first["Text"].as_str().unwrap();
    match &first["OOM"] {
        Value::Null => assert!(text.contains("is not known"), "{text}"),
        report => {
            assert_eq!(report["Killed"]["Name"], "tail", "{first}");
            assert!(report["Killed"]["Memory"].as_u64().unwrap() > 8 << 20, "{first}");
            assert!(text.contains("The kernel killed tail (process "), "{text}");
        }
    }
    // The shell went on without it.
    let fat = facts(&scene, "fat");
    assert_eq!(
        (&fat["Cause"], &fat["ExitCode"], &fat["OOMKilled"]),
        (&"exit".into(), &0.into(), &true.into())
    );
    assert!(fat["Text"].as_str().unwrap().contains("Before that the kernel had killed"), "{fat}");
}

#[test]
fn runs_before_this_one() {
    let Some(scene) = Scene::new() else { return };
    scene.run("again", &["-d", "--restart", "on-failure:2"], "exit 4").ok();
    assert!(wait_until(
        || scene.status("again") == "exited" && facts(&scene, "again")["Restarts"]["Count"] == 2
    ));
    let earlier = facts(&scene, "again")["Restarts"]["Earlier"].clone();
    assert_eq!(earlier.as_array().unwrap().iter().map(|end| &end["ExitCode"]).collect::<Vec<_>>(), [4, 4]);
    let text = scene.barque(&["why", "again"]).ok().to_owned();
    assert!(
        text.contains("It had been started again 2 times; its restart policy (on-failure:2) leaves it so"),
        "{text}"
    );
    scene.obedient("runs", &[]);
    assert!(scene.barque(&["why", "runs"]).ok().contains("it has not ended"));
    assert_eq!(facts(&scene, "runs")["Cause"], Value::Null);
    let root = format!("dir:{}", scene.lab.rootfs().display());
    scene
        .barque(&["create", "--name", "idle", "--cgroup-parent", scene.lab.cgroup_parent(), &root, "true"])
        .ok();
    assert!(scene.barque(&["why", "idle"]).ok().contains("was never started"));
}
