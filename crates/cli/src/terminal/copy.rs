//! One direction of copying, without ever blocking on a full destination.

use std::os::fd::{AsFd, BorrowedFd};

use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;

/// What is read at once.
const CHUNK: usize = 64 << 10;
/// What is written at once: a pipe that polls as writable has room for that much (`PIPE_BUF`), so that even a
/// blocking descriptor, which may be shared with others and must not be made non-blocking, does not block.
const ATOMIC: usize = 4096;

/// Bytes on their way from one descriptor to another.
#[derive(Debug)]
pub(super) struct Copy<R, W> {
    from: Option<R>,
    to: Option<W>,
    pending: Vec<u8>,
    written: usize,
}

impl<R: AsFd, W: AsFd> Copy<R, W> {
    pub(super) fn new(from: R, to: W) -> Self {
        Self { from: Some(from), to: Some(to), pending: Vec::new(), written: 0 }
    }

    /// Whether nothing more will come: the source has ended and all of it is written, or nobody takes it.
    pub(super) fn is_done(&self) -> bool {
        self.to.is_none() || (self.from.is_none() && self.pending.is_empty())
    }

    /// Whether something was read that is not written yet.
    pub(super) fn has_pending(&self) -> bool {
        self.to.is_some() && !self.pending.is_empty()
    }

    /// What to wait for; nothing when it is done, because a descriptor that waits for nothing still reports a
    /// hang-up, again and again.
    pub(super) fn interest(&self) -> Option<PollFd<'_>> {
        if self.is_done() {
            return None;
        }
        let (fd, events): (BorrowedFd<'_>, _) = if self.pending.is_empty() {
            (self.from.as_ref()?.as_fd(), PollFlags::IN)
        } else {
            (self.to.as_ref()?.as_fd(), PollFlags::OUT)
        };
        Some(PollFd::from_borrowed_fd(fd, events))
    }

    /// Does what [`Copy::interest`] waited for. `look` sees what was read and may change it; it returns whether
    /// the source is to be given up.
    pub(super) fn step(&mut self, look: &mut dyn FnMut(&mut Vec<u8>) -> bool) {
        if self.pending.is_empty() {
            self.read(look);
        } else {
            self.write();
        }
        if self.is_done() {
            // Dropping an owned end of a pipe is the half-close.
            self.from = None;
            self.to = None;
        }
    }

    fn read(&mut self, look: &mut dyn FnMut(&mut Vec<u8>) -> bool) {
        let Some(from) = &self.from else {
            return;
        };
        self.pending.resize(CHUNK, 0);
        let count = match rustix::io::read(from, &mut self.pending[..]) {
            Ok(count) => count,
            Err(Errno::INTR | Errno::AGAIN) => {
                self.pending.clear();
                return;
            }
            // EIO is how a terminal's main side ends when nobody has its other side open.
            Err(_) => 0,
        };
        self.pending.truncate(count);
        self.written = 0;
        let given_up = look(&mut self.pending);
        if count == 0 || given_up {
            self.from = None;
        }
    }

    fn write(&mut self) {
        let Some(to) = &self.to else {
            return;
        };
        let rest = &self.pending[self.written..];
        match rustix::io::write(to, &rest[..rest.len().min(ATOMIC)]) {
            Ok(count) => self.written += count,
            Err(Errno::INTR | Errno::AGAIN) => {}
            // The reader is gone; what comes is of no use to anybody.
            Err(_) => self.to = None,
        }
        if self.written == self.pending.len() {
            self.pending.clear();
            self.written = 0;
        }
    }
}
