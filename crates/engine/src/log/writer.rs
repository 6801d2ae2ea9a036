//! What the monitor calls with all that a container prints.

use std::path::Path;

use rustix::io::Errno;

use super::file::LogFile;
use super::journal::{self, Journal};
use super::split::Splitter;
use super::{Config, Driver, Stream, Subject, Timestamp, attributes, encode};
use crate::Result;

/// Writes a container's log.
///
/// It never fails and never waits for anything but the disk: what cannot be written is dropped and counted, and the log
/// says so as soon as it can be written again. Nothing is opened or allocated before the first output.
#[derive(Debug)]
pub struct Writer {
    sink: Sink,
    stdout: Splitter,
    stderr: Splitter,
}

#[derive(Debug)]
enum Sink {
    File(Box<LogFile>),
    Journal(Box<Journal>),
    Nowhere,
}

impl Writer {
    /// The log of the container whose directory is `container`.
    ///
    /// # Errors
    /// When the configuration does not fit the container: its tag, the expressions for labels.
    pub fn new(config: &Config, container: &Path, subject: &Subject<'_>) -> Result<Self> {
        Self::with_journal(config, container, subject, Path::new(journal::SOCKET))
    }

    /// [`Writer::new`] with the journal's socket elsewhere.
    pub(super) fn with_journal(
        config: &Config,
        container: &Path,
        subject: &Subject<'_>,
        journal: &Path,
    ) -> Result<Self> {
        let sink = match config.file(container) {
            Some((path, format)) => {
                let attributes = attributes_json(config, subject)?;
                Sink::File(Box::new(LogFile::new(path, format, config, attributes)))
            }
            None if config.driver == Driver::Journald => {
                Sink::Journal(Box::new(Journal::new(journal, config, subject)?))
            }
            None => Sink::Nowhere,
        };
        Ok(Self { sink, stdout: Splitter::default(), stderr: Splitter::default() })
    }

    /// Takes bytes as they were read from the container. Lines get the time `now`; what ends no line yet is held.
    pub fn write(&mut self, stream: Stream, bytes: &[u8], now: Timestamp) {
        let splitter = match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        };
        match &mut self.sink {
            Sink::File(file) => splitter.push(bytes, |line, ends| file.append(line, ends, stream, now)),
            Sink::Journal(journal) => {
                splitter.push(bytes, |line, ends| journal.append(line, ends, stream, now));
            }
            Sink::Nowhere => {}
        }
    }

    /// A stream has ended: what is held of a last line without an end is written.
    pub fn end(&mut self, stream: Stream, now: Timestamp) {
        let splitter = match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        };
        match &mut self.sink {
            Sink::File(file) => splitter.finish(|line, ends| file.append(line, ends, stream, now)),
            Sink::Journal(journal) => splitter.finish(|line, ends| journal.append(line, ends, stream, now)),
            Sink::Nowhere => {}
        }
    }

    /// Both streams have ended, and all is written.
    pub fn finish(&mut self, now: Timestamp) {
        self.end(Stream::Stdout, now);
        self.end(Stream::Stderr, now);
        self.flush(now);
    }

    /// Whether there is something for [`Writer::flush`] to do.
    pub fn pending(&self) -> bool {
        matches!(&self.sink, Sink::File(file) if file.pending())
    }

    /// Writes what is gathered: to be called when there is nothing to read at the moment.
    pub fn flush(&mut self, now: Timestamp) {
        if let Sink::File(file) = &mut self.sink {
            file.flush(now);
        }
    }

    /// How many records were lost so far, and why the last one was.
    pub fn lost(&self) -> Option<(u64, Errno)> {
        let (count, failure) = match &self.sink {
            Sink::File(file) => (file.dropped, file.failure),
            Sink::Journal(journal) => (journal.dropped, journal.failure),
            Sink::Nowhere => return None,
        };
        (count > 0).then_some((count, failure?))
    }
}

/// `,"attrs":{"a":"b"}`, or nothing.
fn attributes_json(config: &Config, subject: &Subject<'_>) -> Result<String> {
    let attributes = attributes::attributes(config, subject)?;
    if attributes.is_empty() {
        return Ok(String::new());
    }
    let mut text = Vec::new();
    for (name, value) in &attributes {
        text.extend_from_slice(if text.is_empty() { b",\"attrs\":{\"" } else { b",\"" });
        encode::escape(&mut text, name.as_bytes());
        text.extend_from_slice(b"\":\"");
        encode::escape(&mut text, value.as_bytes());
        text.push(b'"');
    }
    text.push(b'}');
    // Escaping leaves nothing else.
    Ok(String::from_utf8(text).unwrap_or_default())
}
