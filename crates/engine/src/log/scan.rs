//! A line of a log file as a record: by hand when it has the form that writers give it, by serde otherwise.

use std::collections::BTreeMap;
use std::ops::Range;

use memchr::memchr2;
use serde::Deserialize;

use super::unescape::unescape;
use super::{Format, Stream, Timestamp};

/// Where things are in a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) stream: Stream,
    /// The moment, as text.
    pub(super) time: Time,
    pub(super) text: Text,
    /// Whether a newline ends it.
    pub(super) ends: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Time {
    /// In the line.
    At(Range<usize>),
    Known(Timestamp),
}

/// What was printed, without the newline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Text {
    /// In the line.
    Plain(Range<usize>),
    /// In the line, with escapes of JSON.
    Escaped(Range<usize>),
    /// In the space given to [`record`].
    Scratch,
}

impl Record {
    /// When it was printed.
    pub(super) fn time(&self, line: &[u8]) -> Option<Timestamp> {
        match &self.time {
            Time::At(range) => Timestamp::parse(&line[range.clone()]),
            Time::Known(time) => Some(*time),
        }
    }

    /// What was printed.
    pub(super) fn text<'a>(&self, line: &'a [u8], scratch: &'a mut Vec<u8>) -> &'a [u8] {
        match &self.text {
            Text::Plain(range) => &line[range.clone()],
            Text::Escaped(range) => {
                scratch.clear();
                if !unescape(scratch, &line[range.clone()]) {
                    // Half of a surrogate pair or an escape that JSON has not: as it is written, rather than not at all.
                    scratch.clear();
                    scratch.extend_from_slice(&line[range.clone()]);
                }
                scratch
            }
            Text::Scratch => scratch,
        }
    }
}

/// Reads a line; none when it is no record.
pub(super) fn record(format: Format, line: &[u8], scratch: &mut Vec<u8>) -> Option<Record> {
    match format {
        Format::Json => json(line).or_else(|| other_json(line, scratch)),
        Format::Cri => cri(line),
    }
}

const LOG: &[u8] = b"{\"log\":\"";
const STREAM: &[u8] = b",\"stream\":\"";
const TIME: &[u8] = b",\"time\":\"";
const ATTRIBUTES: &[u8] = b",\"attrs\":";

/// `{"log":"…","stream":"…"[,"attrs":{…}],"time":"…"}`.
fn json(line: &[u8]) -> Option<Record> {
    if !line.starts_with(LOG) {
        return None;
    }
    let start = LOG.len();
    let (end, first_escape) = string_end(line, start)?;
    let rest = line[end + 1..].strip_prefix(STREAM)?;
    let name = rest.get(..6)?;
    let stream = Stream::from_name(name)?;
    let rest = rest[6..].strip_prefix(b"\"")?;
    let time = match rest.strip_prefix(TIME) {
        Some(time) => line.len() - time.len(),
        None if rest.starts_with(ATTRIBUTES) => {
            line.len() - rest.len() + memchr::memmem::rfind(rest, TIME)? + TIME.len()
        }
        None => return None,
    };
    let time_end = line.len().checked_sub(2).filter(|at| *at >= time && line[*at..] == *b"\"}")?;
    let ends =
        end >= start + 2 && line[end - 2..end] == *b"\\n" && newline_is_one(&line[start..end], first_escape);
    let text = start..if ends { end - 2 } else { end };
    let plain = first_escape.is_none_or(|escape| escape >= text.end - start);
    Some(Record {
        stream,
        time: Time::At(time..time_end),
        text: if plain { Text::Plain(text) } else { Text::Escaped(text) },
        ends,
    })
}

/// Where a string ends that begins at `start`, and where its first escape is, counted from there.
fn string_end(line: &[u8], start: usize) -> Option<(usize, Option<usize>)> {
    let mut at = start;
    let mut first = None;
    loop {
        let found = at + memchr2(b'"', b'\\', line.get(at..)?)?;
        if line[found] == b'"' {
            return Some((found, first));
        }
        first = first.or(Some(found - start));
        at = found + 2;
    }
}

/// Whether the `\n` at the end of a string is an escape, and not a letter after an escaped backslash.
fn newline_is_one(text: &[u8], first_escape: Option<usize>) -> bool {
    if first_escape == Some(text.len() - 2) {
        return true;
    }
    let backslashes = text[..text.len() - 1].iter().rev().take_while(|byte| **byte == b'\\').count();
    backslashes % 2 == 1
}

#[derive(Deserialize)]
struct Other<'a> {
    #[serde(default)]
    log: String,
    #[serde(default)]
    stream: String,
    #[serde(borrow)]
    time: std::borrow::Cow<'a, str>,
}

/// Any other JSON with these fields: spaces, another order, escapes in unusual places. A power cut may leave zeros
/// before a record.
fn other_json(line: &[u8], scratch: &mut Vec<u8>) -> Option<Record> {
    let begin = line.iter().position(|byte| *byte != 0)?;
    let other: Other<'_> = serde_json::from_slice(&line[begin..]).ok()?;
    let (text, ends) = match other.log.strip_suffix('\n') {
        Some(text) => (text, true),
        None => (other.log.as_str(), false),
    };
    scratch.clear();
    scratch.extend_from_slice(text.as_bytes());
    Some(Record {
        stream: Stream::from_name(other.stream.as_bytes())?,
        time: Time::Known(Timestamp::parse(other.time.as_bytes())?),
        text: Text::Scratch,
        ends,
    })
}

