//! `stats`: what containers use, by the kernel's own counts.

use std::process::Stdio;

use crate::lab::wait_until;
use crate::scene::{OBEDIENT, Scene};

#[test]
fn what_a_container_uses() {
    let Some(scene) = Scene::new() else { return };
    let id = scene.run("busy", &["-d", "-m", "64m"], "while :; do :; done").ok().to_owned();
    scene.obedient("web", &[]);
    scene.run("ended", &["-d"], "true").ok();
    assert!(wait_until(|| scene.status("ended") == "exited"));
    let table = scene.barque(&["stats", "--no-stream"]);
    let lines: Vec<&str> = table.ok().lines().collect();
    let heading: Vec<&str> = lines[0].split("  ").map(str::trim).filter(|word| !word.is_empty()).collect();
    let columns =
        ["CONTAINER ID", "NAME", "CPU %", "MEM USAGE / LIMIT", "MEM %", "NET I/O", "BLOCK I/O", "PIDS"];
    assert_eq!(heading, columns);
    assert_eq!(lines.len(), 3, "{table:#?}");
    let stats = |args: &[&str], field: &str| {
        let format = format!("{{{{.{field}}}}}");
        scene.barque(&[&["stats", "--no-stream", "--format", &format], args].concat()).ok().to_owned()
    };
    let percent: f64 = stats(&["busy"], "CPUPerc").trim_end_matches('%').parse().unwrap();
    assert!(percent > 5.0 && percent < 150.0, "{percent}");
    let memory = stats(&["busy"], "MemUsage");
    assert!(memory.ends_with(" / 64MiB") && !memory.starts_with("0B"), "{memory}");
    assert_eq!(stats(&["busy"], "PIDs"), "1");
    assert_eq!(stats(&["--no-trunc", "busy"], "ID"), id);
    assert_eq!(stats(&["ended"], "MemUsage"), "0B / 0B");
    assert_eq!(stats(&["-a"], "Name").lines().count(), 3);
    let json = scene.barque(&["stats", "--no-stream", "--format", "json", "web"]);
    let json: serde_json::Value = serde_json::from_str(json.ok()).unwrap();
    assert_eq!((&json["Name"], &json["Container"]), (&"web".into(), &"web".into()));
    scene.barque(&["stats", "--no-stream", "nobody"]).fails(1, &["No such container: nobody"]);
    scene.barque(&["stats", "--no-stream", "--format", "{{.Nothing}}"]).fails(1, &["Nothing"]);
}

/// Ends with the last of the containers that were named; in a pipe there is nothing to redraw.
#[test]
fn a_live_table() {
    let Some(scene) = Scene::new() else { return };
    scene.run("web", &["-d", "--rm"], OBEDIENT).ok();
    scene.heeds("web");
    let mut stats = scene.lab.barque();
    let child = stats
        .args(["stats", "web"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let child = child.unwrap();
    std::thread::sleep(std::time::Duration::from_millis(1800));
    scene.barque(&["stop", "web"]).ok();
    let said = crate::lab::finish(child);
    assert!(said.ok().matches("CONTAINER ID").count() >= 2, "{said:#?}");
    assert!(!said.out.contains('\x1b'));
}
