//! A log read from its oldest file to its newest one, while it is written and rotated.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use super::chain::{Chain, Newer, Part};
use super::config::Format;
use super::lines::Lines;
use super::scan::{self, Record};
use super::tail::last_lines;
use super::{Stream, Timestamp};
use crate::Result;

/// Which records are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Selection {
    /// The last so many of all that there are as reading begins; the other conditions then leave out some of these.
    pub tail: Option<u64>,
    /// Not older than this.
    pub since: Option<Timestamp>,
    /// Not newer than this.
    pub until: Option<Timestamp>,
    /// Standard output.
    pub stdout: bool,
    /// Standard error.
    pub stderr: bool,
    /// Also what is written after reading began.
    pub follow: bool,
}

impl Default for Selection {
    /// All there is.
    fn default() -> Self {
        Self { tail: None, since: None, until: None, stdout: true, stderr: true, follow: false }
    }
}

/// One record: a line, or a piece of one.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// Where it was printed.
    pub stream: Stream,
    /// What was printed, without the newline.
    pub text: &'a [u8],
    /// Whether a newline ends it; otherwise the line goes on in the stream's next record, or has no end.
    pub ends: bool,
    record: &'a Record,
    line: &'a [u8],
    format: Format,
}

impl Entry<'_> {
    /// When it was printed. Read only when asked for.
    pub fn time(&self) -> Timestamp {
        self.record.time(self.line).unwrap_or_default()
    }

    /// What the log says about the container beside each line (`--log-opt labels=…`).
    pub fn attributes(&self) -> BTreeMap<String, String> {
        scan::attributes(self.format, self.line)
    }
}

/// Reads a log.
///
/// A record that was not written whole, since the writer was killed, is left out, and counted where it is not the last.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    chain: Chain,
    format: Format,
    selection: Selection,
    part: Option<Part>,
    /// Where to stop: the end of the newest file as reading began.
    end: Option<Part>,
    lines: Lines,
    scratch: Vec<u8>,
    record: Option<Record>,
    /// It is no longer the newest file, and has been read after that was known.
    drained: bool,
    done: bool,
    damaged: u64,
}

/// Whether a record is wanted.
enum Wanted {
    Yes,
    No,
    /// Nor is any after it.
    Past,
}

/// Times of files are those of the last tick of the kernel's clock, a little in the past.
const TICK: i64 = 1_000_000_000;

impl Reader {
    /// Begins to read the log with this path ([`Config::file`](super::Config::file)), which need not be there.
    pub fn open(path: &Path, format: Format, selection: Selection) -> Result<Self> {
        let mut reader = Self {
            path: path.to_owned(),
            chain: Chain::new(path.to_owned()),
            format,
            selection,
            part: None,
            end: None,
            lines: Lines::default(),
            scratch: Vec::new(),
            record: None,
            drained: false,
            done: false,
            damaged: 0,
        };
        reader.begin().map_err(|errno| reader.failure(errno))?;
        Ok(reader)
    }

    fn failure(&self, errno: Errno) -> crate::Error {
        barque_sys::Error::new(format!("read({:?})", self.path), errno).into()
    }

    fn begin(&mut self) -> std::result::Result<(), Errno> {
        if !self.selection.follow {
            self.end = self.chain.newest()?;
            self.done = self.end.is_none();
        }
        match self.selection.tail {
            None => {
                let oldest = self.chain.oldest()?;
                self.continue_with(oldest, 0);
                self.skip_old_files()?;
            }
            Some(count) => {
                let mut part = self.chain.newest()?;
                let (mut offset, mut missing) = (0, count);
                while let Some(newest) = &part {
                    (offset, missing) = last_lines(&newest.file, newest.size, missing)?;
                    let older = if missing > 0 { self.chain.older(newest)? } else { None };
                    let Some(older) = older else { break };
                    part = Some(older);
                }
                self.continue_with(part, offset);
            }
        }
        Ok(())
    }

