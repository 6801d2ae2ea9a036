//! Messages as the specification has them, and as no honest program sends them.

use super::*;

/// A question for a name, with what follows it.
fn question(name: &str, kind: u16, counts: [u16; 3], rest: &[u8]) -> Vec<u8> {
    let mut bytes: Vec<u8> = [0x1234, 0x0100, 1, counts[0], counts[1], counts[2]]
        .iter()
        .flat_map(|word| word.to_be_bytes())
        .collect();
    bytes.extend(name_bytes(name));
    bytes.extend(kind.to_be_bytes());
    bytes.extend(INTERNET.to_be_bytes());
    bytes.extend(rest);
    bytes
}

fn query(bytes: &[u8]) -> Query {
    match read(bytes) {
        Read::Query(query) => query,
        other => panic!("{other:?}"),
    }
}

/// EDNS with 1232 bytes, of a version.
fn opt(version: u8) -> Vec<u8> {
    vec![0, 0, 41, 0x04, 0xd0, 0, version, 0, 0, 0, 0]
}

#[test]
fn a_question_is_read_and_answered() {
    let query = query(&question("WeB.Mine", A, [0; 3], &[]));
    assert_eq!((query.id, query.name.as_str(), query.kind, query.limit()), (0x1234, "web.mine", A, 512));
    let reply = query.reply(Code::Done, &[Data::Address([10, 0, 0, 2].into())], 512);
    let mut expected = vec![0x12, 0x34, 0x85, 0x80, 0, 1, 0, 1, 0, 0, 0, 0];
    expected.extend(b"\x03WeB\x04Mine\0\0\x01\0\x01");
    expected.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 10, 0, 0, 2]);
    assert_eq!(reply, expected, "with the letters of the question");
    assert!(answers(&reply, 0x1234, &query.question) && !answers(&reply, 0x1235, &query.question));
    assert!(!is_failure(&reply) && is_failure(&query.reply(Code::Failed, &[], 512)));
}

#[test]
fn what_has_no_room_is_left_out_and_told() {
    let many: Vec<_> = (0..100).map(|number| Data::Address([10, 0, 0, number].into())).collect();
    let plain = query(&question("web", A, [0; 3], &[]));
    let reply = plain.reply(Code::Done, &many, plain.limit());
    assert!(reply.len() <= 512 && reply[2] & 2 != 0, "{}", reply.len());
    assert_eq!(usize::from(word(&reply, 6).unwrap()), (512 - 12 - 9) / 16);
    let edns = query(&question("web", A, [0, 0, 1], &opt(0)));
    assert_eq!(edns.limit(), 1232);
    let reply = edns.reply(Code::Done, &many, 65535);
    assert_eq!((reply[2] & 2, word(&reply, 6), word(&reply, 10)), (0, Some(100), Some(1)));
    assert!(reply.ends_with(&[0, 0, 41, 0x10, 0, 0, 0, 0, 0, 0, 0]));
    let other = query(&question("web", A, [0, 0, 1], &opt(1)));
    assert!(other.has_unknown_version() && !edns.has_unknown_version());
    let reply = other.reply(Code::BadVersion, &[], 512);
    assert!(reply[3] & 0xf == 0 && reply.ends_with(&[0, 0, 41, 0x10, 0, 1, 0, 0, 0, 0, 0]), "{reply:x?}");
}

#[test]
fn addresses_backwards() {
    assert_eq!(reversed("2.0.17.172.in-addr.arpa"), Some([172, 17, 0, 2].into()));
    let v6 = format!("2{}.d.f.ip6.arpa", ".0".repeat(29));
    assert_eq!(reversed(&v6), Some("fd00::2".parse().unwrap()));
    for name in
        ["17.172.in-addr.arpa", "1.2.0.17.172.in-addr.arpa", "x.0.17.172.in-addr.arpa", "web", "1.ip6.arpa"]
    {
        assert_eq!(reversed(name), None, "{name}");
    }
    let query = query(&question("2.0.17.172.in-addr.arpa", PTR, [0; 3], &[]));
    let reply = query.reply(Code::Done, &[Data::Name("web.mine".to_owned())], 512);
    assert!(reply.ends_with(b"\x03web\x04mine\0"));
}

#[test]
fn what_cannot_be_understood_is_refused() {
    let good = question("web", A, [0; 3], &[]);
    assert_eq!(read(&good[..11]), Read::Nothing);
    let mut reply = good.clone();
    reply[2] |= 0x80;
    assert_eq!(read(&reply), Read::Nothing, "an answer to nothing");
    let mut update = good.clone();
    update[2] = 5 << 3;
    assert_eq!(read(&update), Read::Refuse(vec![0x12, 0x34, 0xa8, 4, 0, 0, 0, 0, 0, 0, 0, 0]));
    let refused = Read::Refuse(vec![0x12, 0x34, 0x81, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(read(&good[..good.len() - 1]), refused, "cut");
    let mut pointer = good.clone();
    pointer.splice(12..17, [0xc0, 12]);
    assert_eq!(read(&pointer), refused, "a name that points to itself");
    for counts in [[0xffff; 3], [0, 0, 1], [1, 0, 0]] {
        assert_eq!(read(&question("web", A, counts, &[])), refused, "{counts:?}");
    }
    let twice = [opt(0), opt(0)].concat();
    assert_eq!(read(&question("web", A, [0, 0, 2], &twice)), refused, "EDNS twice");
    let mut long = good[..12].to_vec();
    long.extend(b"\x01a".repeat(128));
    long.extend([0, 0, 1, 0, 1]);
    assert_eq!(read(&long), refused, "256 bytes");
    assert_eq!(query(&question("a b", A, [0; 3], &[])).name, "a\\032b");
}
