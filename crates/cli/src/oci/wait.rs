//! Waiting for a process in the foreground.

use std::os::fd::{AsFd as _, OwnedFd};

use barque_sys::clone::Child;
use barque_sys::process::{self, Exit};
use barque_sys::signal::Signals;

use crate::Result;
use crate::terminal::{DetachKeys, FORWARDED, RawMode, Relay};

/// The wait, begun before the process is made so that no signal is lost.
#[derive(Debug)]
pub(crate) struct Foreground {
    signals: Signals,
}

impl Foreground {
    /// Takes the signals that will be passed on.
    pub(crate) fn start() -> Result<Self> {
        Ok(Self { signals: Signals::take(&FORWARDED)? })
    }

    /// Passes signals on, and what is typed and shown when there is a terminal, until the process has ended.
    pub(crate) fn wait(&self, child: &Child, console: Option<OwnedFd>) -> Result<Exit> {
        let mut relay = Relay::new(child.pidfd.as_fd(), &self.signals);
        let raw = console.as_ref().map(|_| RawMode::enter(rustix::stdio::stdin())).transpose()?.flatten();
        if let Some(master) = console {
            let never = DetachKeys::parse("").unwrap_or_default();
            relay = relay.terminal(master, rustix::stdio::stdout(), Some(rustix::stdio::stdin()), never)?;
        }
        // It may have ended between the signal and us: that is no failure.
        let mut forward = |signal: i32| drop(process::signal(&child.pidfd, signal));
        relay.run(&mut forward)?;
        drop(raw);
        Ok(process::wait(&child.pidfd)?)
    }
}
