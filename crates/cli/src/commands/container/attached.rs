//! A command that stays with a container: its terminal, its input, its signals, until the container's end or the detach
//! keys.

use std::os::fd::{AsFd as _, OwnedFd};

use barque_engine::monitor::Client;
use barque_engine::state::End;
use barque_sys::signal::Signals;

use crate::terminal::{DetachKeys, Ending, FORWARDED, RawMode, Relay};
use crate::{Result, console};

/// What a command is attached to.
#[derive(Debug)]
pub(super) struct Attached {
    /// The container's monitor.
    pub(super) client: Client,
    /// Where input goes: a pipe, or the main side of the container's terminal.
    pub(super) input: Option<OwnedFd>,
    /// Whether the caller's input goes there.
    pub(super) reads: bool,
    /// Whether the container has a terminal.
    pub(super) terminal: bool,
    /// Whether signals are passed on.
    pub(super) proxy: bool,
    /// The keys that detach.
    pub(super) keys: DetachKeys,
}

/// The wait, begun before the process is made: no signal is lost, and the container's terminal is the only one that
/// echoes.
#[derive(Debug)]
pub(super) struct Session {
    signals: Signals,
    raw: Option<RawMode<'static>>,
}

impl Session {
    /// Takes the signals that will be passed on, and the local terminal where what is typed goes to another one.
    pub(super) fn begin(typed: bool) -> Result<Self> {
        let raw = if typed { RawMode::enter(rustix::stdio::stdin())? } else { None };
        Ok(Self { signals: Signals::take(&FORWARDED)?, raw })
    }

    /// Lasts until the container's end, whose exit code it returns, or until the detach keys.
    pub(super) fn last(self, attached: Attached) -> Result<i32> {
        let Attached { client, input, reads, terminal, proxy, keys } = attached;
        let mut relay = Relay::new(client.as_fd(), &self.signals);
        relay = match input {
            Some(main) if terminal => relay.terminal_input(main, rustix::stdio::stdin(), keys, reads)?,
            Some(pipe) => relay.input(rustix::stdio::stdin(), pipe)?,
            None => relay,
        };
        // The container may have ended between the signal and us: that is no failure.
        let mut forward = |signal: i32| {
            if proxy {
                drop(client.forward(signal));
            }
        };
        let ending = relay.run(&mut forward)?;
        drop(self.raw);
        match ending {
            Ending::Detached => {
                console::err("read escape sequence\n");
                Ok(0)
            }
            Ending::Exited => {
                let end = client.ended()?;
                explain_end(&end);
                Ok(end.code)
            }
        }
    }
}

/// What an exit code alone does not say.
fn explain_end(end: &End) {
    if end.oom && end.code != 0 {
        console::err("barque: the kernel killed a process of the container: it was at its memory limit\n");
        console::err("hint: give it more with --memory (-m), and --memory-swap\n");
    }
}
