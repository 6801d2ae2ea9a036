//! `events`: what commands and monitors say of containers.

use std::process::Stdio;

use crate::lab::finish;
use crate::scene::Scene;

/// The actions of a container, oldest first.
fn actions(scene: &Scene, filters: &[&str]) -> Vec<String> {
    let all = ["events", "--since", "1h", "--until", "0s", "--format", "{{.Action}}"];
    scene.barque(&[&all, filters].concat()).ok().lines().map(str::to_owned).collect()
}

#[test]
fn a_life_in_events() {
    let Some(scene) = Scene::new() else { return };
    let id = scene.obedient("web", &["--label", "tier=front"]);
    scene.barque(&["exec", "web", "true"]).ok();
    scene.barque(&["pause", "web"]).ok();
    scene.barque(&["unpause", "web"]).ok();
    scene.barque(&["stop", "web"]).ok();
    scene.barque(&["rename", "web", "site"]).ok();
    scene.barque(&["rm", "site"]).ok();
    let expected = [
        "create",
        "start",
        "exec_start: true",
        "exec_die",
        "pause",
        "unpause",
        "kill",
        "die",
        "stop",
        "rename",
        "destroy",
    ];
    assert_eq!(actions(&scene, &["--filter", &format!("container={}", &id[..12])]), expected);
    assert_eq!(actions(&scene, &["--filter", "event=die", "--filter", "label=tier=front"]), ["die"]);
    assert!(actions(&scene, &["--filter", "label=tier=back"]).is_empty());
    let json = ["events", "--since", "1h", "--until", "0s", "--filter", "event=die", "--format", "json"];
    let die: serde_json::Value = serde_json::from_str(scene.barque(&json).ok()).unwrap();
    assert_eq!((&die["Actor"]["ID"], &die["Actor"]["Attributes"]["exitCode"]), (&id.into(), &"5".into()));
    scene.barque(&["events", "--filter", "nothing=1"]).fails(1, &["invalid filter 'nothing'"]);
}

/// What happens after the command was started comes at once; `--until` ends it.
#[test]
fn events_are_followed() {
    let Some(scene) = Scene::new() else { return };
    let mut events = scene.lab.barque();
    events.args(["system", "events", "--until", "-4s", "--since", "0s", "--filter", "type=volume"]);
    let child = events.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(500));
    scene.barque(&["volume", "create", "data"]).ok();
    scene.barque(&["volume", "rm", "data"]).ok();
    let said = finish(child);
    let lines: Vec<&str> = said.ok().lines().collect();
    assert_eq!(lines.len(), 2, "{said:#?}");
    assert!(lines[0].contains(" volume create data (driver=local)"), "{said:#?}");
    assert!(lines[1].contains(" volume destroy data"), "{said:#?}");
}
