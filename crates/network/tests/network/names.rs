//! Name servers of containers, asked as their programs ask.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, TcpStream, UdpSocket};
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use barque_network::{Attachment, Definition, NAME_SERVER, NameServer, Wanted};
use barque_sys::namespace::{self, Namespaces};

use crate::world::*;

const A: u16 = 1;
const PTR: u16 = 12;
const AAAA: u16 = 28;

/// A container with a name server, which a thread of the host serves.
struct Named {
    container: (Place, Attachment),
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Named {
    fn new(world: &World, network: &Definition, id: &str, names: &[&str], servers: &[&str]) -> Self {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let wanted = Wanted { container: id, names: &names, ..Wanted::default() };
        let attachment = Attachment::prepare(&world.networks, network, &wanted).unwrap();
        let place = Place::new();
        attachment.connect(&world.networks, place.namespace().as_fd(), place.pid()).unwrap();
        let servers: Vec<IpAddr> = servers.iter().map(|text| text.parse().unwrap()).collect();
        let mut server = NameServer::open(&world.networks, id, place.namespace().as_fd(), &servers).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            let patience = rustix::event::Timespec { tv_sec: 0, tv_nsec: 20_000_000 };
            while !stopped.load(Ordering::Relaxed) {
                let mut interests = server.interests();
                rustix::event::poll(&mut interests, Some(&patience)).unwrap();
                let ready: Vec<bool> = interests.iter().map(|fd| !fd.revents().is_empty()).collect();
                drop(interests);
                server.serve(&ready);
            }
        });
        Self { container: (place, attachment), stop, thread: Some(thread) }
    }

    fn address(&self) -> String {
        self.container.1.addresses[0].to_string()
    }

    /// Does something in its network namespace.
    fn inside<T: Send>(&self, act: impl FnOnce() -> T + Send) -> T {
        let namespace = self.container.0.namespace();
        let enter = move || {
            namespace::join(&namespace, Namespaces::NETWORK).unwrap();
            act()
        };
        std::thread::scope(|scope| scope.spawn(enter).join().unwrap())
    }

    /// The reply to a packet by UDP; nothing when there is none.
    fn datagram(&self, packet: &[u8]) -> Vec<u8> {
        self.inside(|| {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
            socket.send_to(packet, (NAME_SERVER, 53)).unwrap();
            let mut buffer = [0; 65535];
            let length = socket.recv(&mut buffer).unwrap_or(0);
            buffer[..length].to_vec()
        })
    }

    fn asks(&self, name: &str, kind: u16) -> String {
        shown(&self.datagram(&question(name, kind)))
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let ended = self.thread.take().map(std::thread::JoinHandle::join);
        assert!(
            ended.is_none_or(|ended| ended.is_ok()) || std::thread::panicking(),
            "the server has panicked"
        );
    }
}

fn question(name: &str, kind: u16) -> Vec<u8> {
    let mut packet = vec![0xab, 0xcd, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        packet.push(u8::try_from(label.len()).unwrap());
        packet.extend(label.bytes());
    }
    packet.push(0);
    packet.extend([kind.to_be_bytes(), [0, 1]].concat());
    packet
}

/// The code of a reply and its records: addresses, or the bytes of other data.
fn shown(reply: &[u8]) -> String {
    if reply.len() < 12 {
        return "none".to_owned();
    }
    assert_eq!(&reply[..2], [0xab, 0xcd], "the id");
    assert!(reply[2] & 0x80 != 0, "a reply");
    let count = u16::from_be_bytes([reply[6], reply[7]]);
    let mut text = format!("{}:", reply[3] & 0xf);
    let mut at = 12;
    while reply.get(at).is_some_and(|length| *length != 0) {
        at += usize::from(reply[at]) + 1;
    }
    at += 5;
    for _ in 0..count {
        let length = usize::from(u16::from_be_bytes([reply[at + 10], reply[at + 11]]));
        let data = &reply[at + 12..at + 12 + length];
        text.push(' ');
        text.push_str(&match data.len() {
            4 => IpAddr::from(<[u8; 4]>::try_from(data).unwrap()).to_string(),
            16 => IpAddr::from(<[u8; 16]>::try_from(data).unwrap()).to_string(),
            _ => String::from_utf8_lossy(data).into_owned(),
        });
        at += 12 + length;
    }
    text
}

