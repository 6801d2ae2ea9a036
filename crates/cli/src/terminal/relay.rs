//! Copying between the local standard streams and the container until its process ends.

use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use barque_sys::Call as _;
use barque_sys::signal::Signals;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::termios::{tcgetwinsize, tcsetwinsize};

use super::DetachKeys;
use super::copy::Copy;
use crate::Result;

/// Signals passed on to the container, by number: HUP INT QUIT USR1 USR2 ALRM TERM CONT, and WINCH, which
/// becomes a change of the window's size where there is a terminal.
pub const FORWARDED: [i32; 9] = [1, 2, 3, 10, 12, 14, 15, 18, WINCH];
/// SIGWINCH.
const WINCH: i32 = 28;
/// The character that ends the input of a terminal in its usual mode.
const END_OF_TRANSMISSION: u8 = 4;

/// How a relay ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The process has ended, and its output is written.
    Exited,
    /// The detach keys were typed.
    Detached,
}

/// Local streams and their counterparts in the container.
#[derive(Debug)]
pub struct Relay<'a> {
    /// Readable when the process has ended.
    process: BorrowedFd<'a>,
    signals: &'a Signals,
    input: Option<Copy<BorrowedFd<'a>, OwnedFd>>,
    outputs: Vec<Copy<OwnedFd, BorrowedFd<'a>>>,
    /// The terminal's main side, and the local terminal whose size it follows.
    terminal: Option<(OwnedFd, BorrowedFd<'a>)>,
    keys: Option<DetachKeys>,
}

impl<'a> Relay<'a> {
    /// A relay without streams yet.
    pub fn new(process: BorrowedFd<'a>, signals: &'a Signals) -> Self {
        Self { process, signals, input: None, outputs: Vec::with_capacity(2), terminal: None, keys: None }
    }

    /// Copies local input to a pipe, which is closed when the input ends.
    pub fn input(mut self, local: BorrowedFd<'a>, container: OwnedFd) -> Result<Self> {
        never_block(&container)?;
        self.input = Some(Copy::new(local, container));
        Ok(self)
    }

    /// Copies a pipe to local output.
    pub fn output(mut self, container: OwnedFd, local: BorrowedFd<'a>) -> Result<Self> {
        never_block(&container)?;
        self.outputs.push(Copy::new(container, local));
        Ok(self)
    }

    /// Copies the terminal's main side to local output, and its size from the local terminal; `input` goes to it
    /// when there is one. Somebody must keep the other side open until the process has it.
    pub fn terminal(
        mut self,
        main: OwnedFd,
        output: BorrowedFd<'a>,
        input: Option<BorrowedFd<'a>>,
        keys: DetachKeys,
    ) -> Result<Self> {
        never_block(&main)?;
        let duplicate = || main.try_clone().call(|| "fcntl(pty, F_DUPFD_CLOEXEC)");
        if let Some(input) = input {
            self.input = Some(Copy::new(input, duplicate()?));
            self.keys = Some(keys);
        }
        self.outputs.push(Copy::new(duplicate()?, output));
        self.terminal = Some((main, input.unwrap_or(output)));
        Ok(self)
    }

    /// Copies local input to a terminal's main side, whose output somebody else copies, and the local terminal's size to
    /// it; without `reads` only that.
    pub fn terminal_input(
        mut self,
        main: OwnedFd,
        local: BorrowedFd<'a>,
        keys: DetachKeys,
        reads: bool,
    ) -> Result<Self> {
        if reads {
            let own = main.try_clone().call(|| "fcntl(pty, F_DUPFD_CLOEXEC)")?;
            self.input = Some(Copy::new(local, own));
            self.keys = Some(keys);
        }
        self.terminal = Some((main, local));
        Ok(self)
    }

    /// Copies until the process has ended or the detach keys are typed. `forward` gets the number of each signal
    /// that is to be passed on.
    pub fn run(mut self, forward: &mut dyn FnMut(i32)) -> Result<Ending> {
        self.resize();
        loop {
            let ready = self.wait()?;
            if ready.signals {
                self.signal(forward)?;
            }
            if ready.input && self.input_step() {
                return Ok(Ending::Detached);
            }
            self.output_step(&ready.outputs);
            if ready.process {
                return self.drain();
            }
        }
    }

