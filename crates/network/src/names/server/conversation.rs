//! A client's connection: questions one after the other, each after its length.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};

/// A connection that says nothing for so long is closed.
const PATIENCE: Duration = Duration::from_secs(10);
/// Replies that nobody has read yet: with more of them no further question is taken.
const MOST_UNREAD: usize = 128 * 1024;

/// A client's connection.
#[derive(Debug)]
pub(super) struct Conversation {
    pub(super) number: u64,
    stream: TcpStream,
    input: Vec<u8>,
    output: Vec<u8>,
    pub(super) deadline: Instant,
}

impl Conversation {
    pub(super) fn new(number: u64, stream: TcpStream) -> Self {
        let deadline = Instant::now() + PATIENCE;
        Self { number, stream, input: Vec::new(), output: Vec::new(), deadline }
    }

    pub(super) fn interest(&self) -> PollFd<'_> {
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::IN, self.output.len() < MOST_UNREAD);
        flags.set(PollFlags::OUT, !self.output.is_empty());
        PollFd::new(&self.stream, flags)
    }

    /// Sends what waits, and takes the questions that have come; an error when the connection is to be closed.
    pub(super) fn read(&mut self) -> io::Result<Vec<Vec<u8>>> {
        self.write()?;
        let mut buffer = [0; 2048];
        let mut packets = Vec::new();
        match self.stream.read(&mut buffer) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(length) => {
                self.input.extend(buffer.get(..length).unwrap_or_default());
                self.deadline = Instant::now() + PATIENCE;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        while let Some(packet) = framed(&self.input).map(<[u8]>::to_vec) {
            self.input.drain(..2 + packet.len());
            packets.push(packet);
        }
        Ok(packets)
    }

    /// Sends a reply, at once if it can be taken.
    pub(super) fn reply(&mut self, bytes: &[u8]) {
        let Ok(length) = u16::try_from(bytes.len()) else { return };
        self.output.extend(length.to_be_bytes());
        self.output.extend(bytes);
        // What goes wrong is seen again when the connection is read.
        drop(self.write());
    }

    fn write(&mut self) -> io::Result<()> {
        while !self.output.is_empty() {
            match self.stream.write(&self.output) {
                Ok(length) => drop(self.output.drain(..length)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// The first message, when all of it is there.
pub(super) fn framed(bytes: &[u8]) -> Option<&[u8]> {
    let length = u16::from_be_bytes(bytes.get(..2)?.try_into().ok()?);
    bytes.get(2..2 + usize::from(length))
}
