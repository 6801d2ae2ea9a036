//! Those who talk to a monitor.

use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use barque_sys::channel::Channel;
use rustix::event::{PollFd, PollFlags};
use serde::Serialize;

use super::message::{self, FromMonitor};
use super::sink::Sink;

/// One of them.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) channel: Channel,
    /// Where output goes, by the number of the stream.
    sinks: Vec<(u8, Sink)>,
    /// What it wants to hear of the container's health.
    pub(super) ear: Ear,
    gone: bool,
}

/// What a client wants to hear of health checks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Ear {
    #[default]
    Nothing,
    /// Every change.
    Changes,
    /// The next answer.
    Answer,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Clients {
    list: Vec<Client>,
}

impl Client {
    pub(super) fn new(channel: Channel) -> Self {
        Self { channel, sinks: Vec::new(), ear: Ear::Nothing, gone: false }
    }

    pub(super) fn add_stream(&mut self, number: u8, fd: OwnedFd) {
        self.sinks.push((number, Sink::new(fd)));
    }

    /// Its descriptors.
    pub(super) fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        let streams = self.sinks.iter().map(|(_, sink)| sink.as_fd());
        std::iter::once(self.channel.as_fd()).chain(streams).collect()
    }

    /// Says something; who cannot be told has gone.
    pub(super) fn tell<T: Serialize>(&mut self, message: &T, fd: Option<BorrowedFd<'_>>) {
        if message::send(&self.channel, message, fd).is_err() {
            self.gone = true;
        }
    }

    pub(super) fn leave(&mut self) {
        self.gone = true;
    }
}

impl Clients {
    pub(super) fn add(&mut self, client: Client) {
        self.list.push(client);
    }

    pub(super) fn get(&mut self, index: usize) -> Option<&mut Client> {
        self.list.get_mut(index)
    }

    /// Forgets those who have gone.
    pub(super) fn sweep(&mut self) {
        self.list.retain(|client| !client.gone);
    }

    pub(super) fn tell_all(&mut self, message: &FromMonitor) {
        self.list.iter_mut().for_each(|client| client.tell(message, None));
    }

    /// Tells those who want to hear it; an answer is wanted once.
    pub(super) fn tell_ears(&mut self, ear: Ear, message: &FromMonitor) {
        for client in self.list.iter_mut().filter(|client| client.ear == ear) {
            client.tell(message, None);
            if ear == Ear::Answer {
                client.ear = Ear::Nothing;
            }
        }
    }

    /// Output of the container.
    pub(super) fn put(&mut self, number: u8, bytes: &[u8]) {
        for (own, sink) in self.list.iter_mut().flat_map(|client| &mut client.sinks) {
            if *own == number {
                sink.put(bytes);
            }
        }
    }

    /// Whether somebody is too slow for more of a stream.
    pub(super) fn is_full(&self, number: u8) -> bool {
        self.sinks().any(|(own, sink)| own == number && sink.is_full())
    }

    pub(super) fn has_pending(&self) -> bool {
        self.sinks().any(|(_, sink)| sink.has_pending())
    }

    fn sinks(&self) -> impl Iterator<Item = (u8, &Sink)> {
        self.list.iter().flat_map(|client| client.sinks.iter().map(|(number, sink)| (*number, sink)))
    }

    /// What to wait for: of each client its channel, and its streams that have something to write.
    pub(super) fn interests(&self) -> Vec<(Event, PollFd<'_>)> {
        let mut interests = Vec::new();
        for (index, client) in self.list.iter().enumerate() {
            let channel = PollFd::from_borrowed_fd(client.channel.as_fd(), PollFlags::IN);
            interests.push((Event::Message(index), channel));
            for (place, (_, sink)) in client.sinks.iter().enumerate() {
                interests.extend(sink.interest().map(|interest| (Event::Writable(index, place), interest)));
            }
        }
        interests
    }

    pub(super) fn write(&mut self, index: usize, place: usize) {
        if let Some((_, sink)) = self.list.get_mut(index).and_then(|client| client.sinks.get_mut(place)) {
            sink.step();
        }
    }
}

/// What has happened with a client, by its place.
#[derive(Debug, Clone, Copy)]
pub(super) enum Event {
    Message(usize),
    Writable(usize, usize),
}
