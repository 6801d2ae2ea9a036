//! Why a run has ended, as far as it can be known.

use crate::state::{Asked, End, Known, Request};
use crate::{State, Time};

/// Why a run has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// It could not be started.
    NotStarted,
    /// Nobody has seen its end: the monitor was killed, or the machine went down.
    Unknown,
    /// The kernel killed it, or a process on which it depended, because memory had run out.
    OutOfMemory,
    /// Somebody asked Barque for it.
    Asked(Request),
    /// A signal that Barque has not sent. The kernel does not say who did.
    Signal(i32),
    /// Its program came to its end.
    Exit,
}

/// A signal that was passed on is the reason of an end that comes so many seconds after it.
const SOON: u64 = 2;
const KILL: i32 = 9;

impl Cause {
    /// A word for machines.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotStarted => "not-started",
            Self::Unknown => "unknown",
            Self::OutOfMemory => "out-of-memory",
            Self::Asked(Request::Kill | Request::KillForGood) => "kill",
            Self::Asked(Request::Stop) => "stop",
            Self::Asked(Request::Restart) => "restart",
            Self::Asked(Request::Remove) => "remove",
            Self::Asked(Request::Timeout) => "timeout",
            Self::Asked(Request::Unhealthy) => "unhealthy",
            Self::Signal(_) => "signal",
            Self::Exit => "exit",
        }
    }
}

impl State {
    /// Why the last run has ended; none while it goes on.
    pub fn cause(&self) -> Option<Cause> {
        let end = self.end.as_ref()?;
        match end.known {
            Known::NotStarted => return Some(Cause::NotStarted),
            Known::Lost => return Some(Cause::Unknown),
            Known::Seen => {}
        }
        let asked =
            self.asked.as_ref().filter(|asked| self.started.is_none_or(|started| started <= asked.time));
        // Who was killed by us is told by us, whatever the kernel has done to other processes of it before.
        let killed_by_us = asked.is_some_and(|asked| asked.signal == KILL);
        if end.oom && end.code == 128 + KILL && !killed_by_us {
            return Some(Cause::OutOfMemory);
        }
        Some(match (asked.filter(|asked| explains(asked, end)), end.signal) {
            (Some(asked), _) => Cause::Asked(asked.what),
            (None, Some(signal)) => Cause::Signal(signal),
            (None, None) => Cause::Exit,
        })
    }
}

/// Whether a run has ended because of what was asked for.
fn explains(asked: &Asked, end: &End) -> bool {
    let Time(asked_at, _) = asked.time;
    match asked.what {
        // Many signals end nothing: SIGHUP, SIGWINCH.
        Request::Kill => end.signal == Some(asked.signal) || end.time.0.saturating_sub(asked_at) < SOON,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(end: End, asked: Option<(Request, i32, u64)>) -> State {
        let asked =
            asked.map(|(what, signal, time)| Asked { what, signal, time: Time(time, 0), overdue: false });
        State { started: Some(Time(100, 0)), end: Some(end), asked, ..State::default() }
    }

    #[test]
    fn causes() {
        let ended = |code: i32| End {
            time: Time(200, 0),
            code,
            signal: (code > 128).then_some(code - 128),
            ..End::default()
        };
        let oom = |code| End { oom: true, ..ended(code) };
        let known = |known| End { known, ..ended(255) };
        for (end, asked, cause) in [
            (ended(0), None, Cause::Exit),
            (ended(139), None, Cause::Signal(11)),
            (ended(137), None, Cause::Signal(9)),
            (oom(137), None, Cause::OutOfMemory),
            (End { signal: None, ..oom(137) }, None, Cause::OutOfMemory),
            (oom(1), None, Cause::Exit),
            (oom(137), Some((Request::Stop, 9, 190)), Cause::Asked(Request::Stop)),
            (oom(137), Some((Request::Stop, 15, 190)), Cause::OutOfMemory),
            (ended(0), Some((Request::Stop, 15, 190)), Cause::Asked(Request::Stop)),
            (ended(137), Some((Request::KillForGood, 9, 200)), Cause::Asked(Request::KillForGood)),
            (ended(1), Some((Request::Unhealthy, 15, 199)), Cause::Asked(Request::Unhealthy)),
            // Of a run before.
            (ended(1), Some((Request::Stop, 15, 99)), Cause::Exit),
            // A signal that did not end it.
            (ended(1), Some((Request::Kill, 1, 150)), Cause::Exit),
            (ended(1), Some((Request::Kill, 2, 199)), Cause::Asked(Request::Kill)),
            (ended(130), Some((Request::Kill, 2, 150)), Cause::Asked(Request::Kill)),
            (known(Known::Lost), Some((Request::Stop, 15, 190)), Cause::Unknown),
            (known(Known::NotStarted), None, Cause::NotStarted),
        ] {
            let state = state(end, asked);
            assert_eq!(state.cause(), Some(cause), "{state:?}");
        }
        assert_eq!(State::default().cause(), None);
    }
}
