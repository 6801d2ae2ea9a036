//! Reading a blob while it is written.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt as _;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// How far a writer has come.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    shared: Arc<(Mutex<State>, Condvar)>,
}

#[derive(Debug, Default)]
struct State {
    written: u64,
    /// Whether all is there and right; nothing while it is written.
    whole: Option<bool>,
}

impl Tally {
    fn state(&self) -> MutexGuard<'_, State> {
        // Numbers are whole whatever the thread that held them came to.
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// So many bytes are there; fewer than before where the writer has begun again.
    pub(super) fn advance(&self, written: u64) {
        self.state().written = written;
        self.shared.1.notify_all();
    }

    /// No more will come. The first word counts.
    pub(super) fn end(&self, whole: bool) {
        self.state().whole.get_or_insert(whole);
        self.shared.1.notify_all();
    }

    /// Waits until there are bytes after a position, or none will come; says how many are there.
    fn wait(&self, position: u64) -> io::Result<u64> {
        let mut state = self.state();
        while state.written <= position {
            match state.whole {
                Some(true) => return Ok(state.written),
                Some(false) => {
                    return Err(io::Error::new(
                        io::ErrorKind::UnexpectedEof,
                        "the blob did not come in whole",
                    ));
                }
                None => state = self.shared.1.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
        Ok(state.written)
    }
}

/// Reads what an [`super::Ingest`] writes, as it comes. A writer that gave up is an error.
#[derive(Debug)]
pub struct Follower {
    file: File,
    tally: Tally,
    position: u64,
}

impl Follower {
    pub(super) fn new(file: File, tally: Tally) -> Self {
        Self { file, tally, position: 0 }
    }
}

impl Read for Follower {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let there = self.tally.wait(self.position)?.saturating_sub(self.position);
        let count = usize::try_from(there).unwrap_or(usize::MAX).min(buffer.len());
        let count = self.file.read_at(&mut buffer[..count], self.position)?;
        self.position += count as u64;
        Ok(count)
    }
}
