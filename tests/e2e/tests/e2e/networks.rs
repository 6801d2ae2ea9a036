//! Networks: every test's host is a network namespace of its own.

use std::fs;

use barque_sys::namespace::{self, Namespaces};

use crate::lab::{Lab, Said, finish, require_root, said, wait_until};

/// A scene whose host is a new network namespace: this thread's, and so that of all it starts.
pub(crate) fn scene() -> Lab {
    namespace::unshare(Namespaces::NETWORK).unwrap();
    barque_sys::link::loopback_up().unwrap();
    // A new namespace has the machine's own value of it, which Docker may have set.
    fs::write("/proc/sys/net/ipv4/ip_forward", "0").unwrap();
    Lab::new()
}

fn network(lab: &Lab, words: &[&str]) -> Said {
    said(lab.barque().arg("network").args(words))
}

pub(crate) fn host(script: &str) -> String {
    let output = std::process::Command::new("sh").args(["-euc", script]).output().unwrap();
    assert!(output.status.success(), "{script}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn the_default_network_comes_with_its_first_container() {
    if !require_root() {
        return;
    }
    let lab = scene();
    let told = lab.sh(
        &["--network", "bridge", "--hostname", "me", "--add-host", "box:host-gateway"],
        "ip -4 address show eth0; ip route; cat /etc/hosts",
    );
    let text = told.ok();
    for part in [
        "inet 172.17.0.2/16",
        "default via 172.17.0.1 dev eth0",
        "172.17.0.2\tme",
        "172.17.0.1\thost.docker.internal host.containers.internal box",
    ] {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
    assert_eq!(host("ip -br link show type bridge | cut -d' ' -f1"), "barque0");
    let leases = lab.path("root/networks/bridge/leases");
    assert!(wait_until(|| fs::read_dir(&leases).unwrap().count() == 0), "the address is given back");
    network(&lab, &["prune"]).ok();
    assert_eq!(host("ip -br link show type bridge; nft list ruleset"), "");
    assert_eq!(host("cat /proc/sys/net/ipv4/ip_forward"), "0");
}

#[test]
fn a_published_port_is_reached_and_free_again_at_once() {
    if !require_root() {
        return;
    }
    let lab = scene();
    let flags = ["-p", "127.0.0.1:8080:80", "--ip", "172.17.0.9", "--mac-address", "02:42:00:00:00:07"];
    let root = format!("dir:{}", lab.rootfs().display());
    for _ in 0..2 {
        let script = "ip link show eth0 | grep -o 02:42:00:00:00:07; echo hello | nc -l -p 80";
        let mut command = lab.run_command(&flags, &root, &["sh", "-c", script]);
        let child = command
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut answer = String::new();
        assert!(wait_until(|| {
            answer = host("busybox nc 127.0.0.1 8080 </dev/null 2>/dev/null || true");
            !answer.is_empty()
        }));
        assert_eq!(answer, "hello");
        assert_eq!(finish(child).ok(), "02:42:00:00:00:07");
        assert!(!host("nft list map inet barque address_ports4").contains("8080"));
    }
    let taken = std::net::TcpListener::bind("0.0.0.0:8081").unwrap();
    lab.run(&["-p", "8081:80"], &["true"])
        .fails(125, &["port is already allocated", "a program of this host"]);
    drop(taken);
    lab.run(&["-p", "8081:80"], &["true"]).ok();
}

#[test]
fn networks_are_made_shown_and_removed() {
    if !require_root() {
        return;
    }
    let lab = scene();
    let create =
        ["create", "--subnet", "192.168.7.0/29", "--gateway", "192.168.7.3", "--label", "a=b", "mine"];
    assert_eq!(network(&lab, &create).ok().len(), 64);
    network(&lab, &create).fails(1, &["network with name mine already exists"]);
    network(&lab, &["create", "--subnet", "192.168.7.0/24", "other"])
        .fails(1, &["overlaps with network mine"]);
    network(&lab, &["create", "--subnet", "192.168.7.0", "other"]).fails(1, &["invalid subnet"]);
    network(&lab, &["create", "-d", "frob", "other"]).fails(1, &["network driver \"frob\" not found"]);
    let listed = network(&lab, &["ls", "--format", "{{.Name}} {{.Driver}}"]);
    assert_eq!(listed.ok(), "mine bridge");
    let told = lab.sh(&["--network", "mine"], "ip -4 -o address show eth0; ip route");
    assert!(
        told.ok().contains("192.168.7.1/29") && told.ok().contains("default via 192.168.7.3"),
        "{told:?}"
    );
    let shown: serde_json::Value = serde_json::from_str(network(&lab, &["inspect", "mine"]).ok()).unwrap();
    assert_eq!(shown[0]["IPAM"]["Config"][0]["Gateway"], "192.168.7.3");
    assert_eq!(shown[0]["Labels"]["a"], "b");

    let alone = || network(&lab, &["inspect", "-f", "{{json .Containers}}", "mine"]).ok() == "{}";
    assert!(wait_until(alone), "the address is given back");
    let root = format!("dir:{}", lab.rootfs().display());
    let mut command = lab.run_command(&["--network", "mine", "-i"], &root, &["cat"]);
    let pipes = [(); 2].map(|()| std::process::Stdio::piped());
    let [out, err] = pipes;
    let mut child = command.stdin(std::process::Stdio::piped()).stdout(out).stderr(err).spawn().unwrap();
    assert!(wait_until(|| !network(&lab, &["inspect", "-f", "{{json .Containers}}", "mine"])
        .ok()
        .contains("{}")));
    network(&lab, &["rm", "mine"]).fails(1, &["network mine has active endpoints"]);
    drop(child.stdin.take());
    finish(child).ok();
    assert!(wait_until(|| network(&lab, &["rm", "mine"]).code == 0));
    network(&lab, &["inspect", "mine"]).fails(1, &["network mine not found"]);
    assert_eq!(host("ip -br link show type bridge; nft list ruleset"), "");
}

#[test]
fn what_cannot_be_is_refused_and_leaves_nothing() {
    if !require_root() {
        return;
    }
    let lab = scene();
    for (flags, words) in [
        (&["--network", "frob"][..], "network frob not found"),
        (&["--network", "none", "-p", "80"], "conflicting options: --publish and --network none"),
        (&["-p", "80:80:80:80"], "invalid publish"),
        (&["--network", "bridge", "--ip", "10.0.0.1"], "10.0.0.1 is not in a subnet of network bridge"),
        (&["--network", "bridge", "--ip", "172.17.0.1"], "172.17.0.1 is not an address"),
        (&["--network", "bridge", "--mac-address", "x"], "invalid MAC address"),
        (&["--network", "container:x"], "No such container: x"),
    ] {
        lab.run(flags, &["true"]).fails(125, &[words]);
    }
    lab.run(&["--network", "bridge", "-p", "8080:80"], &["/no/such/program"])
        .fails(127, &["/no/such/program"]);
    let left = || lab.path("root/networks/bridge/leases").read_dir().unwrap().count();
    assert!(wait_until(|| left() == 0));
    assert!(!host("nft list map inet barque ports4").contains("8080"));
}

#[test]
fn explained_it_is_the_same_network() {
    if !require_root() {
        return;
    }
    let lab = scene();
    let picture = "ip -4 -o address show eth0 | sed 's/^[0-9]*//'; ip route; cat /sys/class/net/eth0/address";
    let flags = ["--network", "bridge", "-p", "8080:80"];
    let root = format!("dir:{}", lab.rootfs().display());
    let mut explain = lab.barque();
    explain.args(["explain", "--cgroup-parent", lab.cgroup_parent()]).args(flags);
    let script = said(explain.arg(&root).args(["sh", "-c", picture]));
    // The network is not there yet: the script makes it.
    let path = lab.file("script", script.ok());
    let typed = said(std::process::Command::new("sh").arg(path).stdin(std::process::Stdio::null()));
    assert!(typed.ok().contains("172.17.0.2/16"), "{typed:?}");
    let rules = host("nft list table inet barque");
    assert!(!rules.contains("8080"), "{rules}");
    host("ip link delete barque0; nft delete table inet barque; sysctl -qw net.ipv4.ip_forward=0");
    assert_eq!(lab.sh(&flags, picture).ok(), typed.ok());
    assert_eq!(host("nft list table inet barque"), rules);
}
