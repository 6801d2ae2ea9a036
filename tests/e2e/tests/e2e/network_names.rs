//! Containers that find each other by name.

use std::fs;

use crate::lab::wait_until;
use crate::network_peers::NetworkScene;

/// What a lookup of a name in a container comes to: the addresses, sorted.
fn found(scene: &NetworkScene, asker: &str, name: &str) -> Vec<String> {
    let said = scene.exec(asker, &format!("nslookup {name} 127.0.0.11 | sed '1,/^$/d'"));
    let address = |line: &str| line.strip_prefix("Address: ").map(str::to_owned);
    let mut all: Vec<_> = said.out.lines().filter_map(address).collect();
    all.sort();
    all
}

#[test]
fn by_name_id_and_alias_and_no_longer_than_they_are_there() {
    let Some(scene) = NetworkScene::new() else { return };
    scene.barque(&["network", "create", "--subnet", "10.81.0.0/24", "mine"]).ok();
    scene.barque(&["network", "create", "--subnet", "10.82.0.0/24", "other"]).ok();
    let servers = ["--dns", "127.0.0.1", "--dns-search", "corp.example"];
    let web =
        scene.obedient("web", &[&["--network", "mine", "--network-alias", "www"], &servers[..]].concat());
    scene.obedient("api", &["--network", "mine", "--network-alias", "www"]);
    scene.obedient("far", &["--network", "other"]);
    assert_eq!(
        scene.exec("web", "cat /etc/resolv.conf").ok().lines().collect::<Vec<_>>(),
        ["nameserver 127.0.0.11", "search corp.example", "options ndots:0"]
    );
    assert_eq!(found(&scene, "api", "web"), ["10.81.0.2"]);
    assert_eq!(found(&scene, "api", &web[..12]), ["10.81.0.2"]);
    assert_eq!(found(&scene, "api", "web.mine"), ["10.81.0.2"]);
    assert_eq!(found(&scene, "web", "www"), ["10.81.0.2", "10.81.0.3"]);
    assert_eq!(found(&scene, "web", "far"), [""; 0], "another network");
    assert!(scene.exec("web", "nslookup 10.81.0.3").ok().contains("api.mine"));
    assert!(
        scene.exec("web", "ping -c 1 -W 5 api").ok().contains("10.81.0.3"),
        "by the C library's resolver"
    );
    scene.barque(&["rename", "api", "backend"]).ok();
    assert_eq!(found(&scene, "web", "backend"), ["10.81.0.3"]);
    assert_eq!(found(&scene, "web", "api"), [""; 0]);
    scene.barque(&["stop", "backend"]).ok();
    assert_eq!(found(&scene, "web", "backend"), [""; 0]);
    assert_eq!(found(&scene, "web", "www"), ["10.81.0.2"]);
    scene.barque(&["start", "backend"]).ok();
    assert_eq!(found(&scene, "web", "backend").len(), 1);
    // A container whose monitor is killed is found as long as it runs.
    let pid = scene.inspect("backend", "{{.State.Pid}}");
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let parent = stat.rsplit(')').next().unwrap().split_whitespace().nth(1).unwrap().parse().ok();
    let kill = |pid: Option<i32>| {
        let pid = rustix::process::Pid::from_raw(pid.unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    };
    kill(parent);
    assert_eq!(found(&scene, "web", "backend").len(), 1);
    kill(pid.parse().ok());
    assert!(wait_until(|| found(&scene, "web", "backend").is_empty()));
    scene.barque(&["rm", "--force", "backend"]).ok();
    scene.barque(&["rm", "--force", "web"]).ok();
    let names = scene.lab.path("root/networks/mine/names");
    assert_eq!(fs::read_dir(names).unwrap().count(), 0);
}

#[test]
fn aliases_are_for_networks_that_people_make() {
    let Some(scene) = NetworkScene::new() else { return };
    let lab = &scene.lab;
    lab.run(&["--network", "bridge", "--network-alias", "a"], &["true"])
        .fails(125, &["network-scoped aliases are only supported for user-defined networks"]);
    scene.barque(&["network", "create", "mine"]).ok();
    lab.run(&["--network", "mine", "--network-alias", "a b"], &["true"]).fails(125, &["it is no name"]);
    // On the default network the host's name servers are asked, as with Docker.
    assert!(!lab.sh(&["--network", "bridge"], "cat /etc/resolv.conf").ok().contains("127.0.0.11"));
    let told = lab.sh(&["--network", "mine", "--dns-option", "ndots:3"], "cat /etc/resolv.conf");
    assert!(told.ok().contains("options ndots:3") && !told.ok().contains("ndots:0"), "{told:?}");
}
