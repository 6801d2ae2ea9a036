//! Containers in several networks, from their start or later.

use crate::lab::wait_until;
use crate::network_peers::NetworkScene;
use crate::networks::host;

fn networks(scene: &NetworkScene) {
    scene.barque(&["network", "create", "--subnet", "10.81.0.0/24", "front"]).ok();
    scene.barque(&["network", "create", "--subnet", "10.82.0.0/24", "back"]).ok();
    scene.barque(&["network", "create", "--subnet", "10.83.0.0/24", "--internal", "inner"]).ok();
}

/// Devices with their addresses, and the way out.
fn sight(scene: &NetworkScene, name: &str) -> Vec<String> {
    let script = "ip -4 -o address show | awk '$2 != \"lo\" {print $2, $4}'; ip route | grep default";
    scene.exec(name, script).out.lines().map(|line| line.trim().to_owned()).collect()
}

/// Whether a name is answered in a container with an address.
fn finds(scene: &NetworkScene, asker: &str, name: &str, address: &str) -> bool {
    scene.exec(asker, &format!("nslookup {name} 127.0.0.11")).out.contains(&format!("Address: {address}\n"))
}

#[test]
fn several_networks_from_the_start() {
    let Some(scene) = NetworkScene::new() else { return };
    networks(&scene);
    let first = "name=inner,alias=deep,ip=10.83.0.9,mac-address=02:42:00:00:00:09";
    let flags = ["--network", first, "--network", "back", "--network", "front", "-p", "127.0.0.1:8080:80"];
    scene.obedient("web", &[&flags[..], &["--dns", "127.0.0.1"]].concat());
    let expected =
        ["eth0 10.83.0.9/24", "eth1 10.82.0.2/24", "eth2 10.81.0.2/24", "default via 10.82.0.1 dev eth1"];
    assert_eq!(sight(&scene, "web"), expected, "the first that has a way out is the way out");
    assert_eq!(scene.exec("web", "cat /sys/class/net/eth0/address").ok(), "02:42:00:00:00:09");
    let hosts = scene.exec("web", "cat /etc/hosts").ok().to_owned();
    for address in ["10.81.0.2", "10.82.0.2", "10.83.0.9"] {
        assert!(hosts.contains(&format!("{address}\t")), "{hosts}");
        assert!(finds(&scene, "web", "web", address), "{address}");
    }
    assert!(
        finds(&scene, "web", "web.front", "10.81.0.2") && !finds(&scene, "web", "web.front", "10.82.0.2")
    );
    assert_eq!(
        scene.inspect("web", "{{range $n, $v := .NetworkSettings.Networks}}{{$n}}={{$v.IPAddress}}/{{$v.IPPrefixLen}},{{$v.Gateway}} {{end}}"),
        "back=10.82.0.2/24,10.82.0.1 front=10.81.0.2/24,10.81.0.1 inner=10.83.0.9/24,10.83.0.1 "
    );
    assert!(scene.inspect("web", "{{json .NetworkSettings.Networks.inner.Aliases}}").contains("deep"));
    scene.barque(&["rm", "--force", "web"]).ok();
    for network in ["front", "back", "inner"] {
        assert!(wait_until(|| scene.barque(&["network", "rm", network]).code == 0), "{network}");
    }
    let run = |flags: &[&str]| scene.lab.run(flags, &["true"]);
    run(&["--network", "bridge", "--network", "none"]).fails(125, &["conflicting options"]);
    run(&["--network", "bridge", "--network", "bridge"]).fails(125, &["network bridge is named twice"]);
    run(&["--network", "name=bridge,frob=1"]).fails(125, &["frob"]);
    run(&["--network", "name=bridge,ip=172.17.0.9", "--ip", "172.17.0.8"])
        .fails(125, &["conflicting options"]);
    run(&["--network", "bridge", "--network", "gone"]).fails(125, &["network gone not found"]);
    assert!(wait_until(|| std::fs::read_dir(scene.lab.path("root/networks/bridge/leases"))
        .map_or(0, Iterator::count)
        == 0));
}

