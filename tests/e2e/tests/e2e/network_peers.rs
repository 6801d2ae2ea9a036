//! Containers in the network of another one, and what containers are said to listen on.

use crate::lab::{Said, require_root, wait_until};
use crate::networks::scene;
use crate::scene::Scene;

/// A scene of containers on a host whose network namespace is new.
pub(crate) struct NetworkScene(Scene);

impl std::ops::Deref for NetworkScene {
    type Target = Scene;

    fn deref(&self) -> &Scene {
        &self.0
    }
}

impl NetworkScene {
    pub(crate) fn new() -> Option<Self> {
        require_root().then(|| Self(Scene { lab: scene() }))
    }

    /// Runs a script in a container.
    pub(crate) fn exec(&self, name: &str, script: &str) -> Said {
        self.barque(&["exec", name, "sh", "-c", script])
    }
}

#[test]
fn a_container_in_the_network_of_another() {
    let Some(scene) = NetworkScene::new() else { return };
    let flags =
        ["--network", "bridge", "--hostname", "webhost", "--add-host", "db:10.9.8.7", "-p", "8080:80"];
    let id = scene.obedient("web", &flags);
    let sight = "ip -4 -o address show eth0; hostname; cat /etc/hosts /etc/resolv.conf";
    let theirs = scene.exec("web", sight).ok().to_owned();
    for part in ["inet 172.17.0.2/16", "webhost", "10.9.8.7\tdb"] {
        assert!(theirs.contains(part), "{part:?} is not in {theirs}");
    }
    for peer in ["container:web", &format!("container:{}", &id[..12])] {
        assert_eq!(scene.lab.sh(&["--network", peer], sight).ok(), theirs, "{peer}");
    }
    let side =
        scene.run("side", &["-d", "--network", "container:web"], "echo hello | nc -l -p 80; sleep 100");
    let side = side.ok();
    assert_eq!(scene.inspect("side", "{{.HostConfig.NetworkMode}}"), format!("container:{id}"));
    assert_eq!(
        scene.lab.sh(&["--network", &format!("container:{side}")], sight).ok(),
        theirs,
        "through another"
    );
    let mut answer = String::new();
    assert!(wait_until(|| {
        answer = scene.exec("web", "nc 127.0.0.1 80 </dev/null").out;
        !answer.is_empty()
    }));
    assert_eq!(answer, "hello\n", "they share the loopback, too");
    // Another process, so another namespace: it is looked for at each start.
    scene.barque(&["stop", "-t", "0", "side"]).ok();
    scene.barque(&["stop", "web"]).ok();
    scene
        .barque(&["start", "side"])
        .fails(1, &["cannot join network namespace of a non running container: web"]);
    scene.barque(&["start", "web"]).ok();
    scene.barque(&["start", "side"]).ok();
    assert!(scene.exec("side", "ip -4 -o address show eth0").ok().contains("172.17.0"));
    assert_eq!(
        scene
            .lab
            .sh(
                &["--pid", "container:web"],
                "ps | grep -c 'sleep 0.05' >/dev/null; readlink /proc/self/ns/pid"
            )
            .ok(),
        scene.exec("web", "readlink /proc/self/ns/pid").ok(),
        "process ids"
    );
}

#[test]
fn exposed_ports_are_published_when_asked() {
    let Some(scene) = NetworkScene::new() else { return };
    let expose = ["--expose", "80", "--expose", "9000-9001/udp"];
    scene.obedient("web", &[&expose[..], &["-P", "-p", "127.0.0.1:8080:80"]].concat());
    let lines = scene.barque(&["port", "web"]).ok().to_owned();
    let expected =
        ["80/tcp -> 127.0.0.1:8080", "9000/udp -> 0.0.0.0:", "9000/udp -> [::]:", "9001/udp -> 0.0.0.0:"];
    for part in expected {
        assert!(lines.contains(part), "{part:?} is not in {lines}");
    }
    assert_eq!(lines.lines().count(), 5, "{lines}");
    assert_eq!(scene.barque(&["port", "web", "80"]).ok(), "127.0.0.1:8080");
    assert_eq!(scene.barque(&["port", "web", "80/tcp"]).ok(), "127.0.0.1:8080");
    scene.barque(&["port", "web", "81"]).fails(1, &["No public port '81/tcp' published for web"]);
    let chosen = scene.barque(&["port", "web", "9000/udp"]).ok().lines().next().unwrap().to_owned();
    let chosen: u16 = chosen.rsplit(':').next().unwrap().parse().unwrap();
    assert!(chosen >= 49153, "{chosen}");
    scene.obedient("quiet", &["--network", "bridge", "--expose", "80"]);
    assert_eq!(scene.barque(&["port", "quiet"]).ok(), "");
    assert_eq!(scene.inspect("quiet", "{{json .NetworkSettings.Ports}}"), r#"{"80/tcp":null}"#);
    assert_eq!(scene.inspect("quiet", "{{json .Config.ExposedPorts}}"), r#"{"80/tcp":{}}"#);
    assert!(scene.inspect("web", "{{json .NetworkSettings.Ports}}").contains(r#""HostPort":"8080""#));
}

#[test]
fn names_and_name_servers_of_the_flags() {
    let Some(scene) = NetworkScene::new() else { return };
    let flags = ["--add-host", "a=10.0.0.1", "--add-host", "b:[fd00::1]", "--add-host", "c:host-gateway"];
    let servers = ["--dns", "10.0.0.53", "--dns-search", "corp.example", "--dns-option", "ndots:2"];
    let told = scene
        .0
        .lab
        .sh(&[&["--network", "bridge"], &flags[..], &servers].concat(), "cat /etc/hosts /etc/resolv.conf");
    for line in [
        "10.0.0.1\ta",
        "fd00::1\tb",
        "172.17.0.1\thost.docker.internal host.containers.internal c",
        "nameserver 10.0.0.53",
        "search corp.example",
        "options ndots:2",
    ] {
        assert!(told.ok().lines().any(|one| one == line), "{line:?} is not in {told:?}");
    }
    let told = scene.lab.sh(&["--network", "host", "--add-host", "c:host-gateway"], "cat /etc/hosts");
    for line in ["127.0.0.1\thost.docker.internal host.containers.internal", "127.0.0.1\tc"] {
        assert!(told.ok().lines().any(|one| one == line), "{line:?} is not in {told:?}");
    }
}
