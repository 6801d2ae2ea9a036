//! Whatever is printed, in whatever pieces, comes back.

use proptest::prelude::*;

use super::*;

/// Bytes of a stream, with newlines of any density, and long lines at times.
fn output() -> impl Strategy<Value = Vec<u8>> {
    let bytes = prop_oneof![
        8 => proptest::collection::vec(prop_oneof![Just(b'\n'), any::<u8>(), b' '..=b'~'], 0..200),
        1 => (any::<u8>(), 10_000..60_000_usize).prop_map(|(byte, count)| vec![byte; count]),
        1 => "\\PC{0,40}\n".prop_map(String::into_bytes),
    ];
    proptest::collection::vec(bytes, 0..8).prop_map(|parts| parts.concat())
}

/// Writes both streams in chunks, in the order that `turns` says; flushes now and then.
fn write(writer: &mut Writer, outputs: [&[u8]; 2], turns: &[(bool, usize, bool)]) {
    let mut rest = outputs;
    let mut turns = turns.iter().cycle();
    while !rest[0].is_empty() || !rest[1].is_empty() {
        let Some((second, length, flush)) = turns.next() else { return };
        let which = usize::from(*second);
        let which = if rest[which].is_empty() { 1 - which } else { which };
        let (chunk, more) = rest[which].split_at((*length).min(rest[which].len()));
        writer.write([Stream::Stdout, Stream::Stderr][which], chunk, Timestamp::now());
        rest[which] = more;
        if *flush {
            writer.flush(NOW);
        }
    }
    writer.finish(NOW);
}

/// What a stream's records say.
fn read(config: &Config, container: &Path, stream: Stream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut reader = reader(config, container, Selection::default());
    while let Some(entry) = reader.next().unwrap() {
        if entry.stream == stream {
            bytes.extend_from_slice(entry.text);
            if entry.ends {
                bytes.push(b'\n');
            }
        }
    }
    assert_eq!(reader.damaged(), 0);
    bytes
}

/// What Docker's format keeps of a byte that is not UTF-8.
fn replaced(bytes: &[u8]) -> Vec<u8> {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| '\u{fffd}'));
    }
    text.into_bytes()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_streams_come_back(
        stdout in output(),
        stderr in output(),
        turns in proptest::collection::vec((any::<bool>(), 1..20_000_usize, proptest::bool::weighted(0.2)), 1..10),
        max_size in prop_oneof![Just("-1"), Just("300"), Just("20k")],
    ) {
        for driver in FORMATS {
            let container = tempfile::tempdir().unwrap();
            let config = config(driver, &[&format!("max-size={max_size}"), "max-file=100000"]);
            let mut writer = writer(&config, container.path());
            write(&mut writer, [&stdout, &stderr], &turns);
            prop_assert_eq!(writer.lost(), None);
            for (stream, expected) in [(Stream::Stdout, &stdout), (Stream::Stderr, &stderr)] {
                let expected = if driver == "local" { expected.clone() } else { replaced(expected) };
                prop_assert!(read(&config, container.path(), stream) == expected, "{} {:?}", driver, stream);
            }
        }
    }
}
