//! What lies on the disk, and what is read of it.

use super::*;

#[test]
fn nothing_is_made_before_the_first_output() {
    let container = tempfile::tempdir().unwrap();
    for driver in FORMATS {
        let config = config(driver, &[]);
        let mut writer = writer(&config, container.path());
        writer.finish(NOW);
        assert!(!container.path().join("log").exists());
        assert_eq!(drain(&mut reader(&config, container.path(), Selection::default())), []);
        assert_eq!(
            drain(&mut reader(
                &config,
                container.path(),
                Selection { tail: Some(3), ..Selection::default() }
            )),
            []
        );
    }
}

#[test]
fn dockers_format_to_the_byte() {
    let container = tempfile::tempdir().unwrap();
    let options = ["labels=tier", "tag={{.Name}}"];
    let subject = Subject { name: "web", labels: &[("tier", "a\"b")], ..Subject::default() };
    let config = config("json-file", &options);
    let mut writer = Writer::new(&config, container.path(), &subject).unwrap();
    writer.write(Stream::Stdout, b"one\ntw", NOW);
    assert!(writer.pending());
    writer.write(Stream::Stderr, b"bad \xff\n", NOW);
    writer.write(Stream::Stdout, b"o\nend", NOW);
    writer.finish(after(1));
    assert!(!writer.pending());
    let attributes = r#""attrs":{"tag":"web","tier":"a\"b"}"#;
    let expected = [
        format!(r#"{{"log":"one\n","stream":"stdout",{attributes},"time":"2023-11-14T22:13:20Z"}}"#),
        format!(r#"{{"log":"bad \ufffd\n","stream":"stderr",{attributes},"time":"2023-11-14T22:13:20Z"}}"#),
        format!(r#"{{"log":"two\n","stream":"stdout",{attributes},"time":"2023-11-14T22:13:20Z"}}"#),
        format!(r#"{{"log":"end","stream":"stdout",{attributes},"time":"2023-11-14T22:13:21Z"}}"#),
    ];
    let text = std::fs::read_to_string(container.path().join("log/json.log")).unwrap();
    assert_eq!(text.lines().collect::<Vec<_>>(), expected);
    for line in text.lines() {
        assert!(serde_json::from_str::<serde_json::Value>(line).is_ok(), "{line}");
    }
    let mut reader = reader(&config, container.path(), Selection::default());
    let entry = reader.next().unwrap().unwrap();
    assert_eq!(
        entry.attributes().into_iter().collect::<Vec<_>>(),
        [("tag".to_owned(), "web".to_owned()), ("tier".to_owned(), "a\"b".to_owned())]
    );
    assert_eq!((entry.time(), entry.text), (NOW, &b"one"[..]));
}

#[test]
fn rotation_keeps_the_newest() {
    for driver in FORMATS {
        for (files, kept) in [(1, 1), (2, 2), (3, 3)] {
            let container = tempfile::tempdir().unwrap();
            let config = config(driver, &["max-size=1000", &format!("max-file={files}")]);
            let mut writer = writer(&config, container.path());
            number(&mut writer, 0..500);
            writer.finish(NOW);
            assert_eq!(names(container.path()).len(), kept);
            for name in names(container.path()) {
                assert!(std::fs::metadata(container.path().join("log").join(name)).unwrap().len() <= 1000);
            }
            let found = texts(&mut reader(&config, container.path(), Selection::default()));
            assert!(found.len() >= 5 && found.len() < 100, "{}", found.len());
            assert_eq!(found, numbered(500 - u32::try_from(found.len()).unwrap()..500));
        }
    }
}

#[test]
fn selections() {
    let container = tempfile::tempdir().unwrap();
    let config = config("local", &["max-size=1000", "max-file=100"]);
    let mut writer = writer(&config, container.path());
    number(&mut writer, 0..200);
    writer.write(Stream::Stderr, b"oops\n", after(200));
    writer.finish(NOW);
    let all = Selection::default();
    let of = |selection| texts(&mut reader(&config, container.path(), selection));
    let mut everything = numbered(0..200);
    everything.push("oops".to_owned());
    assert_eq!(of(all), everything);
    for count in [0, 1, 2, 21, 22, 100, 200, 201, 500] {
        let first = everything.len().saturating_sub(count);
        assert_eq!(of(Selection { tail: Some(count as u64), ..all }), everything[first..], "{count}");
    }
    assert_eq!(of(Selection { stdout: false, ..all }), ["oops"]);
    assert_eq!(of(Selection { stderr: false, ..all }), numbered(0..200));
    assert_eq!(of(Selection { since: Some(after(150)), stderr: false, ..all }), numbered(150..200));
    assert_eq!(of(Selection { until: Some(after(3)), ..all }), numbered(0..4));
    assert_eq!(of(Selection { since: Some(after(10)), until: Some(after(12)), ..all }), numbered(10..13));
    // As in Docker, the last lines are taken first.
    assert_eq!(of(Selection { tail: Some(3), until: Some(after(198)), ..all }), ["line 198"]);
}

#[test]
fn torn_and_damaged_lines() {
    for (driver, torn) in [("json-file", &b"{\"log\":\"half of a li"[..]), ("local", b"2023-11-14T22:13")] {
        let container = tempfile::tempdir().unwrap();
        let config = config(driver, &[]);
        let mut first = writer(&config, container.path());
        number(&mut first, 0..2);
        first.finish(NOW);
        let (path, _) = config.file(container.path()).unwrap();
        let mut text = std::fs::read(&path).unwrap();
        text.extend_from_slice(b"garbage\n\0\0\0\n");
        text.extend_from_slice(torn);
        std::fs::write(&path, text).unwrap();
        let mut torn = reader(&config, container.path(), Selection::default());
        assert_eq!((texts(&mut torn), torn.damaged()), (numbered(0..2), 2));
        let mut second = writer(&config, container.path());
        number(&mut second, 2..4);
        second.finish(NOW);
        let mut mended = reader(&config, container.path(), Selection::default());
        assert_eq!((texts(&mut mended), mended.damaged()), (numbered(0..4), 3));
    }
}

#[test]
fn a_killed_rotation_is_mended() {
    for hole in 0..4 {
        let container = tempfile::tempdir().unwrap();
        let config = config("json-file", &["max-size=1000", "max-file=5"]);
        let mut first = writer(&config, container.path());
        number(&mut first, 0..500);
        first.finish(NOW);
        let before = texts(&mut reader(&config, container.path(), Selection::default()));
        // As it is when the writer dies between two renames.
        let (path, _) = config.file(container.path()).unwrap();
        for number in (hole..4).rev() {
            std::fs::rename(
                super::super::file::numbered(&path, number),
                super::super::file::numbered(&path, number + 1),
            )
            .unwrap();
        }
        let with_hole = texts(&mut reader(&config, container.path(), Selection::default()));
        assert!(before.ends_with(&with_hole) && with_hole.len() > 40, "{hole}: {}", with_hole.len());
        let tail = Selection { tail: Some(30), ..Selection::default() };
        assert_eq!(texts(&mut reader(&config, container.path(), tail)), numbered(470..500), "{hole}");
        let mut second = writer(&config, container.path());
        number(&mut second, 500..600);
        second.finish(NOW);
        assert_eq!(
            names(container.path()),
            ["json.log", "json.log.1", "json.log.2", "json.log.3", "json.log.4"]
        );
        let found = texts(&mut reader(&config, container.path(), Selection::default()));
        assert_eq!(found, numbered(600 - u32::try_from(found.len()).unwrap()..600), "{hole}");
    }
}

#[test]
fn long_lines_come_back_whole() {
    for driver in FORMATS {
        let container = tempfile::tempdir().unwrap();
        let config = config(driver, &[]);
        let line = "\u{1}<é>".repeat(20_000);
        let mut writer = writer(&config, container.path());
        writer.write(Stream::Stderr, format!("{line}\nshort\n").as_bytes(), NOW);
        writer.finish(NOW);
        let found = drain(&mut reader(&config, container.path(), Selection::default()));
        assert!(found.len() > 5);
        let pieces: String = found[..found.len() - 1].iter().map(|(_, text, _)| text.as_str()).collect();
        assert_eq!(pieces, line);
        assert_eq!(found.iter().filter(|(_, _, ends)| *ends).count(), 2);
    }
}

#[test]
fn drivers_without_files() {
    let container = tempfile::tempdir().unwrap();
    for driver in ["none", "passthrough"] {
        let config = config(driver, &[]);
        assert_eq!(config.file(container.path()), None);
        let mut writer = writer(&config, container.path());
        writer.write(Stream::Stdout, b"x\n", NOW);
        writer.finish(NOW);
        assert_eq!(std::fs::read_dir(container.path()).unwrap().count(), 0);
    }
}
