//! Coming and going: nothing is given twice, and nothing stays.

use std::os::fd::AsFd as _;

use barque_network::{Driver, Networks, detach, down, reap, up};

use crate::world::*;

#[test]
fn everything_goes_with_the_last_network() {
    if !require_root() {
        return;
    }
    let world = World::new();
    let networks =
        [world.network("one", &["10.1.0.0/24", "fd01::/64"]), world.network("two", &["10.2.0.0/24"])];
    let container = world.container("c", &networks[0], &["8080:80"]);
    let other = world.container("d", &networks[1], &["8081:80"]);
    assert!(sh("nft list map inet barque ports4").contains("tcp . 8080"));
    world.end("c", container);
    let left = sh("nft list map inet barque ports4");
    assert!(!left.contains("8080") && left.contains("8081"), "{left}");
    world.end("d", other);
    assert_eq!(world.networks.leases("one").list(), []);
    down(&world.networks, &networks[0]).unwrap();
    world.networks.remove("one").unwrap();
    assert!(!sh("nft list table inet barque").contains("10.1.0.0/24"), "the other network stays");
    down(&world.networks, &networks[1]).unwrap();
    world.assert_clean();
}

#[test]
fn what_the_dead_leave_is_taken_back() {
    if !require_root() {
        return;
    }
    let world = World::new();
    let network = world.network("net", &["10.1.0.0/30"]);
    let (place, attachment) = world.container("one", &network, &["8080:80"]);
    assert!(
        world.container_with("two", &network, &[], &[]).is_err(),
        "the subnet has one address for containers"
    );
    // Nobody tidies up: as after a SIGKILL of everything. The lease is of this process, so it is made to look like a
    // dead one's.
    drop((place, attachment));
    for file in ["networks/net/leases/10.1.0.2", "networks/.ports/tcp-8080-any"] {
        let path = world.root().join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        let start = text.find("\"start_time\":").unwrap();
        std::fs::write(&path, text.replacen(&text[start..start + 14], "\"start_time\":9", 1)).unwrap();
    }
    assert!(wait_until(|| !sh("ip -br link").contains("bqone0")));
    let next = world.container("two", &network, &["8080:80"]);
    assert_eq!(next.1.addresses[0].to_string(), "10.1.0.2");
    world.end("two", next);
    reap(&world.networks).unwrap();
    assert!(!sh("nft list map inet barque ports4").contains("8080"));
    down(&world.networks, &network).unwrap();
    world.assert_clean();
}

#[test]
fn a_port_has_one_owner() {
    if !require_root() {
        return;
    }
    let world = World::new();
    let network = world.network("net", &["10.1.0.0/24"]);
    let one = world.container("one", &network, &["8080:80"]);
    let refused = |ports: &[&str], words: &str| {
        let error = world.container_with("two", &network, ports, &[]).err().unwrap().to_string();
        assert!(error.contains(words), "{error}");
    };
    refused(&["8080:81"], "bind for 0.0.0.0:8080/tcp failed: port is already allocated, by container one");
    refused(&["127.0.0.1:8080:81"], "by container one");
    refused(&["8070:80", "10.9.0.7:8081:80"], "10.9.0.7 is not an address of this host");
    refused(&["[::1]:8082:80"], "no address of that family");
    assert_eq!(world.networks.leases("net").list().len(), 1, "a refused one leaves nothing");
    let taken = std::net::TcpListener::bind("0.0.0.0:8083").unwrap();
    refused(&["8083:80"], "port is already allocated, by a program of this host");
    assert!(std::net::UdpSocket::bind("0.0.0.0:8080").is_ok(), "another protocol");
    assert!(std::net::TcpListener::bind("10.9.0.1:8080").is_err(), "nobody takes a published port");
    drop(taken);
    let two = world.container("two", &network, &["8083:80", "80", "8080-8090:90"]);
    let ports: Vec<u16> = two.1.ports.iter().map(|port| port.host_port).collect();
    assert!(ports[0] == 8083 && ports[1] >= 49153 && ports[2] == 8081, "{ports:?}");
    world.end("one", one);
    world.end("two", two);
    assert_eq!(world.networks.ports().list(), []);
}

