//! The one place where a monitor waits.

use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::time::Instant;

use barque_network::NameServer;
use barque_sys::Call as _;
use barque_sys::channel::Channel;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::clients::{Client, Clients, Event};
use super::stdio::Stdio;
use crate::Result;

/// What a monitor waits for.
#[derive(Debug)]
pub(super) struct Watch<'a> {
    /// Readable when the container's first process has ended; none between two runs.
    pub(super) process: Option<BorrowedFd<'a>>,
    /// A question about the container's health that is being asked: its end, and what it prints.
    pub(super) probe: [Option<BorrowedFd<'a>>; 2],
    /// New clients come here.
    pub(super) listener: Option<&'a OwnedFd>,
    pub(super) stdio: &'a mut Stdio,
    pub(super) clients: &'a mut Clients,
    /// The container's name server, which is served here.
    pub(super) names: Option<&'a mut NameServer>,
    /// When to wake up although nothing has happened.
    pub(super) deadline: Option<Instant>,
}

/// What has happened.
#[derive(Debug, Default)]
pub(super) struct Happened {
    /// The container's first process has ended.
    pub(super) ended: bool,
    /// There is something of the question about its health.
    pub(super) probed: bool,
    /// Streams of the container that can be read.
    pub(super) readable: Vec<u8>,
    /// Clients that have said something, by their places.
    pub(super) messages: Vec<usize>,
    /// The deadline is over.
    pub(super) late: bool,
}

impl Watch<'_> {
    /// Waits until something has happened; what is only about streams of clients is done here.
    pub(super) fn wait(self) -> Result<Happened> {
        let (mut happened, mut writable, mut knocked) = (Happened::default(), Vec::new(), false);
        let mut fds = Vec::with_capacity(8);
        let process = add(&mut fds, self.process);
        let probe = self.probe.map(|fd| add(&mut fds, fd));
        let listener = add(&mut fds, self.listener.map(OwnedFd::as_fd));
        let first_stream = fds.len();
        let streams = self.stdio.interests(|number| !self.clients.is_full(number));
        let (numbers, interests): (Vec<u8>, Vec<PollFd<'_>>) = streams.into_iter().unzip();
        fds.extend(interests);
        let first_client = fds.len();
        let (events, interests): (Vec<Event>, Vec<PollFd<'_>>) = self.clients.interests().into_iter().unzip();
        fds.extend(interests);
        let first_name = fds.len();
        fds.extend(self.names.iter().flat_map(|names| names.interests()));
        let names_at = self.names.as_ref().and_then(|names| names.deadline());
        pause(&mut fds, self.deadline.into_iter().chain(names_at).min())?;
        let ready = |place: usize| fds.get(place).is_some_and(|fd| !fd.revents().is_empty());
        happened.ended = process.is_some_and(ready);
        happened.probed = probe.into_iter().flatten().any(ready);
        knocked |= listener.is_some_and(ready);
        let streams = numbers.into_iter().enumerate();
        happened.readable =
            streams.filter(|(at, _)| ready(first_stream + at)).map(|(_, number)| number).collect();
        for (at, event) in events.into_iter().enumerate() {
            match event {
                _ if !ready(first_client + at) => {}
                Event::Message(index) => happened.messages.push(index),
                Event::Writable(index, place) => writable.push((index, place)),
            }
        }
        happened.late = self.deadline.is_some_and(|deadline| deadline <= Instant::now());
        let of_names: Vec<bool> = fds.iter().skip(first_name).map(|fd| !fd.revents().is_empty()).collect();
        drop(fds);
        if let Some(names) = self.names {
            names.serve(&of_names);
        }
        for (index, place) in writable {
            self.clients.write(index, place);
        }
        if let (true, Some(listener)) = (knocked, self.listener) {
            // One that has gone again already is no failure.
            if let Ok(channel) = Channel::accept(listener) {
                self.clients.add(Client::new(channel));
            }
        }
        Ok(happened)
    }
}

fn add<'f>(fds: &mut Vec<PollFd<'f>>, fd: Option<BorrowedFd<'f>>) -> Option<usize> {
    fds.push(PollFd::from_borrowed_fd(fd?, PollFlags::IN));
    Some(fds.len() - 1)
}

/// `poll(2)`, at most until a moment; an interruption is no event.
fn pause(fds: &mut [PollFd<'_>], deadline: Option<Instant>) -> Result<()> {
    let left = deadline.map(|deadline| {
        let left = deadline.saturating_duration_since(Instant::now());
        // Rounded up: to wake up too early would be to do it again.
        Timespec { tv_sec: left.as_secs().cast_signed(), tv_nsec: i64::from(left.subsec_nanos()) }
    });
    match poll(fds, left.as_ref()) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(errno) => Ok(Err(errno).call(|| "poll(monitor)")?),
    }
}
