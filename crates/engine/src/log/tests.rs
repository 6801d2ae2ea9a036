//! Writers and readers together, on real files.

mod disk;
mod files;
mod following;
mod journal;
mod random;

use std::path::Path;

use super::*;

const NOW: Timestamp = Timestamp::from_nanoseconds(1_700_000_000_000_000_000);
const FORMATS: [&str; 2] = ["json-file", "local"];

fn config(driver: &str, options: &[&str]) -> Config {
    Config::parse(Some(driver), options.iter().copied()).unwrap()
}

fn writer(config: &Config, container: &Path) -> Writer {
    Writer::new(config, container, &Subject::default()).unwrap()
}

fn reader(config: &Config, container: &Path, selection: Selection) -> Reader {
    let (path, format) = config.file(container).unwrap();
    Reader::open(&path, format, selection).unwrap()
}

/// A moment some seconds after [`NOW`].
fn after(seconds: i64) -> Timestamp {
    Timestamp::from_nanoseconds(NOW.nanoseconds() + seconds * 1_000_000_000)
}

/// Each record that is there now: stream, text, whether it ends the line.
fn drain(reader: &mut Reader) -> Vec<(Stream, String, bool)> {
    let mut found = Vec::new();
    while let Some(entry) = reader.next().unwrap() {
        found.push((entry.stream, String::from_utf8_lossy(entry.text).into_owned(), entry.ends));
    }
    found
}

/// The texts of all whole lines.
fn texts(reader: &mut Reader) -> Vec<String> {
    drain(reader).into_iter().map(|(_, text, _)| text).collect()
}

/// Writes `line N` for each number.
fn number(writer: &mut Writer, numbers: impl Iterator<Item = u32>) {
    for number in numbers {
        writer.write(Stream::Stdout, format!("line {number}\n").as_bytes(), after(number.into()));
    }
}

fn numbered(numbers: impl Iterator<Item = u32>) -> Vec<String> {
    numbers.map(|number| format!("line {number}")).collect()
}

/// The names in a container's log directory.
fn names(container: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(container.join("log"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
