//! Blobs that come in pieces.

use std::thread;
use std::time::{Duration, Instant};

use barque_image::ErrorKind;
use barque_image::content::Layout;
use barque_image::progress::Silent;
use barque_image::registry::{Client, Hosts};

use crate::server::{Asked, Server, Wire};
use crate::{assert_nothing_kept, blob, client_of, impatient, noise, repository};

const SIZE: usize = 3 << 20;

/// Serves one blob; `cut` says after how many bytes of an answer, by number of request, and how, the connection ends.
fn serving(
    bytes: Vec<u8>,
    ranges: bool,
    cut: impl Fn(usize) -> Option<usize> + Send + Sync + 'static,
) -> Server {
    Server::start(move |asked, wire| {
        let start = if ranges { asked.start() } else { 0 };
        let rest = &bytes[start..];
        let range = format!("bytes {start}-{}/{}", bytes.len() - 1, bytes.len());
        let headers: &[(&str, &str)] = if start > 0 { &[("content-range", &range)] } else { &[] };
        wire.head(if start > 0 { 206 } else { 200 }, headers, rest.len());
        wire.raw(&rest[..cut(asked.number).unwrap_or(rest.len()).min(rest.len())]);
    })
}

#[test]
fn resumed_by_range() {
    let bytes = noise(SIZE);
    let server = serving(bytes.clone(), true, |number| (number < 2).then_some(1_000_000));
    let directory = tempfile::tempdir().unwrap();
    let layout = Layout::new(directory.path());
    let target = blob(&bytes);
    let client = client_of(&server.host());
    assert!(client.pull_blob(&repository(&server.host(), "a/b"), &target, &layout, &Silent).unwrap());
    assert!(layout.contains(&target.digest));
    let starts: Vec<usize> = server.asked().iter().map(Asked::start).collect();
    assert_eq!(starts.len(), 3);
    assert!(starts[0] == 0 && starts[1] > 0 && starts[2] > starts[1], "{starts:?}");
    assert!(!client.pull_blob(&repository(&server.host(), "a/b"), &target, &layout, &Silent).unwrap());
    assert_eq!(server.asked().len(), 3, "what is there is not asked for again");
}

#[test]
fn resumed_by_another_process() {
    let bytes = noise(SIZE);
    let server = serving(bytes.clone(), true, |number| (number < 3).then_some(500_000));
    let directory = tempfile::tempdir().unwrap();
    let layout = Layout::new(directory.path());
    let target = blob(&bytes);
    let settings = barque_image::registry::Settings { attempts: 1, ..impatient() };
    let hosts = Hosts { plain_http: vec![server.host()], ..Hosts::default() };
    let client = Client::new(barque_image::registry::Settings { hosts, ..settings });
    let repository = repository(&server.host(), "a/b");
    for _ in 0..3 {
        let error = client.pull_blob(&repository, &target, &layout, &Silent).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        assert!(!layout.contains(&target.digest));
    }
    client.pull_blob(&repository, &target, &layout, &Silent).unwrap();
    assert!(server.asked()[3].start() >= 1_000_000, "{:?}", server.asked()[3].start());
}

#[test]
fn resumed_without_ranges() {
    let bytes = noise(SIZE);
    let server = serving(bytes.clone(), false, |number| (number < 2).then_some(1_000_000));
    let directory = tempfile::tempdir().unwrap();
    let layout = Layout::new(directory.path());
    let target = blob(&bytes);
    client_of(&server.host())
        .pull_blob(&repository(&server.host(), "a/b"), &target, &layout, &Silent)
        .unwrap();
    assert!(layout.contains(&target.digest));
}

#[test]
fn a_stall_is_left_and_resumed() {
    let bytes = noise(SIZE);
    let all = bytes.clone();
    let server = Server::start(move |asked, wire| {
        let start = asked.start();
        let range = format!("bytes {start}-{}/{}", all.len() - 1, all.len());
        wire.head(if start > 0 { 206 } else { 200 }, &[("content-range", &range)], all.len() - start);
        if asked.number == 0 {
            wire.raw(&all[..100_000]);
            thread::sleep(Duration::from_secs(4));
        } else {
            wire.raw(&all[start..]);
        }
    });
    let directory = tempfile::tempdir().unwrap();
    let layout = Layout::new(directory.path());
    let target = blob(&bytes);
    let started = Instant::now();
    client_of(&server.host())
        .pull_blob(&repository(&server.host(), "a/b"), &target, &layout, &Silent)
        .unwrap();
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    assert_eq!(server.asked()[1].start(), 100_000);
}

