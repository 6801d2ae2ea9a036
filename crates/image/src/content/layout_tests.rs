use super::*;
use crate::content::Ingest;

fn layout() -> (tempfile::TempDir, Layout) {
    let directory = tempfile::tempdir().unwrap();
    let layout = Layout::new(directory.path().join("images"));
    (directory, layout)
}

fn begin(layout: &Layout, bytes: &[u8]) -> Ingest {
    layout.begin(&Digest::of(bytes), Some(bytes.len() as u64)).unwrap().expect("it is not there yet")
}

#[test]
fn a_blob_comes_in_pieces_and_goes_on_after_a_break() {
    let (_directory, layout) = layout();
    let mut first = begin(&layout, b"hello world");
    first.write(b"hello ").unwrap();
    drop(first);
    assert!(!layout.contains(&Digest::of(b"hello world")));
    let mut second = begin(&layout, b"hello world");
    assert_eq!(second.written(), 6);
    second.write(b"world").unwrap();
    second.commit().unwrap();
    assert_eq!(layout.read(&Digest::of(b"hello world")).unwrap(), b"hello world");
    assert_eq!(layout.digests().unwrap(), [Digest::of(b"hello world")]);
    assert_eq!(fs::read_dir(layout.root().join("ingest")).unwrap().count(), 0);
}

#[test]
fn wrong_content_is_not_kept() {
    let (_directory, layout) = layout();
    let mut wrong = begin(&layout, b"right");
    wrong.write(b"wrong").unwrap();
    let error = wrong.commit().unwrap_err().to_string();
    assert!(error.contains("has the digest"), "{error}");
    let mut short = begin(&layout, b"right");
    assert_eq!(short.written(), 0);
    short.write(b"ri").unwrap();
    assert!(short.commit().unwrap_err().to_string().contains("2 bytes instead of 5"));
    let mut long = begin(&layout, b"right");
    assert!(long.write(b"right and more").unwrap_err().to_string().contains("longer than the 5 bytes"));
    assert!(!layout.contains(&Digest::of(b"right")));
}

#[test]
fn a_blob_damaged_on_disk_is_noticed() {
    let (_directory, layout) = layout();
    let descriptor = layout.add("text/plain", b"text").unwrap();
    fs::write(layout.blob_path(&descriptor.digest), b"test").unwrap();
    assert!(layout.read(&descriptor.digest).unwrap_err().to_string().contains("has the digest"));
}

#[test]
fn many_at_once_write_a_blob_once() {
    let (_directory, layout) = layout();
    let bytes = vec![7; 1 << 20];
    let writers = std::thread::scope(|scope| {
        let one = || match layout.begin(&Digest::of(&bytes), None).unwrap() {
            None => 0,
            Some(mut ingest) => {
                for piece in bytes.chunks(4096) {
                    ingest.write(piece).unwrap();
                }
                ingest.commit().unwrap();
                1
            }
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(one)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>()
    });
    assert_eq!(writers, 1);
    assert_eq!(layout.read(&Digest::of(&bytes)).unwrap(), bytes);
}

#[test]
fn a_follower_ends_only_with_what_is_right() {
    use std::io::Read as _;
    let (_directory, layout) = layout();
    for (sent, right) in [(&b"hello"[..], true), (b"hallo", false), (b"hell", false)] {
        let mut ingest = begin(&layout, b"hello");
        let mut follower = ingest.follow().unwrap();
        let read = std::thread::scope(|scope| {
            let reader = scope.spawn(move || {
                let mut text = Vec::new();
                follower.read_to_end(&mut text).map(|_| text)
            });
            for byte in sent {
                ingest.write(&[*byte]).unwrap();
            }
            assert_eq!(ingest.commit().is_ok(), right);
            reader.join().unwrap()
        });
        assert_eq!(read.ok(), right.then(|| b"hello".to_vec()));
        layout.remove(&Digest::of(b"hello")).unwrap();
    }
}

#[test]
fn a_spool_gets_its_name_at_the_end() {
    use std::io::Write as _;
    let (_directory, layout) = layout();
    let mut spool = layout.spool().unwrap();
    spool.write_all(b"something").unwrap();
    let descriptor = spool.finish("text/plain").unwrap();
    assert_eq!(descriptor, Descriptor::of("text/plain", b"something"));
    assert_eq!(layout.read(&descriptor.digest).unwrap(), b"something");
    layout.spool().unwrap().write_all(b"given up").unwrap();
    assert_eq!(fs::read_dir(layout.root().join("ingest")).unwrap().count(), 0);
}
