use proptest::prelude::*;

use super::*;

fn split(message: &[u8]) -> Option<Message> {
    let fixed: &[u8; FIXED] = message.get(..FIXED)?.try_into().ok()?;
    let (fields, body) = lengths(fixed)?;
    Message::decode(
        fixed,
        message.get(FIXED..FIXED + fields)?,
        message.get(FIXED + fields..)?.get(..body)?.to_vec(),
    )
}

/// The bytes that `dbus-send --print-reply --dest=a.b /p a.b.M string:hi` puts on the wire, by the specification.
#[test]
fn a_call_byte_by_byte() {
    let mut body = Writer::default();
    body.text("hi");
    let call = Call {
        destination: Some("a.b"),
        path: "/p",
        interface: "a.b",
        member: "M",
        signature: "s",
        body: &body.bytes,
    };
    let expected = [
        b"l\x01\0\x01\x07\0\0\0\x05\0\0\0\x47\0\0\0".as_slice(),
        b"\x01\x01o\0\x02\0\0\0/p\0\0\0\0\0\0",
        b"\x02\x01s\0\x03\0\0\0a.b\0\0\0\0\0",
        b"\x03\x01s\0\x01\0\0\0M\0\0\0\0\0\0\0",
        b"\x06\x01s\0\x03\0\0\0a.b\0\0\0\0\0",
        b"\x08\x01g\0\x01s\0\0",
        b"\x02\0\0\0hi\0",
    ]
    .concat();
    assert_eq!(call.encode(5), expected);
}

#[test]
fn settings_keep_their_places() {
    let mut writer = Writer::default();
    writer.settings(&[
        ("A", &Setting::Flag(true)),
        ("B", &Setting::Number(7)),
        ("C", &Setting::Bytes(vec![3])),
    ]);
    let expected = [
        b"\x39\0\0\0\0\0\0\0".as_slice(),
        b"\x01\0\0\0A\0\x01b\0\0\0\0\x01\0\0\0",
        b"\x01\0\0\0B\0\x01t\0\0\0\0\0\0\0\0\x07\0\0\0\0\0\0\0",
        b"\x01\0\0\0C\0\x02ay\0\0\0\x01\0\0\0\x03",
    ]
    .concat();
    assert_eq!(writer.bytes, expected);
}

/// A reply of the other byte order, as a daemon on such a machine sends it.
#[test]
fn a_big_endian_error() {
    let message = [
        b"B\x03\0\x01\0\0\0\x07\0\0\0\x09\0\0\0\x1f".as_slice(),
        b"\x05\x01u\0\0\0\0\x05",
        b"\x04\x01s\0\0\0\0\x03a.E\0\0\0\0\0",
        b"\x08\x01g\0\x01s\0\0",
        b"\0\0\0\x02no\0",
    ]
    .concat();
    let decoded = split(&message).unwrap();
    assert_eq!((decoded.kind, decoded.reply_to, decoded.error.as_str()), (ERROR, Some(5), "a.E"));
    assert_eq!(decoded.body().text().as_deref(), Some("no"));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..120), valid in any::<bool>()) {
        let mut bytes = bytes;
        if valid && bytes.len() > FIXED {
            bytes[0] = b'l';
            bytes[3] = 1;
            bytes[5..8].fill(0);
            bytes[13..16].fill(0);
        }
        if let Some(message) = split(&bytes) {
            let mut reader = message.body();
            while reader.text().is_some() {}
        }
    }
}
