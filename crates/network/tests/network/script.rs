//! What is printed, typed: the same network.

use barque_network::{Attachment, Facts, Wanted, down, missing};

use crate::world::*;

/// Everything that can be compared, of a host and a container; without what the kernel numbers by itself.
fn picture(container: &Place) -> String {
    let addresses =
        "for family in 4 6; do ip -br -$family address; ip -$family route; done | sed 's/@if[0-9]*//'";
    let kind = "ip -d link show type veth | grep -o 'veth.*hairpin [a-z]*' || true";
    let host = sh(&format!(
        "{addresses}; {kind}; nft list ruleset; cat /proc/sys/net/ipv4/ip_forward \
         /proc/sys/net/ipv6/conf/all/forwarding /proc/sys/net/ipv4/conf/*/route_localnet"
    ));
    let inside = container.sh(&format!("{addresses}; ip -br link show eth0 | sed 's/@if[0-9]*//'"));
    // Link-local addresses that follow from random hardware addresses.
    let all = format!("{host}---\n{inside}");
    all.split(' ').filter(|word| !word.starts_with("fe80::")).collect::<Vec<_>>().join(" ")
}

#[test]
fn typed_by_hand_it_is_the_same_network() {
    if !require_root() {
        return;
    }
    let world = World::new();
    let network = world.network("net", &["10.1.0.0/24", "fd01::/64"]);
    let ports: Vec<_> = ["8080:80", "127.0.0.1:81:80/udp", "[fd09::1]:82:80"]
        .iter()
        .flat_map(|text| barque_network::parse_port(text).unwrap())
        .collect();
    let wanted = Wanted { container: "handmade", ports: &ports, way_out: true, ..Wanted::default() };
    assert!(!missing(&world.networks, &network, &Facts::read().unwrap()).unwrap().is_empty());
    let foreseen = Attachment::foresee(&world.networks, &network, &wanted).unwrap();
    let place = Place::new();
    for command in foreseen.commands() {
        let text = command.text.replace("$$", &place.pid().to_string());
        if command.inside {
            place.sh(&text)
        } else {
            sh(&text)
        };
    }
    wait_for_link_local(&place);
    let by_hand = picture(&place);
    assert!(
        by_hand.contains("tcp . 8080 : 10.1.0.2 . 80") && by_hand.contains("default via fd01::1"),
        "{by_hand}"
    );
    for command in foreseen.undo_commands() {
        sh(&command.text);
    }
    drop(place);
    assert!(wait_until(|| sh("bridge link").is_empty()));
    down(&world.networks, &network).unwrap();
    sh("sysctl -qw net/ipv4/ip_forward=0 net/ipv6/conf/all/forwarding=0");
    world.assert_clean();

    let container = world.container_with(
        "handmade",
        &network,
        &["8080:80", "127.0.0.1:81:80/udp", "[fd09::1]:82:80"],
        &[],
    );
    let (place, attachment) = container.unwrap();
    wait_for_link_local(&place);
    pretty(&by_hand, &picture(&place));
    world.end("handmade", (place, attachment));
    down(&world.networks, &network).unwrap();
    world.assert_clean();
}

/// The kernel gives those after it has looked for duplicates.
fn wait_for_link_local(place: &Place) {
    let done = "! ip -6 address | grep -q tentative && ip -6 address show eth0 | grep -q fe80";
    assert!(wait_until(|| place.command("sh").args(["-c", done]).status().unwrap().success()));
    assert!(wait_until(|| !sh("ip -6 address").contains("tentative")));
}

#[track_caller]
fn pretty(one: &str, two: &str) {
    for (left, right) in one.lines().zip(two.lines()) {
        assert_eq!(left, right, "\nby hand:\n{one}\nby barque:\n{two}");
    }
    assert_eq!(one.lines().count(), two.lines().count(), "\nby hand:\n{one}\nby barque:\n{two}");
}