#[test]
fn many_commands_at_once_share_a_network() {
    if !require_root() {
        return;
    }
    let world = World::new();
    let network = world.network("net", &["10.1.0.0/24"]);
    let host = barque_sys::namespace::open(std::path::Path::new("/proc/thread-self/ns/net")).unwrap();
    let (root, host) = (world.root().to_owned(), &host);
    let one = |number: usize| {
        let id = format!("container{number:03}");
        let networks = Networks::new(&root);
        let wanted = barque_network::Wanted { container: &id, way_out: true, ..Default::default() };
        let attachment = barque_network::Attachment::prepare(&networks, &network, &wanted).unwrap();
        let place = Place::new();
        attachment.connect(&networks, place.namespace().as_fd(), place.pid()).unwrap();
        (place, attachment)
    };
    let mut addresses: Vec<String> = std::thread::scope(|scope| {
        let line = |first: usize| {
            move || {
                barque_sys::namespace::join(host, barque_sys::namespace::Namespaces::NETWORK).unwrap();
                (0..4).map(|number| one(first * 4 + number)).collect::<Vec<_>>()
            }
        };
        let lines: Vec<_> = (0..8).map(|first| scope.spawn(line(first))).collect();
        let all: Vec<_> = lines.into_iter().flat_map(|line| line.join().unwrap()).collect();
        assert_eq!(sh("bridge link").lines().count(), 32);
        all.iter().map(|(_, attachment)| attachment.addresses[0].to_string()).collect()
    });
    addresses.sort();
    addresses.dedup();
    assert_eq!(addresses.len(), 32);
    for number in 0..32 {
        let leases = [("net".to_owned(), addresses.iter().map(|text| text.parse().unwrap()).collect())];
        detach(&world.networks, &format!("container{number:03}"), &leases).unwrap();
    }
    assert_eq!(world.networks.leases("net").list(), []);
    assert!(wait_until(|| sh("bridge link").is_empty()));
    down(&world.networks, &network).unwrap();
    world.assert_clean();
}

#[test]
fn a_flushed_firewall_comes_back() {
    if !require_root() {
        return;
    }
    let world = World::new();
    let (one, two) = (world.network("one", &["10.1.0.0/24"]), world.network("two", &["10.2.0.0/24"]));
    let (container, _attachment) = world.container("c", &one, &["8080:80"]);
    let _second = world.container("d", &two, &[]);
    let _server = serve(&container, "tcp", 80);
    let before = sh("nft list table inet barque");
    sh("nft flush ruleset");
    assert!(refused_from(&world.outside, "tcp", HOST, 8080));
    up(&world.networks, &two).unwrap();
    assert_eq!(sh("nft list table inet barque"), before);
    assert_eq!(call_from(&world.outside, "tcp", HOST, 8080), format!("::ffff:{OUTSIDE}"));
}

#[test]
fn containers_on_a_device_of_the_host() {
    if !require_root() {
        return;
    }
    let world = World::new();
    for (name, driver) in [("mac", Driver::Macvlan), ("ip", Driver::Ipvlan)] {
        let network = world.network_with(name, &["10.9.0.0/24"], |definition| {
            definition.driver = driver;
            definition.bridge = String::new();
            definition.options.parent = Some("up0".to_owned());
            definition.pools[0].gateway = OUTSIDE.parse().unwrap();
            definition.pools[0].range = Some(barque_network::Subnet::parse("10.9.0.128/25").unwrap());
        });
        let container = match world.container_with(name, &network, &[], &[]) {
            Ok(container) => container,
            // Not every kernel has ipvlan; then that is said.
            Err(error) => {
                assert!(
                    driver == Driver::Ipvlan && error.cure().unwrap().contains("CONFIG_IPVLAN"),
                    "{error:?}"
                );
                detach(&world.networks, name, &[(name.to_owned(), vec!["10.9.0.128".parse().unwrap()])])
                    .unwrap();
                world.networks.remove(name).unwrap();
                continue;
            }
        };
        let server = serve(&world.outside, "tcp", 70);
        assert_eq!(call_from(&container.0, "tcp", OUTSIDE, 70), "::ffff:10.9.0.128", "{name}");
        drop(server);
        let refused = world.container_with("x", &network, &["80:80"], &[]).err().unwrap().to_string();
        assert!(refused.contains("reached by their own addresses"), "{refused}");
        world.end(name, container);
        world.networks.remove(name).unwrap();
    }
    world.assert_clean();
}

#[test]
fn somebody_elses_bridge_stays_as_it_is() {
    if !require_root() {
        return;
    }
    let world = World::new();
    sh("ip link add br1 type bridge; ip address add 192.168.1.10/24 dev br1; ip link set br1 up");
    let before = sh("ip address show br1; nft list ruleset");
    let network = world.network_with("byhand", &["192.168.1.0/24"], |definition| {
        definition.bridge = "br1".to_owned();
        definition.adopted = true;
        definition.pools[0].gateway = "192.168.1.10".parse().unwrap();
    });
    let wanted = ["192.168.1.11".parse().unwrap()];
    let container = world.container_with("c", &network, &["3033:3000"], &wanted).unwrap();
    let server = serve(&container.0, "tcp", 3000);
    assert_eq!(call_from(&world.outside, "tcp", HOST, 3033), format!("::ffff:{OUTSIDE}"));
    assert_eq!(call("tcp", HOST, 3033), format!("::ffff:{HOST}"));
    drop(server);
    world.end("c", container);
    assert!(wait_until(|| sh("bridge link").is_empty()));
    down(&world.networks, &network).unwrap();
    // A bridge without ports has no carrier; what it was given is all there.
    let words = |text: &str| text.split_whitespace().filter(|word| word.contains("192.168")).count();
    assert_eq!(words(&sh("ip address show br1; nft list ruleset")), words(&before));
    sh("ip link delete br1");
}
