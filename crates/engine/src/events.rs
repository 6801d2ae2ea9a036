//! What happens to containers, volumes and images: a log of lines that commands and monitors append to.
//!
//! There is no daemon that would see it all: each says what it does, in one write to a file opened for appending, which the
//! kernel does not mix with another's. The log is bounded: a file that is full becomes `events.1`, and the one before that
//! goes. Nothing depends on it: where it cannot be written, what is said of goes on.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead as _, BufReader, ErrorKind as IoKind, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use barque_sys::{Call as _, file};
use serde::{Deserialize, Serialize};

use crate::log::Watch;
use crate::state::End;
use crate::{Container, Places, Result, Time};

const FILE: &str = "events";
const OLDER: &str = "events.1";
/// When a file is full.
const FULL: u64 = 4 << 20;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When.
    #[serde(rename = "t")]
    pub time: Time,
    /// To what: `container`, `volume`, `image`.
    #[serde(rename = "k")]
    pub kind: String,
    /// What: `start`, `die`, Docker's words.
    #[serde(rename = "a")]
    pub action: String,
    /// To which: an id, or a name.
    pub id: String,
    /// More of it.
    #[serde(rename = "x", default)]
    pub attributes: BTreeMap<String, String>,
}

/// Says that something happened to a container.
pub fn of_container(container: &Container, action: &str, more: &[(&str, &str)]) {
    let definition = &container.definition;
    let own = [("name", &definition.name[..]), ("image", &definition.image[..])];
    let labels = definition.labels.iter().map(|(key, value)| (&key[..], &value[..]));
    let attributes = labels.chain(own).chain(more.iter().copied());
    append(container.places(), "container", action, &definition.id, attributes);
}

/// Says that a run of a container has ended.
pub(crate) fn ended(container: &Container, end: &End) {
    if end.oom {
        of_container(container, "oom", &[]);
    }
    of_container(container, "die", &[("exitCode", &end.code.to_string())]);
}

/// Says that something happened to something else.
pub fn of(places: &Places, kind: &str, action: &str, id: &str, more: &[(&str, &str)]) {
    append(places, kind, action, id, more.iter().copied());
}

fn append<'a>(
    places: &Places,
    kind: &str,
    action: &str,
    id: &str,
    attributes: impl Iterator<Item = (&'a str, &'a str)>,
) {
    let attributes = attributes.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    let event = Event {
        time: Time::now(),
        kind: kind.to_owned(),
        action: action.to_owned(),
        id: id.to_owned(),
        attributes,
    };
    // A full disk keeps nobody from stopping a container.
    drop(write(&places.events(), &event));
}

fn write(directory: &Path, event: &Event) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(event)?;
    line.push(b'\n');
    let mut log = open(directory)?;
    log.write_all(&line)?;
    if log.metadata()?.len() >= FULL {
        rotate(directory, &log)?;
    }
    Ok(())
}

fn open(directory: &Path) -> std::io::Result<File> {
    let open = || OpenOptions::new().append(true).create(true).mode(0o600).open(directory.join(FILE));
    match open() {
        Err(error) if error.kind() == IoKind::NotFound => {
            fs::create_dir_all(directory)?;
            open()
        }
        opened => opened,
    }
}

/// Of several that find the file full, one renames it: a second would put the new file over the old one.
fn rotate(directory: &Path, log: &File) -> std::io::Result<()> {
    if !file::try_lock(log).unwrap_or(false) {
        return Ok(());
    }
    if fs::metadata(directory.join(FILE))?.ino() == log.metadata()?.ino() {
        fs::rename(directory.join(FILE), directory.join(OLDER))?;
    }
    Ok(())
}

/// Reads events, from the oldest on.
#[derive(Debug)]
pub struct Reader {
    directory: PathBuf,
    file: Option<BufReader<File>>,
    /// A line whose end has not been seen yet.
    line: Vec<u8>,
}

impl Reader {
    /// All that is kept.
    pub fn open(places: &Places) -> Result<Self> {
        let directory = places.events();
        let mut reader = Self { directory, file: None, line: Vec::new() };
        reader.file = reader.opened(OLDER)?;
        Ok(reader)
    }

    /// Only what happens from now on.
    pub fn open_at_end(places: &Places) -> Result<Self> {
        let directory = places.events();
        let mut reader = Self { directory, file: None, line: Vec::new() };
        reader.file = reader.opened(FILE)?;
        if let Some(log) = &mut reader.file {
            log.seek(SeekFrom::End(0)).call(|| "lseek(events)")?;
        }
        Ok(reader)
    }