/// A name server of the outside world on an address of this host: it says 192.0.2.N to everything, N the length of the
/// question, or refuses.
fn outside(address: &str, refuses: bool) {
    let socket = UdpSocket::bind((address, 53)).unwrap();
    let listener = std::net::TcpListener::bind((address, 53)).unwrap();
    let answer = move |packet: &[u8]| {
        let mut reply = packet.to_vec();
        reply[2] |= 0x80;
        if refuses {
            reply[3] |= 5;
            return reply;
        }
        reply[7] = 1;
        reply.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 192, 0, 2]);
        reply.push(u8::try_from(packet.len()).unwrap());
        reply
    };
    std::thread::spawn(move || {
        let mut buffer = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            let reply = answer(&buffer[..length]);
            // What somebody else might send before.
            let mut false_one = reply.clone();
            false_one[0] ^= 1;
            socket.send_to(&false_one, from).unwrap();
            socket.send_to(&reply, from).unwrap();
        }
    });
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut length = [0; 2];
            stream.read_exact(&mut length).unwrap();
            let mut packet = vec![0; usize::from(u16::from_be_bytes(length))];
            stream.read_exact(&mut packet).unwrap();
            let reply = answer(&packet);
            stream.write_all(&u16::try_from(reply.len()).unwrap().to_be_bytes()).unwrap();
            stream.write_all(&reply).unwrap();
        }
    });
}

/// Questions by one connection, written in pieces; the replies to all of them.
fn by_connection(named: &Named, packets: &[Vec<u8>]) -> Vec<String> {
    named.inside(|| {
        let mut stream = TcpStream::connect((NAME_SERVER, 53)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(8))).unwrap();
        let all: Vec<u8> = packets
            .iter()
            .flat_map(|packet| [&u16::try_from(packet.len()).unwrap().to_be_bytes()[..], packet].concat())
            .collect();
        for piece in all.chunks(7) {
            stream.write_all(piece).unwrap();
            std::thread::sleep(Duration::from_millis(1));
        }
        let reply = |_| {
            let mut length = [0; 2];
            stream.read_exact(&mut length).unwrap();
            let mut bytes = vec![0; usize::from(u16::from_be_bytes(length))];
            stream.read_exact(&mut bytes).unwrap();
            shown(&bytes)
        };
        packets.iter().map(reply).collect()
    })
}

#[test]
fn containers_find_each_other() {
    if !require_root() {
        return;
    }
    let world = World::new();
    let front = world.network("front", &["10.1.0.0/24", "fd01::/64"]);
    let back = world.network("back", &["10.2.0.0/24"]);
    let web = Named::new(&world, &front, "aaaaaaaaaaaa1", &["web", "aaaaaaaaaaaa", "www"], &["127.0.0.1"]);
    let api = Named::new(&world, &front, "bbbbbbbbbbbb1", &["api", "www"], &["127.0.0.1"]);
    let db = Named::new(&world, &back, "cccccccccccc1", &["db"], &["127.0.0.1"]);
    outside("127.0.0.1", false);
    for asker in [&web, &api] {
        assert_eq!(asker.asks("web", A), "0: 10.1.0.2");
        assert_eq!(asker.asks("WEB.front", A), "0: 10.1.0.2");
        assert_eq!(asker.asks("aaaaaaaaaaaa", A), "0: 10.1.0.2");
        assert_eq!(asker.asks("web", AAAA), "0: fd01::2");
        assert_eq!(asker.asks("2.0.1.10.in-addr.arpa", PTR), "0: \u{3}web\u{5}front\0");
        assert_eq!(asker.asks("9.0.1.10.in-addr.arpa", PTR), "3:");
    }
    let mut both: Vec<_> = (0..2).map(|_| web.asks("www", A)).collect();
    both.sort();
    assert_eq!(both, ["0: 10.1.0.2 10.1.0.3", "0: 10.1.0.3 10.1.0.2"], "in turn");
    // What is in another network is asked of the outside.
    assert_eq!(web.asks("db", A), "0: 192.0.2.20");
    assert_eq!(db.asks("db", A), "0: 10.2.0.2");
    assert_eq!(db.asks("db", AAAA), "0:");
    let replies = by_connection(&web, &[question("api", A), question("example.org", A), question("web", A)]);
    let mut expected = vec!["0: 10.1.0.2", "0: 10.1.0.3", "0: 192.0.2.29"];
    expected.sort_unstable();
    let mut sorted = replies.clone();
    sorted.sort();
    assert_eq!(sorted, expected, "in one connection");
    // Gone at once, for everybody.
    barque_network::forget_names(&world.networks, "bbbbbbbbbbbb1", "front").unwrap();
    assert_eq!(web.asks("www", A), "0: 10.1.0.2");
    assert_eq!(web.asks("api", A), "0: 192.0.2.21");
    barque_network::rename(&world.networks, "aaaaaaaaaaaa1", "web", "site").unwrap();
    assert_eq!(web.asks("site", A), "0: 10.1.0.2");
    assert_eq!(web.asks("web", A), "0: 192.0.2.21");
    assert_eq!(web.address(), "10.1.0.2");
}

