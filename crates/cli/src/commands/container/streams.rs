//! The standard streams of a process that is executed beside a container's own.

use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use barque_sys::Call as _;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::termios::isatty;

use crate::Result;
use crate::terminal::Relay;

/// Our standard streams while others are in their place, for a process that inherits them; and our ends of pipes.
#[derive(Debug, Default)]
pub(super) struct Streams {
    saved: Vec<OwnedFd>,
    input: Option<OwnedFd>,
    outputs: Vec<(OwnedFd, BorrowedFd<'static>)>,
}

impl Streams {
    /// The process gets no streams of ours.
    pub(super) fn none() -> Result<Self> {
        let streams = Self::saved()?;
        barque_sys::process::detach_stdio();
        Ok(streams)
    }

    /// The process gets our streams, but for terminals: who has one of ours can type on it, so that these are copied.
    pub(super) fn apart(interactive: bool) -> Result<Self> {
        let mut streams = Self::saved()?;
        let pipe = || pipe_with(PipeFlags::CLOEXEC).call(|| "pipe2(O_CLOEXEC)");
        if !interactive {
            barque_sys::process::close_input()?;
        } else if isatty(rustix::stdio::stdin()) {
            let (theirs, ours) = pipe()?;
            rustix::stdio::dup2_stdin(&theirs).call(|| "dup2(pipe, 0)")?;
            streams.input = Some(ours);
        }
        if isatty(rustix::stdio::stdout()) {
            let (ours, theirs) = pipe()?;
            rustix::stdio::dup2_stdout(&theirs).call(|| "dup2(pipe, 1)")?;
            streams.outputs.push((ours, rustix::stdio::stdout()));
        }
        if isatty(rustix::stdio::stderr()) {
            let (ours, theirs) = pipe()?;
            rustix::stdio::dup2_stderr(&theirs).call(|| "dup2(pipe, 2)")?;
            streams.outputs.push((ours, rustix::stdio::stderr()));
        }
        Ok(streams)
    }

    fn saved() -> Result<Self> {
        let all = [rustix::stdio::stdin(), rustix::stdio::stdout(), rustix::stdio::stderr()];
        let saved = all.into_iter().map(|stream| rustix::io::fcntl_dupfd_cloexec(stream.as_fd(), 3));
        let saved = saved.collect::<std::result::Result<_, _>>().call(|| "fcntl(stdio, F_DUPFD_CLOEXEC)")?;
        Ok(Self { saved, ..Self::default() })
    }

    /// Puts our streams back in their places.
    pub(super) fn restored(mut self) -> Result<Self> {
        if let [input, output, error] = &self.saved[..] {
            rustix::stdio::dup2_stdin(input).call(|| "dup2(saved, 0)")?;
            rustix::stdio::dup2_stdout(output).call(|| "dup2(saved, 1)")?;
            rustix::stdio::dup2_stderr(error).call(|| "dup2(saved, 2)")?;
        }
        self.saved.clear();
        Ok(self)
    }

    /// Copies between the pipes and our streams.
    pub(super) fn relayed(self, mut relay: Relay<'_>) -> Result<Relay<'_>> {
        if let Some(input) = self.input {
            relay = relay.input(rustix::stdio::stdin(), input)?;
        }
        for (pipe, stream) in self.outputs {
            relay = relay.output(pipe, stream)?;
        }
        Ok(relay)
    }
}