    /// What sees that more may have happened; made before the last reading.
    pub fn watch(places: &Places) -> Result<Watch> {
        let directory = places.events();
        // Nothing has happened here yet: the log's watch makes the last directory only.
        fs::create_dir_all(&directory).call(|| format!("mkdir({directory:?})"))?;
        Watch::new(&directory.join(FILE))
    }

    fn opened(&self, name: &str) -> Result<Option<BufReader<File>>> {
        let path = self.directory.join(name);
        match File::open(&path) {
            Err(error) if error.kind() == IoKind::NotFound => Ok(None),
            opened => Ok(Some(BufReader::new(opened.call(|| format!("open({path:?})"))?))),
        }
    }

    /// The next event; none when there is none yet. Lines that are damaged are left out.
    pub fn read(&mut self) -> Result<Option<Event>> {
        loop {
            // Asked before it is read to its end: what a writer adds to a file that was renamed meanwhile is then read first.
            let replaced = self.is_replaced();
            if let Some(log) = &mut self.file {
                while log.read_until(b'\n', &mut self.line).call(|| "read(events)")? > 0 {
                    if self.line.last() != Some(&b'\n') {
                        // A disk that was full in the middle of a line, or a write that goes on.
                        break;
                    }
                    let event = serde_json::from_slice(&self.line).ok();
                    self.line.clear();
                    if event.is_some() {
                        return Ok(event);
                    }
                }
            }
            if !replaced {
                return Ok(None);
            }
            self.line.clear();
            self.file = self.opened(FILE)?;
            if self.file.is_none() {
                return Ok(None);
            }
        }
    }

    /// Whether the file that is written to now is another one.
    fn is_replaced(&self) -> bool {
        let own = self.file.as_ref().and_then(|file| file.get_ref().metadata().ok()).map(|own| own.ino());
        let current = fs::metadata(self.directory.join(FILE)).ok().map(|current| current.ino());
        current.is_some() && current != own
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(directory: &Path) -> Places {
        Places { root: directory.join("root"), run_root: directory.join("run") }
    }

    fn ids(reader: &mut Reader) -> Vec<String> {
        std::iter::from_fn(|| reader.read().unwrap()).map(|event| event.id).collect()
    }

    #[test]
    fn what_is_said_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let places = places(directory.path());
        let mut reader = Reader::open(&places).unwrap();
        assert_eq!(reader.read().unwrap(), None);
        of(&places, "volume", "create", "one", &[("driver", "local")]);
        let event = reader.read().unwrap().unwrap();
        assert_eq!((&event.kind[..], &event.action[..], &event.id[..]), ("volume", "create", "one"));
        assert_eq!(event.attributes["driver"], "local");
        let mut later = Reader::open_at_end(&places).unwrap();
        of(&places, "volume", "destroy", "two", &[]);
        assert_eq!(ids(&mut reader), ["two"]);
        assert_eq!(ids(&mut later), ["two"]);
        assert_eq!(ids(&mut Reader::open(&places).unwrap()), ["one", "two"]);
    }

    /// A damaged line costs nobody another one; a line that is not whole yet is waited for.
    #[test]
    fn damage() {
        let directory = tempfile::tempdir().unwrap();
        let places = places(directory.path());
        let mut reader = Reader::open(&places).unwrap();
        of(&places, "volume", "create", "one", &[]);
        let mut log = open(&places.events()).unwrap();
        log.write_all(b"{\"t\":nonsense}\n{\"t\":[1,2],\"k\":\"image\",").unwrap();
        assert_eq!(ids(&mut reader), ["one"]);
        log.write_all(b"\"a\":\"pull\",\"id\":\"two\"}\n").unwrap();
        assert_eq!(ids(&mut reader), ["two"]);
    }

    #[test]
    fn a_full_log_is_put_aside_and_followed() {
        let directory = tempfile::tempdir().unwrap();
        let places = places(directory.path());
        of(&places, "volume", "create", "first", &[]);
        let mut reader = Reader::open(&places).unwrap();
        assert_eq!(ids(&mut reader), ["first"]);
        let large = "x".repeat(usize::try_from(FULL).unwrap());
        for name in ["second", "third"] {
            of(&places, "volume", "create", name, &[("large", &large)]);
            of(&places, "volume", "create", "small", &[]);
            assert_eq!(ids(&mut reader), [name, "small"]);
        }
        let size: u64 =
            [FILE, OLDER].iter().map(|name| fs::metadata(places.events().join(name)).unwrap().len()).sum();
        assert!(size < 2 * FULL, "{size}");
        // The oldest file has gone.
        assert_eq!(ids(&mut Reader::open(&places).unwrap()), ["small", "third", "small"]);
    }
}
