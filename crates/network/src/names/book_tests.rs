//! Names of two networks, as one container sees them.

use super::*;
use crate::definition::{Definition, Driver};
use crate::facts::Facts;
use crate::subnet::Subnet;

fn network(networks: &Networks, name: &str, subnet: &str, internal: bool) {
    let mut definition = Definition::new(name, Driver::Bridge, 1).unwrap();
    definition.pools = vec![Pool::new(Subnet::parse(subnet).unwrap()).unwrap()];
    definition.internal = internal;
    networks.create(&definition, &Facts::default()).unwrap();
}

fn entry(container: &str, names: &[&str], addresses: &[&str]) -> Entry {
    Entry {
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        addresses: addresses.iter().map(|address| address.parse().unwrap()).collect(),
        owner: Owner::new(container, "", std::process::id().cast_signed()).unwrap(),
    }
}

/// What a book says to a question of a type.
fn told(book: &mut Book, name: &str, kind: u16) -> String {
    let mut packet = vec![0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        packet.push(u8::try_from(label.len()).unwrap());
        packet.extend(label.bytes());
    }
    packet.push(0);
    packet.extend([kind.to_be_bytes(), [0, 1]].concat());
    let message::Read::Query(query) = message::read(&packet) else { panic!("{packet:?}") };
    match book.answer(&query) {
        Answer::Forward => "forward".to_owned(),
        Answer::Reply(Code::Done, data) => {
            let one = |data: &Data| match data {
                Data::Address(address) => address.to_string(),
                Data::Name(name) => name.clone(),
            };
            data.iter().map(one).collect::<Vec<_>>().join(" ")
        }
        Answer::Reply(code, _) => format!("{code:?}"),
    }
}

#[test]
fn names_of_the_networks_it_is_in() {
    let directory = tempfile::tempdir().unwrap();
    let networks = Networks::new(directory.path());
    network(&networks, "front", "10.1.0.0/24", false);
    network(&networks, "back", "10.2.0.0/24", true);
    let mut book = Book::new(networks.clone(), "me");
    let write = |network: &str, entry: &Entry| networks.names(network).write(entry).unwrap();
    write("back", &entry("db", &["db", "DB-Main"], &["10.2.0.9", "fd02::9"]));
    assert_eq!(told(&mut book, "db", message::A), "NoSuchName", "it is in no network");
    write("front", &entry("me", &["me", "web"], &["10.1.0.2"]));
    for (name, kind, expected) in [
        ("db", message::A, "forward"),
        ("me", message::A, "10.1.0.2"),
        ("ME.Front", message::A, "10.1.0.2"),
        ("me.back", message::A, "forward"),
        ("me", message::AAAA, ""),
        ("me", 15, ""),
        ("2.0.1.10.in-addr.arpa", message::PTR, "me.front"),
        ("3.0.1.10.in-addr.arpa", message::PTR, "NoSuchName"),
        ("9.0.2.10.in-addr.arpa", message::PTR, "forward"),
        ("example.org", message::A, "forward"),
    ] {
        assert_eq!(told(&mut book, name, kind), expected, "{name} {kind}");
    }
    write("back", &entry("me", &["me", "inner"], &["10.2.0.2"]));
    // As `network connect` does: what is there changes, so that it is read again.
    write("front", &entry("me", &["me", "web"], &["10.1.0.2"]));
    assert_eq!(told(&mut book, "db-main", message::A), "10.2.0.9");
    assert_eq!(told(&mut book, "db-main", message::AAAA), "fd02::9");
    assert_eq!(told(&mut book, "9.0.2.10.in-addr.arpa", message::PTR), "db.back");
    assert_eq!(told(&mut book, "inner", message::A), "10.2.0.2");
    networks.names("front").remove("me").unwrap();
    assert_eq!(
        told(&mut book, "example.org", message::A),
        "NoSuchName",
        "nothing goes out of what is internal"
    );
}

#[test]
fn one_name_of_several_in_turn_and_never_of_the_dead() {
    let directory = tempfile::tempdir().unwrap();
    let networks = Networks::new(directory.path());
    network(&networks, "net", "10.1.0.0/24", false);
    let names = networks.names("net");
    for number in 1..=3 {
        let address = format!("10.1.0.{number}");
        names.write(&entry(&format!("c{number}"), &["web"], &[&address])).unwrap();
    }
    let mut book = Book::new(networks.clone(), "c1");
    let mut replies: Vec<_> = (0..3).map(|_| told(&mut book, "web", message::A)).collect();
    let first = |reply: &String| reply.split(' ').next().unwrap().to_owned();
    assert!(replies.iter().all(|reply| reply.split(' ').count() == 3), "{replies:?}");
    replies.sort_by_key(first);
    assert_eq!(replies.iter().map(first).collect::<Vec<_>>(), ["10.1.0.1", "10.1.0.2", "10.1.0.3"]);
    names.remove("c2").unwrap();
    assert!(!told(&mut book, "web", message::A).contains("10.1.0.2"));
    let mut dead = entry("c3", &["web"], &["10.1.0.3"]);
    dead.owner.start_time += 1;
    names.write(&dead).unwrap();
    assert_eq!(told(&mut book, "web", message::A), "10.1.0.1");
    names.reap(&|_| false).unwrap();
    assert!(names.read("c3").is_none() && names.read("c1").is_some());
}