    /// Files that were written to for the last time before what is asked for.
    fn skip_old_files(&mut self) -> std::result::Result<(), Errno> {
        let Some(since) = self.selection.since else { return Ok(()) };
        while let Some(part) = &self.part {
            if part.modified.nanoseconds().saturating_add(TICK) >= since.nanoseconds() {
                break;
            }
            let Newer::Part(newer) = self.chain.newer(part)? else { break };
            self.continue_with(Some(newer), 0);
        }
        Ok(())
    }

    fn continue_with(&mut self, part: Option<Part>, offset: u64) {
        let last = part.as_ref().zip(self.end.as_ref()).filter(|(part, end)| part.is(end));
        let limit = last.map(|(_, end)| end.size);
        self.lines.begin(offset, limit);
        self.part = part;
        self.drained = false;
    }

    /// The next record; none when there is no more, or, while following, no more for now.
    #[expect(clippy::should_implement_trait, reason = "an entry borrows the reader's buffer")]
    pub fn next(&mut self) -> Result<Option<Entry<'_>>> {
        let line = self.advance().map_err(|errno| self.failure(errno))?;
        let (Some(line), Some(record)) = (line, &self.record) else { return Ok(None) };
        let line = &self.lines.buffer[line];
        Ok(Some(Entry {
            stream: record.stream,
            text: record.text(line, &mut self.scratch),
            ends: record.ends,
            record,
            line,
            format: self.format,
        }))
    }

    /// Whether nothing comes any more, even when following: `until` has passed.
    pub fn is_done(&self) -> bool {
        self.done
    }

    /// How many lines of the files were no records.
    pub fn damaged(&self) -> u64 {
        self.damaged + self.lines.too_long
    }

    /// The next record that is wanted, in `self.record`, and its line.
    fn advance(&mut self) -> std::result::Result<Option<Range<usize>>, Errno> {
        while !self.done {
            let Some(part) = &self.part else {
                let oldest = self.chain.oldest()?;
                if oldest.is_none() {
                    break;
                }
                self.continue_with(oldest, 0);
                continue;
            };
            let Some(range) = self.lines.next(&part.file)? else {
                if self.next_part()? {
                    continue;
                }
                break;
            };
            let line = &self.lines.buffer[range.clone()];
            let Some(record) = scan::record(self.format, line, &mut self.scratch) else {
                // A writer ends the torn line that it finds; what it finds may be empty.
                self.damaged += u64::from(!line.is_empty());
                continue;
            };
            match wanted(&self.selection, &record, line) {
                Wanted::Yes => {
                    self.record = Some(record);
                    return Ok(Some(range));
                }
                Wanted::No => {}
                Wanted::Past => self.done = true,
            }
        }
        Ok(None)
    }

    /// This file is read to its end: whether there is more.
    fn next_part(&mut self) -> std::result::Result<bool, Errno> {
        let Some(part) = &self.part else { return Ok(false) };
        if self.end.as_ref().is_some_and(|end| end.is(part)) {
            self.done = true;
            return Ok(false);
        }
        match self.chain.newer(part)? {
            Newer::Newest => {
                // Others cut it: `logrotate` with `copytruncate`.
                let size = rustix::fs::fstat(&part.file)?.st_size;
                let cut = u64::try_from(size).is_ok_and(|size| size < self.lines.position());
                if cut {
                    self.lines.begin(0, None);
                }
                Ok(cut)
            }
            // Between the end of it and its renaming more may have been written.
            Newer::Part(_) if !self.drained => {
                self.drained = true;
                Ok(true)
            }
            Newer::Part(newer) => {
                self.continue_with(Some(newer), 0);
                Ok(true)
            }
        }
    }
}

fn wanted(selection: &Selection, record: &Record, line: &[u8]) -> Wanted {
    if selection.since.is_some() || selection.until.is_some() {
        let Some(time) = record.time(line) else { return Wanted::No };
        if selection.until.is_some_and(|until| time > until) {
            return Wanted::Past;
        }
        if selection.since.is_some_and(|since| time < since) {
            return Wanted::No;
        }
    }
    let shown = match record.stream {
        Stream::Stdout => selection.stdout,
        Stream::Stderr => selection.stderr,
    };
    if shown { Wanted::Yes } else { Wanted::No }
}
