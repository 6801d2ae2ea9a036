//! Who reaches whom, and with which source address.

use crate::world::*;

#[test]
fn out_and_back_in_both_families() {
    if !require_root() {
        return;
    }
    let world = World::new();
    let network = world.network("net", &["10.1.0.0/24", "fd01::/64"]);
    let container = world.container("one", &network, &["8080:80", "8080:80/udp"]);
    let _servers = [serve(&container.0, "tcp", 80), serve(&container.0, "udp", 80)];
    let _outside = serve(&world.outside, "tcp", 70);
    // Out: the outside sees the host.
    assert_eq!(call_from(&container.0, "tcp", OUTSIDE, 70), format!("::ffff:{HOST}"));
    assert_eq!(call_from(&container.0, "tcp", OUTSIDE6, 70), HOST6);
    for kind in ["tcp", "udp"] {
        // In: the container sees the outside.
        assert_eq!(call_from(&world.outside, kind, HOST, 8080), format!("::ffff:{OUTSIDE}"), "{kind}");
        assert_eq!(call_from(&world.outside, kind, HOST6, 8080), OUTSIDE6, "{kind}");
        // The host calls itself, by its own address, the bridge's, and the loopback's.
        assert_eq!(call(kind, HOST, 8080), format!("::ffff:{HOST}"), "{kind}");
        assert_eq!(call(kind, HOST6, 8080), HOST6, "{kind}");
        assert_eq!(call(kind, "127.0.0.1", 8080), "::ffff:10.1.0.1", "{kind}");
        assert_eq!(call(kind, "10.1.0.1", 8080), "::ffff:10.1.0.1", "{kind}");
        // The container calls its own published port.
        assert_eq!(call_from(&container.0, kind, HOST, 8080), "::ffff:10.1.0.1", "{kind}");
        assert_eq!(call_from(&container.0, kind, HOST6, 8080), "fd01::1", "{kind}");
    }
    // What is not published is not reached, even by who knows the address.
    world.outside.sh(&format!("ip route add 10.1.0.0/24 via {HOST}"));
    assert!(refused_from(&world.outside, "tcp", "10.1.0.2", 80));
    assert_eq!(call("tcp", "10.1.0.2", 80), "::ffff:10.1.0.1");
}

#[test]
fn networks_are_kept_apart() {
    if !require_root() {
        return;
    }
    let world = World::new();
    let (one, two) = (world.network("one", &["10.1.0.0/24"]), world.network("two", &["10.2.0.0/24"]));
    let inner = world.network_with("inner", &["10.3.0.0/24"], |definition| definition.internal = true);
    let a = world.container("a", &one, &["8080:80"]);
    let b = world.container("b", &one, &[]);
    let c = world.container("c", &two, &[]);
    let d = world.container("d", &inner, &[]);
    let e = world.container("e", &inner, &[]);
    let _servers = [&a, &d].map(|place| serve(&place.0, "tcp", 80));
    let _outside = serve(&world.outside, "tcp", 70);
    assert_eq!(call_from(&b.0, "tcp", "10.1.0.2", 80), "::ffff:10.1.0.3", "neighbours");
    assert!(refused_from(&c.0, "tcp", "10.1.0.2", 80), "another network");
    assert_eq!(call_from(&c.0, "tcp", HOST, 8080), "::ffff:10.1.0.1", "by a published port");
    assert_eq!(call_from(&b.0, "tcp", HOST, 8080), "::ffff:10.1.0.1", "a neighbour by a published port");
    assert_eq!(call_from(&e.0, "tcp", "10.3.0.2", 80), "::ffff:10.3.0.3", "inside of the internal one");
    assert!(refused_from(&e.0, "tcp", OUTSIDE, 70), "internal");
    e.0.sh("ip route add default via 10.3.0.1");
    assert!(refused_from(&e.0, "tcp", OUTSIDE, 70), "internal, with a route");
    assert!(refused_from(&e.0, "tcp", "10.1.0.2", 80), "internal, to another network");
    assert!(refused_from(&c.0, "tcp", "10.3.0.2", 80), "into the internal one");
}

#[test]
fn the_hosts_loopback_is_its_own() {
    if !require_root() {
        return;
    }
    let world = World::new();
    let network = world.network("net", &["10.1.0.0/24"]);
    let (container, _attachment) = world.container("one", &network, &["127.0.0.1:8080:80"]);
    let _server = serve(&container, "tcp", 80);
    assert_eq!(call("tcp", "127.0.0.1", 8080), "::ffff:10.1.0.1");
    assert!(refused_from(&world.outside, "tcp", HOST, 8080), "published on the loopback only");
    // A container that routes 127.0.0.1 to the host must not reach what listens there (CVE-2020-8558).
    let mut listener = std::process::Command::new("python3")
        .args(["-m", "http.server", "--bind", "127.0.0.1", "8099"])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let works = |place: Option<&Place>| {
        let fetch = "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8099/', timeout=1)";
        let command =
            place.map_or_else(|| std::process::Command::new("python3"), |place| place.command("python3"));
        let mut command = command;
        command.args(["-c", fetch]).stderr(std::process::Stdio::null()).status().unwrap().success()
    };
    assert!(wait_until(|| works(None)), "the test's own server");
    container.sh("sysctl -qw net/ipv4/conf/eth0/route_localnet=1; ip address del 127.0.0.1/8 dev lo; ip route add 127.0.0.1 via 10.1.0.1 dev eth0");
    let reached = works(Some(&container));
    listener.kill().unwrap();
    listener.wait().unwrap();
    assert!(!reached);
}