    /// Waits until something is ready.
    fn wait(&self) -> Result<Ready> {
        let mut fds = vec![
            PollFd::from_borrowed_fd(self.process, PollFlags::IN),
            PollFd::from_borrowed_fd(self.signals.as_fd(), PollFlags::IN),
        ];
        let input = self.input.as_ref().and_then(Copy::interest);
        let first_output = fds.len() + usize::from(input.is_some());
        fds.extend(input);
        let indices = self.interests(&mut fds);
        wait(&mut fds, None)?;
        let is = |place: usize| !fds[place].revents().is_empty();
        Ok(Ready {
            process: is(0),
            signals: is(1),
            input: first_output == 3 && is(2),
            outputs: ready(&fds[first_output..], indices),
        })
    }

    /// Adds what the outputs wait for; the numbers of those that wait for anything.
    fn interests<'s>(&'s self, fds: &mut Vec<PollFd<'s>>) -> Vec<usize> {
        let mut indices = Vec::with_capacity(self.outputs.len());
        for (index, copy) in self.outputs.iter().enumerate() {
            if let Some(interest) = copy.interest() {
                indices.push(index);
                fds.push(interest);
            }
        }
        indices
    }

    fn signal(&self, forward: &mut dyn FnMut(i32)) -> Result<()> {
        while let Some(number) = self.signals.next()? {
            if number == WINCH && self.terminal.is_some() {
                self.resize();
            } else {
                forward(number);
            }
        }
        Ok(())
    }

    /// Gives the container's terminal the size of the local one.
    fn resize(&self) {
        if let Some((main, local)) = &self.terminal {
            copy_size(*local, main.as_fd());
        }
    }

    /// Copies input; true when the detach keys were typed.
    fn input_step(&mut self) -> bool {
        let mut detached = false;
        let keys = &mut self.keys;
        let terminal = self.terminal.is_some();
        let mut look = |bytes: &mut Vec<u8>| {
            if bytes.is_empty() && terminal {
                // A terminal cannot be closed in one direction: say the input's end as a person would.
                bytes.push(END_OF_TRANSMISSION);
                return true;
            }
            if let Some(keys) = keys {
                let scan = keys.scan(bytes);
                detached = scan.detached;
                *bytes = scan.pass;
            }
            detached
        };
        if let Some(input) = &mut self.input {
            input.step(&mut look);
        }
        detached
    }

    fn output_step(&mut self, ready: &[usize]) {
        for index in ready {
            self.outputs[*index].step(&mut |_| false);
        }
    }

    /// What the process wrote before it ended is still in the pipes. More is not waited for: another process may
    /// hold their other ends open for as long as it likes.
    fn drain(mut self) -> Result<Ending> {
        const NOW: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };
        loop {
            // What was read must be written, even to a slow reader.
            let unwritten = self.outputs.iter().any(Copy::has_pending);
            let mut fds = Vec::with_capacity(self.outputs.len());
            let indices = self.interests(&mut fds);
            wait(&mut fds, if unwritten { None } else { Some(&NOW) })?;
            let ready = ready(&fds, indices);
            drop(fds);
            if ready.is_empty() && !unwritten {
                return Ok(Ending::Exited);
            }
            self.output_step(&ready);
        }
    }
}

/// `poll(2)`; an interruption is no event.
fn wait(fds: &mut [PollFd<'_>], timeout: Option<&Timespec>) -> Result<()> {
    match poll(fds, timeout) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(errno) => Err(errno).call(|| "poll(stdio)").map_err(Into::into),
    }
}

/// The numbers whose descriptor is ready.
fn ready(fds: &[PollFd<'_>], indices: Vec<usize>) -> Vec<usize> {
    fds.iter().zip(indices).filter(|(fd, _)| !fd.revents().is_empty()).map(|(_, index)| index).collect()
}

/// Makes a descriptor of ours never block: a program that does not read must not stop the relay.
fn never_block(fd: &OwnedFd) -> Result<()> {
    let flags = rustix::fs::fcntl_getfl(fd).call(|| "fcntl(stdio, F_GETFL)")?;
    rustix::fs::fcntl_setfl(fd, flags | OFlags::NONBLOCK).call(|| "fcntl(stdio, F_SETFL, O_NONBLOCK)")?;
    Ok(())
}

/// What [`Relay::wait`] found.
struct Ready {
    process: bool,
    signals: bool,
    input: bool,
    outputs: Vec<usize>,
}

/// Gives one terminal the size of another, where the other is a terminal.
pub fn copy_size(from: BorrowedFd<'_>, to: BorrowedFd<'_>) {
    if let Ok(size) = tcgetwinsize(from) {
        // A terminal that is gone needs no size.
        let _ = tcsetwinsize(to, size);
    }
}

#[cfg(test)]
mod tests;
