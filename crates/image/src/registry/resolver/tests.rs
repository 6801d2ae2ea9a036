use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

use super::message::{Answer, Kind};
use super::*;

#[test]
fn hosts_and_conf() {
    let hosts =
        "127.0.0.1 localhost # me\n\n10.0.0.1\tRegistry.Local. alias\n::1 registry.local\njunk x\n#1.1.1.1 y";
    let found: Vec<String> =
        conf::in_hosts(hosts, "registry.local").iter().map(ToString::to_string).collect();
    assert_eq!(found, ["10.0.0.1", "::1"]);
    assert!(conf::in_hosts(hosts, "me").is_empty() && conf::in_hosts(hosts, "y").is_empty());

    let text = "nameserver 10.0.0.1\nnameserver ::1 # x\nsearch a.b c.d.\noptions ndots:2 timeout:9 attempts:99 use-vc";
    let conf = Conf::parse(text);
    assert_eq!(conf.servers, ["10.0.0.1:53".parse().unwrap(), "[::1]:53".parse().unwrap()]);
    assert_eq!((conf.ndots, conf.timeout.as_secs(), conf.attempts, conf.tcp), (2, 9, 5, true));
    assert_eq!(conf.candidates("x.y"), ["x.y.a.b", "x.y.c.d", "x.y"]);
    assert_eq!(conf.candidates("x.y.z"), ["x.y.z", "x.y.z.a.b", "x.y.z.c.d"]);
    assert_eq!(conf.candidates("x."), ["x"]);
    assert_eq!(Conf::parse("").servers, ["127.0.0.1:53".parse().unwrap()]);
}

/// An answer that leads from an alias to two addresses.
fn reply(question: &[u8], flags: [u8; 2]) -> Vec<u8> {
    let mut message = question.to_vec();
    message[2..4].copy_from_slice(&flags);
    message[7] = 3;
    message.extend([0xC0, 12, 0, 5, 0, 1, 0, 0, 0, 9, 0, 4, 1, b'x', 0xC0, 12]);
    message.extend([0xC0, 40, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 192, 0, 2, 1]);
    message.extend([1, b'x', 0, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 192, 0, 2, 2]);
    message
}

#[test]
fn messages() {
    let question = message::question(0x1234, "Quay.io", Kind::V4).unwrap();
    let read = |message: &[u8]| message::answer(message, &question, Kind::V4);
    let good = reply(&question, [0x81, 0x80]);
    let both = vec!["192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap()];
    assert_eq!(read(&good), Some(Answer::Addresses(both)));
    assert_eq!(read(&reply(&question, [0x81, 0x83])), Some(Answer::Addresses(Vec::new())));
    assert_eq!(read(&reply(&question, [0x81, 0x82])), Some(Answer::Refused));
    assert_eq!(read(&reply(&question, [0x83, 0x80])), Some(Answer::Truncated));
    assert_eq!(read(&question), None, "a question is no answer");
    let other = message::question(0x1234, "gcr.io.", Kind::V4);
    assert_eq!(other, None, "an empty label");
    for wrong in
        [message::question(0x1235, "quay.io", Kind::V4), message::question(0x1234, "quay.ip", Kind::V4)]
    {
        assert_eq!(read(&reply(&wrong.unwrap(), [0x81, 0x80])), None);
    }
    for length in 0..good.len() {
        assert!(!matches!(read(&good[..length]), Some(Answer::Addresses(found)) if !found.is_empty()));
    }
    assert_eq!(message::question(1, &"a".repeat(64), Kind::V4), None);
}

#[test]
fn over_tcp_when_too_long() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let socket = UdpSocket::bind(address).unwrap();
    let served = thread::spawn(move || {
        for _ in 0..2 {
            let mut buffer = [0; 512];
            let (length, from) = socket.recv_from(&mut buffer).unwrap();
            // What comes first is not an answer to this question.
            socket.send_to(b"junk", from).unwrap();
            socket.send_to(&reply(&buffer[..length], [0x83, 0x80]), from).unwrap();
            let (mut stream, _) = listener.accept().unwrap();
            let mut question = vec![0; length + 2];
            stream.read_exact(&mut question).unwrap();
            let answer = reply(&question[2..], [0x81, 0x80]);
            stream.write_all(&u16::try_from(answer.len()).unwrap().to_be_bytes()).unwrap();
            stream.write_all(&answer).unwrap();
        }
    });
    let conf = Conf { servers: vec![address], ..Conf::parse("options attempts:1") };
    let found = query::look_up(&conf, "quay.io", Instant::now() + Duration::from_secs(10)).unwrap();
    served.join().unwrap();
    assert_eq!(found.len(), 2, "{found:?}");
}

#[test]
fn nobody_answers() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let conf = Conf { servers: vec![socket.local_addr().unwrap()], ..Conf::parse("") };
    let started = Instant::now();
    let error = query::look_up(&conf, "quay.io", started + Duration::from_millis(200)).unwrap_err();
    assert!(error.to_string().contains("name server"), "{error}");
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[test]
fn names_that_never_leave() {
    let directory = tempfile::tempdir().unwrap();
    let files =
        NameFiles { hosts: directory.path().join("hosts"), resolv_conf: directory.path().join("none") };
    fs::write(&files.hosts, "10.1.1.1 mine.example").unwrap();
    let names = Names::new(files);
    for (host, expected) in [
        ("localhost", "127.0.0.1"),
        ("a.localhost", "127.0.0.1"),
        ("Mine.Example.", "10.1.1.1"),
        ("[::1]", "::1"),
        ("192.0.2.7", "192.0.2.7"),
    ] {
        let found = names.look_up(host, Instant::now()).unwrap();
        assert_eq!(found.first().map(ToString::to_string).as_deref(), Some(expected), "{host}");
    }
}