/// What Docker's format says about the container in each line.
pub(super) fn attributes(format: Format, line: &[u8]) -> BTreeMap<String, String> {
    #[derive(Default, Deserialize)]
    struct Described {
        #[serde(default)]
        attrs: BTreeMap<String, String>,
    }
    match format {
        Format::Json => serde_json::from_slice::<Described>(line).unwrap_or_default().attrs,
        Format::Cri => BTreeMap::new(),
    }
}

/// `TIME STREAM F|P LINE`.
fn cri(line: &[u8]) -> Option<Record> {
    let space = memchr::memchr(b' ', line.get(..40.min(line.len()))?)?;
    let rest = line.get(space + 1..)?;
    let stream = Stream::from_name(rest.get(..6)?)?;
    let ends = match rest.get(6..9)? {
        b" F " => true,
        b" P " => false,
        _ => return None,
    };
    Some(Record { stream, time: Time::At(0..space), text: Text::Plain(space + 10..line.len()), ends })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(format: Format, line: &str) -> Option<(Stream, String, String, bool)> {
        let mut scratch = Vec::new();
        let record = record(format, line.as_bytes(), &mut scratch)?;
        let time = record.time(line.as_bytes())?.to_string();
        let text = String::from_utf8_lossy(record.text(line.as_bytes(), &mut scratch)).into_owned();
        Some((record.stream, time, text, record.ends))
    }

    #[test]
    fn dockers_lines_by_hand_and_by_serde_alike() {
        for (log, text, ends) in [
            (r"hi\n", "hi", true),
            (r"hi", "hi", false),
            (r"\n", "", true),
            (r#"say \"x\"\n"#, "say \"x\"", true),
            (r"back\\n", "back\\n", false),
            (r"back\\\n", "back\\", true),
            (r"\u003ca\u003e é\r\n", "<a> é\r", true),
            (r"\ud83e\udd80", "🦀", false),
            (r"a\nb\n", "a\nb", true),
        ] {
            let own = format!(r#"{{"log":"{log}","stream":"stderr","time":"2023-11-14T22:13:20.5Z"}}"#);
            let with_attributes = format!(
                r#"{{"log":"{log}","stream":"stderr","attrs":{{"a":",\"time\":\""}},"time":"2023-11-14T22:13:20.5Z"}}"#
            );
            let other = format!(
                r#"{{ "time":"2023-11-14T23:13:20.5+01:00", "stream":"stderr", "log":"{log}", "x":1}}"#
            );
            let expected =
                (Stream::Stderr, "2023-11-14T22:13:20.500000000Z".to_owned(), text.to_owned(), ends);
            assert!(json(own.as_bytes()).is_some() && json(with_attributes.as_bytes()).is_some());
            assert!(json(other.as_bytes()).is_none());
            for line in [own, with_attributes, other] {
                assert_eq!(read(Format::Json, &line).as_ref(), Some(&expected), "{line}");
            }
        }
    }

    #[test]
    fn attributes_where_they_are() {
        for line in [
            r#"{"log":"x\n","stream":"stdout","attrs":{"a":"b"},"time":"2023-11-14T22:13:20Z"}"#,
            r#"{"stream":"stdout","attrs":{"a":"b"},"log":"x\n","time":"2023-11-14T22:13:20Z"}"#,
        ] {
            assert!(record(Format::Json, line.as_bytes(), &mut Vec::new()).is_some());
            let found = attributes(Format::Json, line.as_bytes());
            assert_eq!(found.into_iter().collect::<Vec<_>>(), [("a".to_owned(), "b".to_owned())]);
        }
    }

    #[test]
    fn damage_is_no_record() {
        let good = r#"{"log":"x\n","stream":"stdout","time":"2023-11-14T22:13:20Z"}"#;
        for cut in 0..good.len() {
            assert_eq!(read(Format::Json, &good[..cut]), None, "{}", &good[..cut]);
        }
        assert!(read(Format::Json, &format!("\0\0\0{good}")).is_some());
        for line in
            ["", "\0\0", "null", "[]", r#"{"log":"x","stream":"stdin","time":"2023-11-14T22:13:20Z"}"#]
        {
            assert_eq!(read(Format::Json, line), None, "{line}");
        }
    }

    #[test]
    fn lines_of_cri() {
        let time = "2023-11-14T22:13:20.500000000Z";
        for (line, expected) in [
            (format!("{time} stdout F hi there"), Some((Stream::Stdout, "hi there", true))),
            (format!("{time} stderr P "), Some((Stream::Stderr, "", false))),
            (format!("{time} stdout X hi"), None),
            (format!("{time} stdout F"), None),
            (time.to_owned(), None),
            ("x".repeat(100), None),
        ] {
            let expected =
                expected.map(|(stream, text, ends)| (stream, time.to_owned(), text.to_owned(), ends));
            assert_eq!(read(Format::Cri, &line), expected, "{line}");
        }
    }
}
