//! Records of a log as text: with times and attributes, each stream where it belongs.

use std::collections::BTreeMap;
use std::os::fd::BorrowedFd;

use barque_engine::log::{Entry, Stream};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use crate::{Error, ErrorKind, Result};

/// What is gathered before it is written: as much as a pipe holds.
const FULL: usize = 64 * 1024;

/// Writes records to two streams.
pub(super) struct Printer {
    timestamps: bool,
    details: bool,
    /// Both streams lead to the same file: only written to one of them the lines stay in order.
    same: bool,
    fds: [BorrowedFd<'static>; 2],
    pending: [Vec<u8>; 2],
    /// Which streams are within a line, whose beginning has been shown.
    within: [bool; 2],
}

impl Printer {
    /// To standard output and standard error.
    pub(super) fn to_stdio(timestamps: bool, details: bool) -> Self {
        Self::new([rustix::stdio::stdout(), rustix::stdio::stderr()], timestamps, details)
    }

    fn new(fds: [BorrowedFd<'static>; 2], timestamps: bool, details: bool) -> Self {
        let [out, err] = fds.map(|fd| rustix::fs::fstat(fd).ok().map(|stat| (stat.st_dev, stat.st_ino)));
        let same = out.is_some() && out == err;
        Self { timestamps, details, same, fds, pending: Default::default(), within: [false; 2] }
    }

    /// Takes a record; false when nobody reads it any more.
    pub(super) fn put(&mut self, entry: &Entry<'_>) -> Result<bool> {
        let stream = usize::from(entry.stream == Stream::Stderr);
        let to = if self.same { 0 } else { stream };
        let pending = &mut self.pending[to];
        if !std::mem::replace(&mut self.within[stream], !entry.ends) {
            if self.timestamps {
                pending.extend_from_slice(&entry.time().fixed());
                pending.push(b' ');
            }
            if self.details {
                pending.extend_from_slice(details(&entry.attributes()).as_bytes());
                pending.push(b' ');
            }
        }
        pending.extend_from_slice(entry.text);
        if entry.ends {
            pending.push(b'\n');
        }
        if pending.len() < FULL {
            return Ok(true);
        }
        self.write(to)
    }

    /// Writes all that is gathered; false when nobody reads it any more.
    pub(super) fn flush(&mut self) -> Result<bool> {
        Ok(self.write(0)? && self.write(1)?)
    }

    fn write(&mut self, to: usize) -> Result<bool> {
        let fd = self.fds[to];
        let mut rest = &self.pending[to][..];
        while !rest.is_empty() {
            match rustix::io::write(fd, rest) {
                Ok(count) => rest = &rest[count..],
                Err(Errno::INTR) => {}
                // A terminal that another program has made so.
                Err(Errno::AGAIN) => drop(poll(&mut [PollFd::from_borrowed_fd(fd, PollFlags::OUT)], None)),
                // With SIGPIPE ignored; otherwise this process has ended.
                Err(Errno::PIPE) => return Ok(false),
                Err(errno) => {
                    let what = ["standard output", "standard error"][to];
                    let why = barque_sys::errno::text(errno);
                    return Err(Error::new(ErrorKind::Unavailable, format!("writing to {what}: {why}")));
                }
            }
        }
        self.pending[to].clear();
        Ok(true)
    }
}

/// `name=value,…`, each escaped as in a query of a URL, as Docker shows them.
fn details(attributes: &BTreeMap<String, String>) -> String {
    let mut text = String::new();
    for (name, value) in attributes {
        if !text.is_empty() {
            text.push(',');
        }
        query(&mut text, name);
        text.push('=');
        query(&mut text, value);
    }
    text
}

fn query(text: &mut String, part: &str) {
    for byte in part.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                text.push(char::from(byte));
            }
            b' ' => text.push('+'),
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Seek as _};
    use std::os::fd::AsFd as _;

    use barque_engine::log::{Config, Reader, Selection, Subject, Timestamp, Writer};

    use super::*;

    /// What comes out on both streams, of a log with lines of both.
    fn shown(timestamps: bool, details: bool, same: bool) -> [String; 2] {
        let container = tempfile::tempdir().unwrap();
        let config = Config::parse(None, ["labels=a b,c"]).unwrap();
        let subject = Subject { labels: &[("a b", "1/2"), ("c", "d")], ..Subject::default() };
        let mut writer = Writer::new(&config, container.path(), &subject).unwrap();
        let now = Timestamp::from_nanoseconds(1_700_000_000_500_000_000);
        writer.write(Stream::Stdout, b"one\n", now);
        writer.write(Stream::Stderr, b"two\n", now);
        writer.write(Stream::Stdout, &[&[b'x'; 20_000][..], b"\nend"].concat(), now);
        writer.finish(now);
        let (path, format) = config.file(container.path()).unwrap();
        let mut reader = Reader::open(&path, format, Selection::default()).unwrap();
        // Kept open until the test's process ends: a printer writes to streams that never go away.
        let files: [&'static std::fs::File; 2] =
            [0, 1].map(|_| &*Box::leak(Box::new(tempfile::tempfile().unwrap())));
        let mut printer =
            Printer::new([files[0].as_fd(), files[usize::from(!same)].as_fd()], timestamps, details);
        while let Some(entry) = reader.next().unwrap() {
            assert!(printer.put(&entry).unwrap());
        }
        assert!(printer.flush().unwrap());
        files.map(|mut file| {
            let mut text = String::new();
            file.rewind().unwrap();
            file.read_to_string(&mut text).unwrap();
            text.replace(&"x".repeat(20_000), "LONG")
        })
    }

    #[test]
    fn streams_apart_or_in_order() {
        assert_eq!(shown(false, false, false), ["one\nLONG\nend", "two\n"]);
        assert_eq!(shown(false, false, true), ["one\ntwo\nLONG\nend", ""]);
    }

    #[test]
    fn times_and_attributes_once_a_line() {
        let time = "2023-11-14T22:13:20.500000000Z";
        assert_eq!(
            shown(true, false, false),
            [format!("{time} one\n{time} LONG\n{time} end"), format!("{time} two\n")]
        );
        assert_eq!(shown(true, true, false)[1], format!("{time} a+b=1%2F2,c=d two\n"));
        assert_eq!(shown(false, true, false)[1], "a+b=1%2F2,c=d two\n");
    }

    #[test]
    fn a_reader_that_went_away_is_no_failure() {
        let (reads, writes) = rustix::pipe::pipe().unwrap();
        drop(reads);
        let writes: &'static std::os::fd::OwnedFd = Box::leak(Box::new(writes));
        let mut printer = Printer::new([writes.as_fd(); 2], false, false);
        printer.pending[0] = b"x".to_vec();
        // The test runner ignores SIGPIPE.
        assert!(!printer.flush().unwrap());
    }
}