#[test]
fn networks_come_and_go_while_it_runs() {
    let Some(scene) = NetworkScene::new() else { return };
    networks(&scene);
    scene.obedient("web", &["--network", "inner", "--dns", "127.0.0.1"]);
    scene.obedient("db", &["--network", "back", "--dns", "127.0.0.1"]);
    let connect = |words: &[&str]| scene.barque(&[&["network", "connect"], words].concat());
    let disconnect = |words: &[&str]| scene.barque(&[&["network", "disconnect"], words].concat());
    assert!(!finds(&scene, "db", "web", "10.82.0.9"));
    connect(&["--ip", "10.82.0.9", "--alias", "site", "back", "web"]).ok();
    assert_eq!(
        sight(&scene, "web"),
        ["eth0 10.83.0.2/24", "eth1 10.82.0.9/24", "default via 10.82.0.1 dev eth1"]
    );
    assert!(finds(&scene, "db", "site", "10.82.0.9") && finds(&scene, "db", "web", "10.82.0.9"));
    assert!(finds(&scene, "web", "db", "10.82.0.2"), "its own name server hears of the network");
    assert!(scene.exec("web", "cat /etc/hosts").ok().contains("10.82.0.9\t"));
    scene.exec("web", "ping -c 1 -W 5 10.82.0.2").ok();
    connect(&["back", "web"]).fails(1, &["endpoint with name web already exists in network back"]);
    connect(&["--ip", "10.99.0.1", "front", "web"])
        .fails(1, &["10.99.0.1 is not in a subnet of network front"]);
    connect(&["front", "web"]).ok();
    assert_eq!(
        scene.inspect("web", "{{range $n, $v := .NetworkSettings.Networks}}{{$n}}={{$v.IPAddress}} {{end}}"),
        "back=10.82.0.9 front=10.81.0.2 inner=10.83.0.2 "
    );
    // The way out goes: another one is found.
    disconnect(&["back", "web"]).ok();
    assert_eq!(
        sight(&scene, "web"),
        ["eth0 10.83.0.2/24", "eth2 10.81.0.2/24", "default via 10.81.0.1 dev eth2"]
    );
    assert!(!finds(&scene, "db", "site", "10.82.0.9"));
    assert!(!scene.exec("web", "cat /etc/hosts").ok().contains("10.82.0.9"));
    disconnect(&["back", "web"]).fails(1, &["container web is not connected to network back"]);
    disconnect(&["--force", "back", "nobody"]).ok();
    // What was connected later is there after the next start, and gone with the container.
    scene.barque(&["restart", "web"]).ok();
    let now = sight(&scene, "web");
    assert!(now.iter().any(|line| line.starts_with("eth0 10.83.0.")), "{now:?}");
    assert!(now.iter().any(|line| line.starts_with("eth1 10.81.0.")), "{now:?}");
    scene.barque(&["stop", "web"]).ok();
    connect(&["back", "web"]).ok();
    disconnect(&["inner", "web"]).ok();
    scene.barque(&["start", "web"]).ok();
    assert_eq!(sight(&scene, "web").len(), 3);
    scene.barque(&["rm", "--force", "web"]).ok();
    for network in ["front", "inner"] {
        assert!(wait_until(|| scene.barque(&["network", "rm", network]).code == 0), "{network}");
    }
}

#[test]
fn without_a_network_and_in_anothers() {
    let Some(scene) = NetworkScene::new() else { return };
    networks(&scene);
    scene.obedient("bare", &["--network", "none"]);
    scene.barque(&["network", "connect", "front", "bare"]).ok();
    assert_eq!(sight(&scene, "bare"), ["eth0 10.81.0.2/24", "default via 10.81.0.1 dev eth0"]);
    scene.barque(&["network", "disconnect", "front", "bare"]).ok();
    assert_eq!(sight(&scene, "bare"), [""; 0]);
    assert_eq!(scene.inspect("bare", "{{.HostConfig.NetworkMode}}"), "none");
    scene.obedient("guest", &["--network", "container:bare"]);
    scene.barque(&["network", "connect", "front", "guest"]).fails(
        1,
        &["container sharing network namespace with another container or host cannot be connected"],
    );
}

#[test]
fn rules_come_back_after_a_flush() {
    let Some(scene) = NetworkScene::new() else { return };
    scene.barque(&["network", "reload"]).ok();
    networks(&scene);
    scene.obedient("web", &["--network", "front", "--network", "inner", "-p", "127.0.0.1:8080:80"]);
    assert_eq!(scene.barque(&["ps", "--format", "{{.Networks}}"]).ok(), "front,inner");
    assert_eq!(scene.barque(&["ps", "-q", "--filter", "network=inner"]).ok().lines().count(), 1);
    assert_eq!(scene.barque(&["ps", "-q", "--filter", "network=back"]).ok(), "");
    // The elements of a set have no order.
    let rules = || host("nft list table inet barque | tr -s ' ,\t' '\n' | sort");
    let before = rules();
    assert!(before.contains("8080"), "{before}");
    for sabotage in ["nft flush ruleset", "nft flush map inet barque address_ports4", "true"] {
        host(sabotage);
        scene.barque(&["network", "reload"]).ok();
        assert_eq!(rules(), before, "{sabotage}");
    }
}
