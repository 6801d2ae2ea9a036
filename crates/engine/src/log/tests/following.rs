//! Reading while it is written.

use std::time::{Duration, Instant};

use super::*;

const FOLLOW: Selection =
    Selection { tail: None, since: None, until: None, stdout: true, stderr: true, follow: true };

#[test]
fn across_rotation_and_until_told() {
    for driver in FORMATS {
        let container = tempfile::tempdir().unwrap();
        let config = config(driver, &["max-size=100k", "max-file=50"]);
        let (path, _) = config.file(container.path()).unwrap();
        let watch = Watch::new(&path).unwrap();
        let mut reader = reader(&config, container.path(), FOLLOW);
        let (ended, ends) = rustix::pipe::pipe().unwrap();
        let mut found = texts(&mut reader);
        assert_eq!(found, Vec::<String>::new());
        let to = container.path().to_owned();
        let thread = std::thread::spawn(move || {
            let mut writer = writer(&config, &to);
            for part in 0..20_u32 {
                number(&mut writer, part * 1000..(part + 1) * 1000);
                writer.flush(NOW);
                std::thread::sleep(Duration::from_millis(2));
            }
            drop(ends);
        });
        loop {
            let wake =
                watch.wait(Some(std::os::fd::AsFd::as_fd(&ended)), Some(Duration::from_secs(20))).unwrap();
            found.extend(texts(&mut reader));
            match wake {
                Wake::Changed => {}
                Wake::Ended => break,
                Wake::TimedOut => panic!("nothing for 20 s after {} lines", found.len()),
            }
        }
        thread.join().unwrap();
        assert!(names(container.path()).len() > 5);
        assert_eq!(found, numbered(0..20_000));
    }
}

#[test]
fn a_reader_too_slow_for_the_rotation_goes_on_with_the_oldest() {
    let container = tempfile::tempdir().unwrap();
    let config = config("json-file", &["max-size=1000", "max-file=2"]);
    let mut writer = writer(&config, container.path());
    number(&mut writer, 0..5);
    writer.flush(NOW);
    let mut reader = reader(&config, container.path(), FOLLOW);
    assert_eq!(texts(&mut reader), numbered(0..5));
    number(&mut writer, 5..500);
    writer.flush(NOW);
    let found = texts(&mut reader);
    assert_eq!(found.last().unwrap(), "line 499");
    // First the end of the file that it held, then what is left.
    let rest: Vec<_> = found.iter().skip_while(|line| line.len() < "line 400".len()).cloned().collect();
    assert_eq!(rest, numbered(500 - u32::try_from(rest.len()).unwrap()..500));
    assert_eq!(found[0], "line 5");
}

#[test]
fn others_may_cut_the_file() {
    let container = tempfile::tempdir().unwrap();
    let config = config("json-file", &[]);
    let mut writer = writer(&config, container.path());
    number(&mut writer, 0..50);
    writer.flush(NOW);
    let mut reader = reader(&config, container.path(), Selection { tail: Some(1), ..FOLLOW });
    assert_eq!(texts(&mut reader), ["line 49"]);
    let (path, _) = config.file(container.path()).unwrap();
    std::fs::File::options().write(true).open(path).unwrap().set_len(0).unwrap();
    number(&mut writer, 50..53);
    writer.flush(NOW);
    assert_eq!(texts(&mut reader), numbered(50..53));
}

#[test]
fn until_ends_it() {
    let container = tempfile::tempdir().unwrap();
    let config = config("local", &[]);
    let mut writer = writer(&config, container.path());
    number(&mut writer, 0..5);
    writer.flush(NOW);
    let mut reader = reader(&config, container.path(), Selection { until: Some(after(6)), ..FOLLOW });
    assert_eq!((texts(&mut reader), reader.is_done()), (numbered(0..5), false));
    number(&mut writer, 5..10);
    writer.flush(NOW);
    assert_eq!((texts(&mut reader), reader.is_done()), (numbered(5..7), true));
}

#[test]
fn waiting_has_an_end() {
    let container = tempfile::tempdir().unwrap();
    let watch = Watch::new(&container.path().join("log/json.log")).unwrap();
    let begin = Instant::now();
    assert_eq!(watch.wait(None, Some(Duration::from_millis(30))).unwrap(), Wake::TimedOut);
    assert!(begin.elapsed() >= Duration::from_millis(30));
    std::fs::write(container.path().join("log/json.log"), "x").unwrap();
    assert_eq!(watch.wait(None, Some(Duration::from_secs(20))).unwrap(), Wake::Changed);
    assert_eq!(watch.wait(None, Some(Duration::ZERO)).unwrap(), Wake::TimedOut);
}
