//! The lines of one open file, forwards, in large reads.

use std::ops::Range;
use std::os::fd::OwnedFd;

use memchr::memchr;
use rustix::io::Errno;

/// What is read at once.
const READ: usize = 256 * 1024;
/// A longer line is no record: Docker's, all escaped and with attributes, are a tenth of that.
const LONGEST: usize = 4 << 20;

/// Lines of a file. The buffer stays when the file changes.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pub(super) buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Of what is between them, how much is known to have no newline.
    searched: usize,
    /// In the file, of what comes after the buffer.
    offset: u64,
    /// Where to stop.
    limit: Option<u64>,
    /// Within a line that is too long.
    skipping: bool,
    /// How many were too long.
    pub(super) too_long: u64,
}

impl Lines {
    /// Begins at an offset of another file, and stops at `limit`.
    pub(super) fn begin(&mut self, offset: u64, limit: Option<u64>) {
        (self.start, self.end, self.searched, self.skipping) = (0, 0, 0, false);
        (self.offset, self.limit) = (offset, limit);
    }

    /// The next whole line, without its newline; none when there is no more for now.
    pub(super) fn next(&mut self, file: &OwnedFd) -> Result<Option<Range<usize>>, Errno> {
        loop {
            let from = self.start + self.searched;
            if let Some(at) = memchr(b'\n', &self.buffer[from..self.end]) {
                let line = self.start..from + at;
                (self.start, self.searched) = (from + at + 1, 0);
                if !std::mem::take(&mut self.skipping) {
                    return Ok(Some(line));
                }
                continue;
            }
            self.searched = self.end - self.start;
            if !self.fill(file)? {
                return Ok(None);
            }
        }
    }

    /// Where in the file the next line begins.
    pub(super) fn position(&self) -> u64 {
        self.offset - (self.end - self.start) as u64
    }

    /// Reads on; false at the end.
    fn fill(&mut self, file: &OwnedFd) -> Result<bool, Errno> {
        if self.searched > LONGEST {
            self.skipping = true;
            self.too_long += 1;
            (self.start, self.end, self.searched) = (0, 0, 0);
        }
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        if self.buffer.len() - self.end < READ / 2 {
            self.buffer.resize(self.end + READ, 0);
        }
        let left = self.limit.map_or(u64::MAX, |limit| limit.saturating_sub(self.offset));
        let most = (self.buffer.len() - self.end).min(usize::try_from(left).unwrap_or(usize::MAX));
        let space = &mut self.buffer[self.end..self.end + most];
        let count = loop {
            match rustix::io::pread(file, &mut *space, self.offset) {
                Err(Errno::INTR) => {}
                result => break result?,
            }
        };
        self.end += count;
        self.offset += count as u64;
        Ok(count > 0)
    }
}
