//! Plans as they would be typed.

use std::fmt::Write as _;

use super::*;
use crate::port::Protocol;
use crate::{Definition, Driver, Facts, Owner, Pool, Published, Subnet};

fn definition(driver: Driver, subnets: &[&str]) -> Definition {
    let mut definition = Definition::new("net", driver, 0).unwrap();
    definition.bridge = if driver == Driver::Bridge { "br7".to_owned() } else { String::new() };
    definition.pools = subnets.iter().map(|text| Pool::new(Subnet::parse(text).unwrap()).unwrap()).collect();
    definition
}

fn shown(ops: &[Op]) -> String {
    let mut text = String::new();
    for command in ops.iter().flat_map(Op::commands) {
        let side = if command.inside { "container" } else { "host" };
        let first = command.text.lines().next().unwrap_or_default();
        writeln!(text, "{side:>9}: {first}").unwrap();
    }
    let undo = ops.iter().rev().flat_map(Op::undo_commands);
    undo.for_each(|command| writeln!(text, "     undo: {}", command.text).unwrap());
    text
}

fn published(port: u16, host: Option<&str>, to: &[&str]) -> Published {
    Published {
        host_address: host.map(|text| text.parse().unwrap()),
        host_port: port,
        protocol: Protocol::Tcp,
        to: to.iter().map(|text| text.parse().unwrap()).collect(),
        container_port: 80,
        owner: Owner::new("c", "bqc0", 1).unwrap(),
    }
}

#[test]
fn a_network_of_both_families_on_a_bare_host() {
    let facts = Facts { hears_routers: vec!["up0".to_owned()], ..Facts::default() };
    insta::assert_snapshot!(shown(&network(&definition(Driver::Bridge, &["10.1.0.0/24", "fd01::/64"]), &facts)), @r#"
         host: sysctl -qw net/ipv4/ip_forward=1
         host: sysctl -qw net/ipv6/conf/up0/accept_ra=2
         host: sysctl -qw net/ipv6/conf/all/forwarding=1
         host: ip link add br7 address 02:42:0a:01:00:01 type bridge
         host: ip address add 10.1.0.1/24 broadcast + dev br7
         host: sysctl -qw net/ipv4/conf/br7/route_localnet=1
         host: ip address add fd01::1/64 nodad dev br7
         host: nft 'table inet barque {
         host: nft 'add element inet barque bridges { "br7" }'
         host: nft 'add element inet barque same { "br7" . "br7" }'
         host: nft 'add element inet barque masquerade4 { 10.1.0.0/24 }'
         host: nft 'add element inet barque masquerade6 { fd01::/64 }'
         host: ip link set br7 up
         undo: nft 'delete element inet barque masquerade6 { fd01::/64 }'
         undo: nft 'delete element inet barque masquerade4 { 10.1.0.0/24 }'
         undo: nft 'delete element inet barque same { "br7" . "br7" }'
         undo: nft 'delete element inet barque bridges { "br7" }'
         undo: nft 'delete table inet barque'
         undo: ip link delete br7
    "#);
}

#[test]
fn what_is_there_is_not_made_again() {
    let facts = Facts { forwards: (true, true), table: true, ..Facts::default() };
    let internal = Definition { internal: true, ..definition(Driver::Bridge, &["10.1.0.0/24"]) };
    insta::assert_snapshot!(shown(&network(&internal, &Facts { forwards: (false, false), ..facts.clone() })), @r#"
         host: ip link add br7 address 02:42:0a:01:00:01 type bridge
         host: ip address add 10.1.0.1/24 broadcast + dev br7
         host: nft 'add element inet barque bridges { "br7" }'
         host: nft 'add element inet barque same { "br7" . "br7" }'
         host: nft 'add element inet barque internal { "br7" }'
         host: ip link set br7 up
         undo: nft 'delete element inet barque internal { "br7" }'
         undo: nft 'delete element inet barque same { "br7" . "br7" }'
         undo: nft 'delete element inet barque bridges { "br7" }'
         undo: ip link delete br7
    "#);
    let adopted = Definition { adopted: true, ..definition(Driver::Bridge, &["10.1.0.0/24"]) };
    assert_eq!(network(&adopted, &facts), []);
    assert_eq!(network(&definition(Driver::Macvlan, &["10.1.0.0/24"]), &Facts::default()), []);
}

#[test]
fn a_container_with_a_port() {
    let definition = definition(Driver::Bridge, &["10.1.0.0/24", "fd01::/64"]);
    let ports = [
        published(8080, None, &["10.1.0.2", "fd01::2"]),
        published(81, Some("127.0.0.1"), &["10.1.0.2", "fd01::2"]),
        published(82, Some("::"), &["10.1.0.2", "fd01::2"]),
    ];
    let place = Endpoint {
        host: "bqc0",
        number: 0,
        addresses: &["10.1.0.2".parse().unwrap(), "fd01::2".parse().unwrap()],
        mac: None,
        ports: &ports,
        way_out: true,
        filters_bridged: true,
    };
    insta::assert_snapshot!(shown(&endpoint(&definition, &place)), @r"
         host: ip link add bqc0 type veth peer name eth0 address 02:42:0a:01:00:02 netns $$
         host: ip link set bqc0 master br7 up
         host: bridge link set dev bqc0 hairpin on
    container: ip link set eth0 up
    container: ip address add 10.1.0.2/24 broadcast + dev eth0
    container: ip address add fd01::2/64 nodad dev eth0
    container: ip route add default via 10.1.0.1 dev eth0 proto static
    container: ip -6 route add default via fd01::1 dev eth0 proto static
         host: nft 'add element inet barque ports4 { tcp . 8080 : 10.1.0.2 . 80 }'
         host: nft 'add element inet barque ports6 { tcp . 8080 : fd01::2 . 80 }'
         host: nft 'add element inet barque address_ports4 { 127.0.0.1 . tcp . 81 : 10.1.0.2 . 80 }'
         host: nft 'add element inet barque ports6 { tcp . 82 : fd01::2 . 80 }'
         undo: nft 'delete element inet barque ports6 { tcp . 82 }'
         undo: nft 'delete element inet barque address_ports4 { 127.0.0.1 . tcp . 81 }'
         undo: nft 'delete element inet barque ports6 { tcp . 8080 }'
         undo: nft 'delete element inet barque ports4 { tcp . 8080 }'
    ");
}

#[test]
fn a_container_on_a_device_of_the_host() {
    let mut definition = definition(Driver::Macvlan, &["10.1.0.0/24"]);
    definition.options.parent = Some("up0".to_owned());
    definition.options.mtu = Some(1400);
    let address = ["10.1.0.9".parse().unwrap()];
    let place = Endpoint {
        host: "",
        number: 1,
        addresses: &address,
        mac: None,
        ports: &[],
        way_out: false,
        filters_bridged: false,
    };
    insta::assert_snapshot!(shown(&endpoint(&definition, &place)), @r"
         host: ip link add link up0 name eth1 address 02:42:0a:01:00:09 mtu 1400 netns $$ type macvlan mode bridge
    container: ip link set eth1 up
    container: ip address add 10.1.0.9/24 broadcast + dev eth1
    ");
}
