//! The journal's side is a socket of our own.

use std::io::{IoSliceMut, Read as _, Seek as _};
use std::mem::MaybeUninit;
use std::os::unix::net::UnixDatagram;

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags};

use super::*;

/// A datagram, or what is in the file that came with it.
fn receive(journal: &UnixDatagram) -> Vec<u8> {
    let mut bytes = vec![0; 1 << 20];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let length = rustix::net::recvmsg(
        journal,
        &mut [IoSliceMut::new(&mut bytes)],
        &mut control,
        RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC,
    )
    .unwrap()
    .bytes;
    bytes.truncate(length);
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(files) = message {
            for file in files {
                assert!(bytes.is_empty());
                assert!(rustix::fs::fcntl_get_seals(&file).unwrap().contains(rustix::fs::SealFlags::WRITE));
                let mut file = std::fs::File::from(file);
                file.rewind().unwrap();
                file.read_to_end(&mut bytes).unwrap();
            }
        }
    }
    bytes
}

#[test]
fn fields_as_docker_gives_them() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let journal = UnixDatagram::bind(&path).unwrap();
    let subject = Subject {
        id: "0123456789abcdef",
        name: "web",
        image: "nginx",
        labels: &[("my.tier", "front")],
        ..Subject::default()
    };
    let config = config("journald", &["labels=my.tier", "tag={{.Name}}"]);
    let mut writer = Writer::with_journal(&config, directory.path(), &subject, &path).unwrap();
    writer.write(Stream::Stdout, b"hi\n", NOW);
    writer.write(Stream::Stderr, b"end", NOW);
    writer.finish(NOW);
    let always = "CONTAINER_ID=0123456789ab\nCONTAINER_ID_FULL=0123456789abcdef\nCONTAINER_NAME=web\nCONTAINER_TAG=web\n\
                  IMAGE_NAME=nginx\nSYSLOG_IDENTIFIER=web\nMY_TIER=front\n";
    let time = "SYSLOG_TIMESTAMP=2023-11-14T22:13:20Z\n";
    for rest in [
        format!("PRIORITY=6\n{time}MESSAGE=hi\n"),
        format!("PRIORITY=3\n{time}CONTAINER_PARTIAL_MESSAGE=true\nMESSAGE=end\n"),
    ] {
        assert_eq!(String::from_utf8(receive(&journal)).unwrap(), format!("{always}{rest}"));
    }
    assert_eq!(writer.lost(), None);
}

#[test]
fn what_is_too_long_for_a_datagram_comes_as_a_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let journal = UnixDatagram::bind(&path).unwrap();
    // Longer than any send buffer: a label, since lines are cut.
    let long = "x".repeat(900_000);
    let labels = [("long", long.as_str())];
    let subject = Subject { labels: &labels, ..Subject::default() };
    let config = config("journald", &["labels=long"]);
    let mut writer = Writer::with_journal(&config, directory.path(), &subject, &path).unwrap();
    writer.write(Stream::Stdout, b"hi\n", NOW);
    assert_eq!(writer.lost(), None);
    let text = String::from_utf8(receive(&journal)).unwrap();
    assert!(text.contains(&format!("LONG={long}\n")) && text.ends_with("MESSAGE=hi\n"));
}

#[test]
fn a_journal_that_does_not_listen_blocks_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let config = config("journald", &[]);
    let mut writer = Writer::with_journal(&config, directory.path(), &Subject::default(), &path).unwrap();
    writer.write(Stream::Stdout, b"lost\n", NOW);
    assert_eq!(writer.lost(), Some((1, rustix::io::Errno::NOENT)));
    let journal = UnixDatagram::bind(&path).unwrap();
    // Nobody reads: sooner or later the queue is full.
    writer.write(Stream::Stdout, &b"many\n".repeat(5000), NOW);
    assert_eq!(writer.lost().unwrap().1, rustix::io::Errno::AGAIN);
    assert!(!receive(&journal).is_empty());
}
