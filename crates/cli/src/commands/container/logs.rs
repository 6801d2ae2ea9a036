//! `barque logs`.

mod print;

use std::os::fd::AsFd as _;
use std::path::Path;
use std::time::Duration;

use barque_engine::log::{Config, Driver, Reader, Selection, Timestamp, Wake, Watch};
use barque_engine::{Container, Containers, ErrorKind, Places, monitor};

use self::print::Printer;
use crate::flags::Parsed;
use crate::value::moment;
use crate::{Error, Result, console};

/// How often it is looked whether a container's monitor still lives, when it does not say so itself.
const LOOK: Duration = Duration::from_millis(50);

/// Shows what a container has printed.
pub(super) fn logs(flags: &Parsed, places: &Places) -> Result<i32> {
    let [name] = flags.positional() else { return Ok(1) };
    let selection = selection(flags, Timestamp::now())?;
    let container = Containers::new(places.clone()).find(name)?;
    let log = &container.definition.log;
    let (path, format) = log.file(&container.directory()).ok_or_else(|| unreadable(log, container.id()))?;
    let watch = if selection.follow { Some(Watch::new(&path)?) } else { None };
    let mut reader = Reader::open(&path, format, selection)?;
    let mut printer = Printer::to_stdio(flags.switch("timestamps"), flags.switch("details"));
    match watch {
        Some(watch) => follow(&container, &watch, &mut reader, &mut printer, selection.until)?,
        None => drop(show(&mut reader, &mut printer)?),
    }
    warn_of_damage(&reader, &path);
    Ok(0)
}

/// `--tail`, `--since`, `--until`, `--follow`.
fn selection(flags: &Parsed, now: Timestamp) -> Result<Selection> {
    let point = |name: &str| {
        let text = flags.value(name).filter(|text| !text.is_empty());
        let read = |text| {
            moment(text, now).map_err(|why| Error::invalid(format!("invalid value for {name:?}: {why}")))
        };
        text.map(read).transpose()
    };
    Ok(Selection {
        tail: flags.read("tail", tail)?.flatten(),
        since: point("since")?,
        until: point("until")?,
        follow: flags.switch("follow"),
        ..Selection::default()
    })
}

/// A number of lines; `all` or a negative one is all.
fn tail(text: &str) -> std::result::Result<Option<u64>, String> {
    match text.parse::<i64>() {
        Ok(count) => Ok(u64::try_from(count).ok()),
        Err(_) if text == "all" => Ok(None),
        Err(_) => Err("write a number of lines, or all".to_owned()),
    }
}

/// Docker's words, and where it can be read instead.
fn unreadable(log: &Config, id: &str) -> Error {
    let error = Error::unsupported("configured logging driver does not support reading");
    match log.driver {
        Driver::Journald => error.hint(format!("read it with `journalctl CONTAINER_ID_FULL={id}`")),
        Driver::Passthrough => {
            error.hint("its output went to where that of the command went that started it")
        }
        _ => error.hint(format!("the log driver is {}", log.driver.name())),
    }
}

/// Shows what there is; false when nobody reads it any more.
fn show(reader: &mut Reader, printer: &mut Printer) -> Result<bool> {
    while let Some(entry) = reader.next()? {
        if !printer.put(&entry)? {
            return Ok(false);
        }
    }
    printer.flush()
}

/// Shows what comes, until the container's monitor has ended, `until` has passed, or nobody reads it any more.
fn follow(
    container: &Container,
    watch: &Watch,
    reader: &mut Reader,
    printer: &mut Printer,
    until: Option<Timestamp>,
) -> Result<()> {
    let mut watched = true;
    let mut client = None;
    loop {
        // Looked at before the last reading: what is written until its end is then in it.
        let last = !watched;
        if !show(reader, printer)? || reader.is_done() || last {
            return Ok(());
        }
        let left = until.map(|until| until.nanoseconds().saturating_sub(Timestamp::now().nanoseconds()));
        if left.is_some_and(|left| left <= 0) {
            return Ok(());
        }
        if client.is_none() {
            client = connect(container)?;
        }
        let left = left.and_then(|left| u64::try_from(left).ok()).map(Duration::from_nanos);
        let look = client.is_none().then_some(LOOK);
        let timeout = [left, look].into_iter().flatten().min();
        watched = monitor::is_alive(container.places(), container.id());
        let wake = if watched {
            watch.wait(client.as_ref().map(|client| client.as_fd()), timeout)?
        } else {
            continue;
        };
        if wake == Wake::Ended {
            // Its monitor removes what is left, or starts it again.
            client = None;
            std::thread::sleep(LOOK / 10);
        }
    }
}

/// A connection that can be read when the container ends.
fn connect(container: &Container) -> Result<Option<monitor::Client>> {
    let client = monitor::connect(container)?;
    match container.now() {
        // It has ended, and the monitor has nothing to say.
        Ok(now) if !now.status.is_up() => Ok(None),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        now => now.map(|_| client),
    }
}

fn warn_of_damage(reader: &Reader, path: &Path) {
    if reader.damaged() > 0 {
        console::err(&format!("WARNING: {path:?}: {} damaged lines are left out\n", reader.damaged()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::{Outcome, container::LOGS, parse};

    fn select(line: &str) -> Result<Selection> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        match parse(&LOGS, &words)? {
            Outcome::Args(flags) => selection(&flags, Timestamp::from_seconds(1_700_000_000, 0)),
            Outcome::Help => panic!("help"),
        }
    }

    #[test]
    fn flags_as_docker_has_them() {
        let all = Selection::default();
        let at = |seconds| Some(Timestamp::from_seconds(seconds, 0));
        for (line, expected) in [
            ("web", all),
            ("-f web", Selection { follow: true, ..all }),
            ("--follow -n 5 web", Selection { follow: true, tail: Some(5), ..all }),
            ("--tail 0 web", Selection { tail: Some(0), ..all }),
            ("--tail all web", all),
            ("--tail -1 web", all),
            ("web --since 10m", Selection { since: at(1_699_999_400), ..all }),
            (
                "web --since 2023-11-14T22:13:20Z --until 1700000001",
                Selection { since: at(1_700_000_000), until: at(1_700_000_001), ..all },
            ),
        ] {
            assert_eq!(select(line).unwrap(), expected, "{line}");
        }
        for (line, why) in [
            (
                "--since soon web",
                "invalid value for \"since\": failed to parse value as time or duration: \"soon\"",
            ),
            (
                "--until 1x web",
                "invalid value for \"until\": failed to parse value as time or duration: \"1x\"",
            ),
        ] {
            assert_eq!(select(line).unwrap_err().to_string(), why, "{line}");
        }
        assert!(select("--tail many web").is_err());
    }

    #[test]
    fn what_cannot_be_read() {
        for driver in ["none", "journald", "passthrough"] {
            let log = Config::parse(Some(driver), []).unwrap();
            let error = unreadable(&log, "0123");
            assert_eq!(error.to_string(), "configured logging driver does not support reading");
            assert!(error.cure().is_some(), "{driver}");
        }
    }
}
