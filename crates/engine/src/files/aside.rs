//! Work in a process of its own, and what came of it.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::sync::atomic::{AtomicI32, Ordering};

use barque_runtime::Failure;
use barque_sys::clone::{Child, Clone, Forked};
use barque_sys::{Call as _, process};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{Error, ErrorKind, Result};

/// A process at work. It is killed when the one that waits for it is.
#[derive(Debug)]
pub struct Aside {
    child: Child,
    answer: File,
}

/// What the other process says at its end.
#[derive(Serialize, Deserialize)]
enum Answer<T> {
    Done(T),
    Failed(Failure),
}

/// Starts some work. The caller must have one thread.
pub fn start<T: Serialize>(work: impl FnOnce() -> Result<T>) -> Result<Aside> {
    let (read, write) =
        rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).call(|| "pipe2(O_CLOEXEC)")?;
    let waiting = rustix::process::getpid().as_raw_nonzero().get();
    match Clone::default().fork()? {
        Forked::Child => {
            drop(read);
            let answer = match begin(waiting).and_then(|()| work()) {
                Ok(done) => Answer::Done(done),
                Err(error) => Answer::Failed((&error).into()),
            };
            let bytes = serde_json::to_vec(&answer).unwrap_or_default();
            let told = File::from(write).write_all(&bytes);
            process::exit_now(i32::from(told.is_err()))
        }
        Forked::Parent(child) => Ok(Aside { child, answer: File::from(read) }),
    }
}

/// The process that waits for this one.
static WAITING: AtomicI32 = AtomicI32::new(0);

fn begin(waiting: i32) -> Result<()> {
    WAITING.store(waiting, Ordering::Relaxed);
    // Modes are given as they are to be.
    process::set_umask(0);
    follow_parent()
}

/// Asks to be killed with the one that waits. Entering a user namespace takes that back.
pub(super) fn follow_parent() -> Result<()> {
    process::set_parent_death_signal(Some(rustix::process::Signal::KILL))?;
    // It may have been killed before that was asked for.
    let parent = rustix::process::getppid().map_or(0, |pid| pid.as_raw_nonzero().get());
    if parent != WAITING.load(Ordering::Relaxed) {
        process::exit_now(1);
    }
    Ok(())
}

impl Aside {
    /// Waits for the end of it.
    pub fn finish<T: DeserializeOwned>(mut self) -> Result<T> {
        let mut bytes = Vec::new();
        let read = self.answer.read_to_end(&mut bytes);
        let exit = process::wait(&self.child.pidfd)?;
        read.call(|| "read(answer)")?;
        match serde_json::from_slice(&bytes) {
            Ok(Answer::Done(done)) => Ok(done),
            Ok(Answer::Failed(failure)) => Err(failure.into()),
            Err(_) => Err(Error::new(ErrorKind::Internal, ended(exit))),
        }
    }
}

fn ended(exit: process::Exit) -> String {
    format!("a process at work on the files ended: {exit:?}")
}

/// Whether the work was broken off because nobody took what it wrote.
pub(super) fn is_broken_pipe(error: &Error) -> bool {
    const PIPE: i32 = 13;
    error.to_string() == ended(process::Exit::Signal(PIPE)) || error.to_string().contains("EPIPE")
}

/// Does some work in a process of its own.
pub(super) fn run<T: Serialize + DeserializeOwned>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    start(work)?.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_writes_to_nobody() {
        let ended = |exit| Error::new(ErrorKind::Internal, ended(exit));
        assert!(is_broken_pipe(&ended(process::Exit::Signal(13))));
        assert!(!is_broken_pipe(&ended(process::Exit::Signal(9))));
    }
}