/// What a registry does with a blob, and what the error must say.
fn refused(answer: impl Fn(&[u8], &Asked, &mut Wire) + Send + Sync + 'static, words: &str, kept: bool) {
    let bytes = noise(200_000);
    let (target, all) = (blob(&bytes), bytes);
    let server = Server::start(move |asked, wire| answer(&all, asked, wire));
    let directory = tempfile::tempdir().unwrap();
    let layout = Layout::new(directory.path());
    let client = client_of(&server.host());
    let started = Instant::now();
    let error = client
        .pull_blob(&repository(&server.host(), "a/b"), &target, &layout, &Silent)
        .unwrap_err()
        .to_string();
    assert!(error.contains(words), "{error:?} says nothing of {words:?}");
    assert!(error.contains(target.digest.as_str()), "{error:?} does not name the blob");
    assert!(started.elapsed() < Duration::from_secs(20), "{words}: {:?}", started.elapsed());
    assert!(!layout.contains(&target.digest));
    if !kept {
        assert_nothing_kept(&layout, &target.digest);
    }
}

#[test]
fn wrong_bytes() {
    let wrong = |bytes: &[u8], _: &Asked, wire: &mut Wire| {
        let mut other = bytes.to_vec();
        other[100_000] ^= 1;
        wire.answer(200, &[], &other);
    };
    refused(wrong, "has the digest sha256:", false);
}

#[test]
fn wrong_lengths() {
    let short = |bytes: &[u8], _: &Asked, wire: &mut Wire| wire.answer(200, &[], &bytes[..bytes.len() - 1]);
    refused(short, "199999 bytes instead of 200000", true);
    let long = |bytes: &[u8], _: &Asked, wire: &mut Wire| wire.answer(200, &[], &[bytes, b"x"].concat());
    refused(long, "200001 bytes instead of 200000", true);
    let endless = |bytes: &[u8], _: &Asked, wire: &mut Wire| {
        wire.raw(b"HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n");
        while wire.raw(format!("{:x}\r\n", bytes.len()).as_bytes()) && wire.raw(bytes) && wire.raw(b"\r\n") {}
    };
    refused(endless, "longer than the 200000 bytes", true);
}

#[test]
fn never_whole() {
    let cut = |bytes: &[u8], asked: &Asked, wire: &mut Wire| {
        let start = asked.start().min(1000);
        wire.head(200, &[], bytes.len());
        wire.raw(&bytes[..1000 - start]);
    };
    refused(cut, "hung up after 1000 of 200000 bytes", true);
    let silent = |_: &[u8], _: &Asked, _: &mut Wire| thread::sleep(Duration::from_secs(3));
    refused(silent, "stopped answering", true);
    let dripping = |bytes: &[u8], _: &Asked, wire: &mut Wire| {
        wire.head(200, &[], bytes.len());
        for byte in bytes {
            thread::sleep(Duration::from_millis(50));
            if !wire.raw(&[*byte]) {
                break;
            }
        }
    };
    refused(dripping, "bytes in 0 s", true);
}

#[test]
fn wrong_ranges() {
    let behind = |bytes: &[u8], asked: &Asked, wire: &mut Wire| match asked.number {
        0 => {
            wire.head(200, &[], bytes.len());
            wire.raw(&bytes[..50_000]);
        }
        _ => wire.answer(206, &[("content-range", "bytes 60000-199999/200000")], &bytes[60_000..]),
    };
    refused(behind, "in place of bytes 50000-", true);
}

#[test]
fn damaged_rests_are_fetched_again() {
    let bytes = noise(200_000);
    let target = blob(&bytes);
    let server = serving(bytes, true, |_| None);
    let directory = tempfile::tempdir().unwrap();
    let layout = Layout::new(directory.path());
    let mut ingest = layout.begin(&target.digest, Some(target.size)).unwrap().unwrap();
    ingest.write(&[7; 1000]).unwrap();
    drop(ingest);
    client_of(&server.host())
        .pull_blob(&repository(&server.host(), "a/b"), &target, &layout, &Silent)
        .unwrap();
    assert!(layout.contains(&target.digest));
    assert_eq!(server.asked().iter().map(Asked::start).collect::<Vec<_>>(), [1000, 0]);
}

#[test]
fn mirrors_first_and_the_registry_after_them() {
    let bytes = noise(200_000);
    let target = blob(&bytes);
    let all = bytes.clone();
    let broken = Server::start(move |asked, wire| match asked.method.as_str() {
        "GET" if asked.path.contains("/prefix/a/b/blobs/") => {
            wire.head(200, &[], all.len());
            wire.raw(&all[..50_000]);
        }
        _ => wire.json(404, "{}"),
    });
    let origin = serving(bytes, true, |_| None);
    let mirrors = [(origin.host(), vec![format!("http://{}/prefix", broken.host())])].into();
    let hosts = Hosts { plain_http: vec![origin.host()], mirrors, ..Hosts::default() };
    let client = Client::new(barque_image::registry::Settings { hosts, ..impatient() });
    let directory = tempfile::tempdir().unwrap();
    let layout = Layout::new(directory.path());
    client.pull_blob(&repository(&origin.host(), "a/b"), &target, &layout, &Silent).unwrap();
    assert!(!broken.asked().is_empty());
    assert_eq!(origin.asked().len(), 1);
    assert!(origin.asked()[0].start() >= 50_000, "what the mirror gave is kept");
}
