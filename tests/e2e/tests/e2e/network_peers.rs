//! Containers in the network of another one, and what containers are said to listen on.

use std::process::Stdio;

use crate::lab::{Lab, Said, require_root, said, wait_until};
use crate::networks::scene;

/// A scene whose containers are removed with it.
pub(crate) struct Scene(pub(crate) Lab);

impl Scene {
    pub(crate) fn new() -> Option<Self> {
        require_root().then(|| Self(scene()))
    }

    pub(crate) fn barque(&self, args: &[&str]) -> Said {
        said(self.0.barque().args(args).stdin(Stdio::null()))
    }

    /// `run -d` with a name and a script.
    pub(crate) fn run(&self, name: &str, flags: &[&str], script: &str) -> String {
        let root = format!("dir:{}", self.0.rootfs().display());
        let fixed = ["run", "-d", "--name", name, "--cgroup-parent", self.0.cgroup_parent()];
        self.barque(&[&fixed, flags, &[&root, "sh", "-c", script]].concat()).ok().to_owned()
    }

    pub(crate) fn exec(&self, name: &str, script: &str) -> Said {
        self.barque(&["exec", name, "sh", "-c", script])
    }

    pub(crate) fn inspect(&self, name: &str, template: &str) -> String {
        self.barque(&["container", "inspect", "-f", template, name]).ok().to_owned()
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
pub(crate) const OBEDIENT: &str = "trap 'exit 5' TERM; while :; do sleep 0.05; done";

#[test]
fn a_container_in_the_network_of_another() {
    let Some(scene) = Scene::new() else { return };
    let flags =
        ["--network", "bridge", "--hostname", "webhost", "--add-host", "db:10.9.8.7", "-p", "8080:80"];
    let id = scene.run("web", &flags, OBEDIENT);
    let sight = "ip -4 -o address show eth0; hostname; cat /etc/hosts /etc/resolv.conf";
    let theirs = scene.exec("web", sight).ok().to_owned();
    for part in ["inet 172.17.0.2/16", "webhost", "10.9.8.7\tdb"] {
        assert!(theirs.contains(part), "{part:?} is not in {theirs}");
    }
    for peer in ["container:web", &format!("container:{}", &id[..12])] {
        assert_eq!(scene.0.sh(&["--network", peer], sight).ok(), theirs, "{peer}");
    }
    let side = scene.run("side", &["--network", "container:web"], "echo hello | nc -l -p 80; sleep 100");
    assert_eq!(scene.inspect("side", "{{.HostConfig.NetworkMode}}"), format!("container:{id}"));
    assert_eq!(
        scene.0.sh(&["--network", &format!("container:{side}")], sight).ok(),
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
            .0
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
    let Some(scene) = Scene::new() else { return };
    let expose = ["--expose", "80", "--expose", "9000-9001/udp"];
    scene.run("web", &[&expose[..], &["-P", "-p", "127.0.0.1:8080:80"]].concat(), OBEDIENT);
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
    scene.run("quiet", &["--network", "bridge", "--expose", "80"], OBEDIENT);
    assert_eq!(scene.barque(&["port", "quiet"]).ok(), "");
    assert_eq!(scene.inspect("quiet", "{{json .NetworkSettings.Ports}}"), r#"{"80/tcp":null}"#);
    assert_eq!(scene.inspect("quiet", "{{json .Config.ExposedPorts}}"), r#"{"80/tcp":{}}"#);
    assert!(scene.inspect("web", "{{json .NetworkSettings.Ports}}").contains(r#""HostPort":"8080""#));
}

#[test]
fn names_and_name_servers_of_the_flags() {
    let Some(scene) = Scene::new() else { return };
    let flags = ["--add-host", "a=10.0.0.1", "--add-host", "b:[fd00::1]", "--add-host", "c:host-gateway"];
    let servers = ["--dns", "10.0.0.53", "--dns-search", "corp.example", "--dns-option", "ndots:2"];
    let told = scene
        .0
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
    let told = scene.0.sh(&["--network", "host", "--add-host", "c:host-gateway"], "cat /etc/hosts");
    for line in ["127.0.0.1\thost.docker.internal host.containers.internal", "127.0.0.1\tc"] {
        assert!(told.ok().lines().any(|one| one == line), "{line:?} is not in {told:?}");
    }
}
