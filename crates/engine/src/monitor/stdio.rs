//! The container's standard streams, as the monitor has them.

use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use barque_sys::Call as _;
use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};

use super::sink::never_block;
use crate::Result;

/// What is read at once.
const CHUNK: usize = 64 << 10;

/// Our ends.
#[derive(Debug, Default)]
pub(super) struct Stdio {
    /// Where input is written to: a pipe, or the terminal's main side.
    pub(super) input: Option<OwnedFd>,
    outputs: Vec<Output>,
    pub(super) terminal: bool,
}

#[derive(Debug)]
struct Output {
    /// 1 or 2.
    number: u8,
    fd: OwnedFd,
}

impl Stdio {
    /// Makes pipes, and puts the container's ends of them in the place of our own standard streams, which it inherits.
    pub(super) fn pipes(interactive: bool) -> Result<Self> {
        let pipe = || pipe_with(PipeFlags::CLOEXEC).call(|| "pipe2(O_CLOEXEC)");
        let mut stdio = Self::default();
        if interactive {
            let (theirs, ours) = pipe()?;
            rustix::stdio::dup2_stdin(&theirs).call(|| "dup2(pipe, 0)")?;
            stdio.input = Some(ours);
        } else {
            barque_sys::process::close_input()?;
        }
        let (ours, theirs) = pipe()?;
        rustix::stdio::dup2_stdout(&theirs).call(|| "dup2(pipe, 1)")?;
        stdio.add(1, ours);
        let (ours, theirs) = pipe()?;
        rustix::stdio::dup2_stderr(&theirs).call(|| "dup2(pipe, 2)")?;
        stdio.add(2, ours);
        Ok(stdio)
    }

    /// Leaves the caller's own in their place; its input only when that was asked for.
    pub(super) fn passed(interactive: bool) -> Result<Self> {
        if !interactive {
            barque_sys::process::close_input()?;
        }
        Ok(Self::default())
    }

    /// Takes the main side of the container's terminal.
    pub(super) fn console(main: OwnedFd) -> Result<Self> {
        let input = main.try_clone().call(|| "fcntl(pty, F_DUPFD_CLOEXEC)")?;
        let mut stdio = Self { terminal: true, input: Some(input), ..Self::default() };
        stdio.add(1, main);
        Ok(stdio)
    }

    fn add(&mut self, number: u8, fd: OwnedFd) {
        never_block(fd.as_fd());
        self.outputs.push(Output { number, fd });
    }

    /// What to wait for, of those streams that are read.
    pub(super) fn interests(&self, wanted: impl Fn(u8) -> bool) -> Vec<(u8, PollFd<'_>)> {
        let wanted = self.outputs.iter().filter(|output| wanted(output.number));
        wanted
            .map(|output| (output.number, PollFd::from_borrowed_fd(output.fd.as_fd(), PollFlags::IN)))
            .collect()
    }

    /// Reads what is there of a stream; `take` gets it. False when there is nothing now.
    pub(super) fn read(&mut self, number: u8, buffer: &mut Vec<u8>, take: &mut dyn FnMut(&[u8])) -> bool {
        let Some(place) = self.outputs.iter().position(|output| output.number == number) else {
            return false;
        };
        buffer.resize(CHUNK, 0);
        match rustix::io::read(&self.outputs[place].fd, &mut buffer[..]) {
            Ok(count @ 1..) => {
                take(&buffer[..count]);
                true
            }
            Err(Errno::INTR) => true,
            Err(Errno::AGAIN) => false,
            // The end; EIO is how a terminal's main side says that nobody has its other side open.
            Ok(_) | Err(_) => {
                self.outputs.remove(place);
                false
            }
        }
    }

    /// The numbers of the streams that have not ended.
    pub(super) fn open(&self) -> Vec<u8> {
        self.outputs.iter().map(|output| output.number).collect()
    }

    /// Where a client's input goes. Of a terminal every client sets the size.
    pub(super) fn input_for(&self, streams: super::Streams) -> Option<BorrowedFd<'_>> {
        self.input.as_ref().map(OwnedFd::as_fd).filter(|_| streams.input || self.terminal)
    }
}