#[test]
fn one_name_server_after_the_other_and_none() {
    if !require_root() {
        return;
    }
    let world = World::new();
    let network = world.network("net", &["10.1.0.0/24"]);
    let closed = world.network_with("closed", &["10.2.0.0/24"], |definition| definition.internal = true);
    outside("127.0.0.2", true);
    outside("127.0.0.3", false);
    // Nobody listens at the first, the second refuses.
    let servers = ["127.0.0.9", "127.0.0.2", "127.0.0.3"];
    let one = Named::new(&world, &network, "one", &["one"], &servers);
    assert_eq!(one.asks("example.org", A), "0: 192.0.2.29");
    assert_eq!(by_connection(&one, &[question("example.org", A)]), ["0: 192.0.2.29"]);
    let two = Named::new(&world, &network, "two", &["two"], &["127.0.0.9"]);
    assert_eq!(two.asks("example.org", A), "2:", "no server");
    let three = Named::new(&world, &network, "three", &["three"], &["127.0.0.2"]);
    assert_eq!(three.asks("example.org", A), "5:", "the last word");
    // One that says nothing has its time; meanwhile others are answered.
    let mute = UdpSocket::bind("127.0.0.4:53").unwrap();
    let four = Named::new(&world, &network, "four", &["four"], &["127.0.0.4", "127.0.0.3"]);
    let waiting = std::thread::scope(|scope| {
        let slow = scope.spawn(|| four.asks("example.org", A));
        std::thread::sleep(Duration::from_millis(100));
        let began = std::time::Instant::now();
        assert_eq!(four.asks("two", A), "0: 10.1.0.3");
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
        slow.join().unwrap()
    });
    assert_eq!(waiting, "0: 192.0.2.29");
    drop(mute);
    let inner = Named::new(&world, &closed, "inner", &["inner"], &["127.0.0.3"]);
    assert_eq!(inner.asks("example.org", A), "3:", "nothing leaves an internal network");
    assert_eq!(inner.asks("inner", A), "0: 10.2.0.2");
}

#[test]
fn nothing_that_is_sent_ends_a_name_server() {
    if !require_root() {
        return;
    }
    let world = World::new();
    let network = world.network("net", &["10.1.0.0/24"]);
    let one = Named::new(&world, &network, "one", &["one"], &["127.0.0.9"]);
    let good = question("one", A);
    one.inside(|| {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect((NAME_SERVER, 53)).unwrap();
        for at in 0..good.len() {
            for byte in [0, 1, 0x3f, 0x40, 0x80, 0xc0, 0xff] {
                let mut bad = good.clone();
                bad[at] = byte;
                // Replies are not read: the queue fills, and then they are lost.
                drop(socket.send(&bad));
                drop(socket.send(&bad[..at]));
            }
        }
        let mut streams: Vec<_> = (0..40).map(|_| TcpStream::connect((NAME_SERVER, 53)).unwrap()).collect();
        for stream in &mut streams {
            drop(stream.write_all(&[0xff, 0xff, 1, 2, 3]));
        }
        for stream in &mut streams {
            drop(stream.write_all(&vec![0; 70_000]));
        }
        drop(streams.pop());
        // More questions than can wait.
        let flood = UdpSocket::bind("127.0.0.1:0").unwrap();
        for number in 0..400 {
            drop(flood.send_to(&question(&format!("n{number}.example"), A), (NAME_SERVER, 53)));
        }
    });
    // One question may be lost where so many were sent: whoever gets no reply asks again.
    let reply = (0..3).map(|_| one.asks("one", A)).find(|reply| reply != "none");
    assert_eq!(reply.as_deref(), Some("0: 10.1.0.2"));
    assert_eq!(by_connection(&one, &[question("one", A)]), ["0: 10.1.0.2"]);
}

#[test]
fn many_questions_a_second() {
    if !require_root() {
        return;
    }
    let world = World::new();
    let network = world.network("net", &["10.1.0.0/24"]);
    let one = Named::new(&world, &network, "one", &["one"], &[]);
    let (count, good) = (5000_u32, question("one", A));
    let took = one.inside(|| {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect((NAME_SERVER, 53)).unwrap();
        let mut buffer = [0; 512];
        let began = std::time::Instant::now();
        for _ in 0..count {
            socket.send(&good).unwrap();
            assert!(socket.recv(&mut buffer).unwrap() > 12);
        }
        began.elapsed()
    });
    println!("{:.0} questions a second, one after the other", f64::from(count) / took.as_secs_f64());
    // Far below what is meant: a busy machine with two processors shares them with the asker.
    assert!(took < Duration::from_secs(10), "{took:?}");
}
