//! The files of one log, in order, while a writer may be renaming them.
//!
//! A file is known by its device and inode, which stay as long as it is held open. Rotation renames from the oldest to
//! the newest, upwards in number; a search that goes upwards cannot be passed by. In between one number is missing.

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::Duration;

use rustix::fs::{Mode, OFlags, Stat};
use rustix::io::Errno;

use super::Timestamp;
use super::file::numbered;

/// A log's path; its older files are beside it.
#[derive(Debug)]
pub(super) struct Chain {
    path: PathBuf,
}

/// One open file of a log.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) file: OwnedFd,
    identity: (u64, u64),
    /// When it was written to for the last time, as it was opened.
    pub(super) modified: Timestamp,
    /// Its size as it was opened.
    pub(super) size: u64,
}

/// What comes after a file.
#[derive(Debug)]
pub(super) enum Newer {
    /// Nothing yet: it is the newest.
    Newest,
    /// This one.
    Part(Part),
}

/// How many numbers in a row are missing at the end of a chain: one may be missing within.
const GAP: u32 = 3;
/// A rename takes microseconds. After this many looks, a millisecond apart, a missing number stays missing: the writer
/// was killed between two renames.
const LOOKS: u32 = 5;

type Io<T> = std::result::Result<T, Errno>;

impl Chain {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    fn identity(&self, number: u32) -> Io<Option<(u64, u64)>> {
        match rustix::fs::lstat(numbered(&self.path, number)) {
            Ok(stat) => Ok(Some(identity(&stat))),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(errno),
        }
    }

    /// The numbers that are there, upwards.
    fn find(&self, mut wanted: impl FnMut(u32, (u64, u64)) -> bool) -> Io<Option<u32>> {
        let (mut number, mut missing) = (0, 0);
        while missing < GAP {
            match self.identity(number)? {
                Some(identity) if wanted(number, identity) => return Ok(Some(number)),
                Some(_) => missing = 0,
                None => missing += 1,
            }
            number += 1;
        }
        Ok(None)
    }

    fn open(&self, number: u32) -> Io<Option<Part>> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        match rustix::fs::open(numbered(&self.path, number), flags, Mode::empty()) {
            Ok(file) => {
                let stat = rustix::fs::fstat(&file)?;
                let nanoseconds = u32::try_from(stat.st_mtime_nsec).unwrap_or(0);
                let modified = Timestamp::from_seconds(stat.st_mtime, nanoseconds);
                let size = u64::try_from(stat.st_size).unwrap_or(0);
                Ok(Some(Part { file, identity: identity(&stat), modified, size }))
            }
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(errno),
        }
    }

    /// The file that is written to.
    pub(super) fn newest(&self) -> Io<Option<Part>> {
        for _ in 0..LOOKS {
            if let Some(part) = self.open(0)? {
                return Ok(Some(part));
            }
            if self.find(|_, _| true)?.is_none() {
                return Ok(None);
            }
            wait();
        }
        // A writer that was killed between two renames.
        match self.find(|_, _| true)? {
            Some(number) => self.open(number),
            None => Ok(None),
        }
    }

    /// The file with the oldest records.
    pub(super) fn oldest(&self) -> Io<Option<Part>> {
        for _ in 0..LOOKS {
            let mut last = None;
            self.find(|number, _| {
                last = Some(number);
                false
            })?;
            let Some(last) = last else { return Ok(None) };
            if let Some(part) = self.open(last)? {
                return Ok(Some(part));
            }
        }
        self.open(0)
    }

    /// The file after `part`; the oldest one when `part` is no longer among them.
    pub(super) fn newer(&self, part: &Part) -> Io<Newer> {
        for look in 0..=LOOKS {
            let Some(number) = self.find(|_, identity| identity == part.identity)? else {
                return Ok(self.oldest()?.map_or(Newer::Newest, Newer::Part));
            };
            if number == 0 {
                return Ok(Newer::Newest);
            }
            let patient = look < LOOKS;
            let below = if patient { 1 } else { number };
            let opened = self.first((number - below..number).rev())?;
            // Unless they were renamed meanwhile, which would have left out one.
            if opened.is_some() && self.identity(number)? == Some(part.identity) || !patient {
                return Ok(opened.map_or(Newer::Newest, Newer::Part));
            }
            wait();
        }
        Ok(Newer::Newest)
    }

    /// The file before `part`.
    pub(super) fn older(&self, part: &Part) -> Io<Option<Part>> {
        for _ in 0..LOOKS {
            let Some(number) = self.find(|_, identity| identity == part.identity)? else { return Ok(None) };
            let opened = self.first(number + 1..number + GAP)?;
            if opened.as_ref().is_none_or(|older| older.identity != part.identity)
                && self.identity(number)? == Some(part.identity)
            {
                return Ok(opened);
            }
            wait();
        }
        Ok(None)
    }

    fn first(&self, numbers: impl Iterator<Item = u32>) -> Io<Option<Part>> {
        for number in numbers {
            if let Some(part) = self.open(number)? {
                return Ok(Some(part));
            }
        }
        Ok(None)
    }
}

impl Part {
    /// Whether it is the same file.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.identity == other.identity
    }
}

fn identity(stat: &Stat) -> (u64, u64) {
    (stat.st_dev, stat.st_ino)
}

fn wait() {
    std::thread::sleep(Duration::from_millis(1));
}
