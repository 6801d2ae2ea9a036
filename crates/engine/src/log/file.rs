//! A log in files: written in large pieces, rotated, and never in the way of the program when the disk is full.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use memchr::{memchr_iter, memrchr};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::config::{Config, Format};
use super::{Stream, Timestamp, encode};

/// What is gathered before it is written.
const BUFFER: usize = 32 * 1024;

/// The file that is written to, and those it becomes.
#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    format: Format,
    attributes: String,
    max_size: Option<u64>,
    max_file: u32,
    file: Option<OwnedFd>,
    /// Bytes in the file, all of them whole records.
    size: u64,
    /// Whole records that are not in the file yet.
    buffer: Vec<u8>,
    /// Records that could not be written, and that the log does not say so of yet.
    unnoted: u64,
    /// All records that could not be written.
    pub(super) dropped: u64,
    /// Why the last one could not be written.
    pub(super) failure: Option<Errno>,
}

impl LogFile {
    /// Nothing is opened before there is something to write.
    pub(super) fn new(path: PathBuf, format: Format, config: &Config, attributes: String) -> Self {
        Self {
            path,
            format,
            attributes,
            max_size: config.max_size,
            max_file: config.max_file,
            file: None,
            size: 0,
            buffer: Vec::new(),
            unnoted: 0,
            dropped: 0,
            failure: None,
        }
    }

    /// Adds a record.
    pub(super) fn append(&mut self, line: &[u8], ends: bool, stream: Stream, now: Timestamp) {
        if self.buffer.len() + line.len() > BUFFER {
            self.flush(now);
        }
        let start = self.buffer.len();
        if self.buffer.capacity() == 0 {
            self.buffer.reserve(BUFFER + BUFFER / 4);
        }
        self.encode(line, ends, stream, now);
        let Some(max_size) = self.max_size else { return };
        if self.file.is_none() {
            self.open();
        }
        if self.size + self.buffer.len() as u64 > max_size && self.size + start as u64 > 0 {
            let last = self.buffer.split_off(start);
            self.flush(now);
            self.rotate();
            self.buffer.extend_from_slice(&last);
        }
    }

    fn encode(&mut self, line: &[u8], ends: bool, stream: Stream, now: Timestamp) {
        match self.format {
            Format::Json => encode::json(&mut self.buffer, line, ends, stream, &self.attributes, now),
            Format::Cri => encode::cri(&mut self.buffer, line, ends, stream, now),
        }
    }

    /// Whether [`LogFile::flush`] has something to do.
    pub(super) fn pending(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// Writes what is gathered. What the disk does not take is dropped, and counted.
    pub(super) fn flush(&mut self, now: Timestamp) {
        if self.buffer.is_empty() {
            return;
        }
        self.open();
        let records = std::mem::take(&mut self.buffer);
        if self.unnoted > 0 {
            self.note(now);
        }
        self.store(&records);
        self.buffer = records;
        self.buffer.clear();
        // A line of control characters takes six times its length.
        self.buffer.shrink_to(2 * BUFFER);
    }

    /// Says in the log how much is missing.
    fn note(&mut self, now: Timestamp) {
        let reason = self.failure.map(barque_sys::errno::text).unwrap_or_default();
        let text = format!("[barque: {} lines of the log were lost: {reason}]", self.unnoted);
        let lost = self.unnoted;
        self.encode(text.as_bytes(), true, Stream::Stderr, now);
        let note = std::mem::take(&mut self.buffer);
        let dropped = self.dropped;
        if self.store(&note) {
            self.unnoted -= lost;
        } else {
            // The note itself is not a line that was lost.
            (self.unnoted, self.dropped) = (lost, dropped);
        }
    }

    /// Appends whole records to the file; whether all of them are there.
    fn store(&mut self, records: &[u8]) -> bool {
        let mut written = 0;
        if let Some(file) = &self.file {
            while written < records.len() {
                match rustix::io::write(file, &records[written..]) {
                    Ok(count) => written += count,
                    Err(Errno::INTR) => {}
                    Err(errno) => {
                        self.failure = Some(errno);
                        break;
                    }
                }
            }
        }
        let whole = if written == records.len() {
            written
        } else {
            let whole = memrchr(b'\n', &records[..written]).map_or(0, |at| at + 1);
            let lost = memchr_iter(b'\n', &records[whole..]).count() as u64;
            self.unnoted += lost;
            self.dropped += lost;
            self.cut(whole, written);
            whole
        };
        self.size += whole as u64;
        whole == records.len()
    }

    /// Takes back the beginning of a record that was not written whole.
    fn cut(&mut self, whole: usize, written: usize) {
        if whole == written {
            return;
        }
        let cut = self
            .file
            .as_ref()
            .is_some_and(|file| rustix::fs::ftruncate(file, self.size + whole as u64).is_ok());
        if !cut {
            // It is opened anew, and the torn record ended.
            self.file = None;
        }
    }

    fn open(&mut self) {
        if self.file.is_some() {
            return;
        }
        match open(&self.path) {
            Ok((file, size)) => (self.file, self.size) = (Some(file), size),
            Err(errno) => self.failure = Some(errno),
        }
    }

    /// `log` becomes `log.1`, that becomes `log.2`, and so on; the last one goes. What fails is tried again when the
    /// next record is too many: a log that grows is better than one that is lost.
    fn rotate(&mut self) {
        // A number that is missing is filled, which also mends what a killed writer left.
        let free = (1..self.max_file).find(|number| !is_there(&numbered(&self.path, *number)));
        for number in (1..free.unwrap_or(self.max_file - 1)).rev() {
            if let Err(errno) =
                rustix::fs::rename(numbered(&self.path, number), numbered(&self.path, number + 1))
            {
                self.failure = Some(errno);
                return;
            }
        }
        let moved = if self.max_file > 1 {
            rustix::fs::rename(&self.path, numbered(&self.path, 1))
        } else {
            // Not truncated: who reads it still has its end.
            rustix::fs::unlink(&self.path)
        };
        match moved {
            Ok(()) | Err(Errno::NOENT) => {
                self.file = None;
                self.open();
            }
            Err(errno) => self.failure = Some(errno),
        }
    }
}

/// `json.log.2`.
pub(super) fn numbered(path: &Path, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    if number > 0 {
        name.push(format!(".{number}"));
    }
    name.into()
}

fn is_there(path: &Path) -> bool {
    rustix::fs::lstat(path).is_ok()
}

/// The file and its size. A record that a writer before left torn is ended, so that the next one begins a line.
fn open(path: &Path) -> Result<(OwnedFd, u64), Errno> {
    let flags = OFlags::RDWR | OFlags::APPEND | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let mode = Mode::from_raw_mode(0o640);
    let file = match rustix::fs::open(path, flags, mode) {
        Err(Errno::NOENT) => {
            make_directory(path)?;
            rustix::fs::open(path, flags, mode)?
        }
        result => result?,
    };
    let mut size = u64::try_from(rustix::fs::fstat(&file)?.st_size).unwrap_or(0);
    let mut last = [b'\n'];
    if size > 0 {
        rustix::io::pread(&file, &mut last, size - 1)?;
    }
    if last != *b"\n" {
        rustix::io::write(&file, b"\n")?;
        size += 1;
    }
    Ok((file, size))
}

/// Makes the directory that a log lies in; one that is there is fine.
pub(super) fn make_directory(file: &Path) -> Result<(), Errno> {
    let Some(directory) = file.parent() else { return Ok(()) };
    match rustix::fs::mkdir(directory, Mode::from_raw_mode(0o700)) {
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(errno) => Err(errno),
    }
}
