//! A stream of a client's, which may be slow, or gone: it never blocks the monitor.

use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags};
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;

/// What is written at once where writing may block: a pipe that polls as writable has room for that much (`PIPE_BUF`).
const ATOMIC: usize = 4096;
/// When so much is not written yet, no more is read from the container.
const FULL: usize = 1 << 20;

/// Where output of the container goes.
#[derive(Debug)]
pub(super) struct Sink {
    fd: OwnedFd,
    /// How much may be written at once.
    most: usize,
    pending: Vec<u8>,
    written: usize,
    gone: bool,
}

impl Sink {
    pub(super) fn new(fd: OwnedFd) -> Self {
        let (fd, most) = unblocked(fd);
        Self { fd, most, pending: Vec::new(), written: 0, gone: false }
    }

    /// Takes output: writes what the stream takes now, and keeps the rest.
    pub(super) fn put(&mut self, bytes: &[u8]) {
        if self.gone {
            return;
        }
        let mut rest = bytes;
        // In order, and where one write cannot block.
        while self.pending.is_empty() && self.most > ATOMIC && !rest.is_empty() {
            match rustix::io::write(&self.fd, rest) {
                Ok(count) => rest = &rest[count..],
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                Err(_) => return self.give_up(),
            }
        }
        self.pending.extend_from_slice(rest);
    }

    /// Writes what is pending, after the stream was found writable.
    pub(super) fn step(&mut self) {
        while !self.gone && self.written < self.pending.len() {
            let rest = &self.pending[self.written..];
            match rustix::io::write(&self.fd, &rest[..rest.len().min(self.most)]) {
                Ok(count) => self.written += count,
                Err(Errno::INTR) => continue,
                Err(Errno::AGAIN) => break,
                Err(_) => return self.give_up(),
            }
            if self.most <= ATOMIC {
                break;
            }
        }
        if self.written == self.pending.len() {
            (self.pending, self.written) = (Vec::new(), 0);
        }
    }

    /// What to wait for; nothing when there is nothing to write.
    pub(super) fn interest(&self) -> Option<PollFd<'_>> {
        self.has_pending().then(|| PollFd::from_borrowed_fd(self.fd.as_fd(), PollFlags::OUT))
    }

    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    pub(super) fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.pending.len() - self.written >= FULL
    }

    /// The reader is gone; what comes is of no use to anybody.
    fn give_up(&mut self) {
        self.gone = true;
        (self.pending, self.written) = (Vec::new(), 0);
    }
}

/// The stream, such that a write does not block, and how much may be written at once. Its mode must not be changed: it is
/// the client's too, and its shell's. Pipes and terminals can be opened anew, with a mode of one's own.
fn unblocked(fd: OwnedFd) -> (OwnedFd, usize) {
    let kind = rustix::fs::fstat(&fd).map(|stat| FileType::from_raw_mode(stat.st_mode));
    match kind {
        Ok(FileType::RegularFile) => (fd, usize::MAX),
        Ok(FileType::Fifo | FileType::CharacterDevice) => {
            let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
            // NOCTTY: a terminal must not become the monitor's own.
            let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
            match rustix::fs::open(path, flags, Mode::empty()) {
                Ok(own) => (own, usize::MAX),
                Err(_) => (fd, ATOMIC),
            }
        }
        _ => (fd, ATOMIC),
    }
}

/// Makes a descriptor that is the monitor's alone never block.
pub(super) fn never_block(fd: BorrowedFd<'_>) {
    if let Ok(flags) = rustix::fs::fcntl_getfl(fd) {
        // What refuses it is no pipe or terminal, and does not block.
        let _ = rustix::fs::fcntl_setfl(fd, flags | OFlags::NONBLOCK);
    }
}
