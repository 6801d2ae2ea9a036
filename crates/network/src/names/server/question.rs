//! A question that is passed on: to one server after the other, until one answers.

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType};

use super::Asker;
use super::conversation::framed;
use crate::names::message::{self, Code, Query};

/// How long one server has. C libraries ask again after five seconds: by then the second server has been asked.
const PATIENCE: Duration = Duration::from_secs(2);

/// A question on its way.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) asker: Asker,
    pub(super) deadline: Instant,
    query: Query,
    /// As it came, with an id of our own.
    packet: Vec<u8>,
    id: u16,
    /// Those not asked yet, the next one last.
    servers: Vec<SocketAddr>,
    way: Way,
}

/// The socket to the server that is being asked. Each question has its own, at a port that the kernel chooses, connected:
/// who wants to fake a reply must guess port and id.
#[derive(Debug)]
enum Way {
    None,
    Datagram(UdpSocket),
    Connection { stream: TcpStream, unsent: Vec<u8>, input: Vec<u8> },
}

/// What has become of a question.
#[derive(Debug)]
pub(super) enum Progress {
    Waits,
    /// The server has no answer.
    Failed,
    Answered(Vec<u8>),
}

impl Question {
    pub(super) fn new(query: Query, packet: &[u8], asker: Asker, servers: &[SocketAddr]) -> Self {
        let mut random = [0; 2];
        // Without random numbers the port alone is to be guessed.
        drop(barque_sys::random(&mut random));
        let id = u16::from_be_bytes(random);
        let mut packet = packet.to_vec();
        message::set_id(&mut packet, id);
        let servers = servers.iter().rev().copied().collect();
        Self { asker, deadline: Instant::now(), query, packet, id, servers, way: Way::None }
    }

    /// Asks the next server; false when there is none.
    pub(super) fn ask_next(&mut self) -> bool {
        while let Some(server) = self.servers.pop() {
            self.deadline = Instant::now() + PATIENCE;
            let way = match self.asker {
                Asker::Datagram(_) => datagram(server, &self.packet),
                // Who asks by a connection expects more than a datagram holds.
                Asker::Connection(_) => connection(server, &self.packet),
            };
            if let Ok(way) = way {
                self.way = way;
                return true;
            }
        }
        false
    }

    pub(super) fn interest(&self) -> PollFd<'_> {
        match &self.way {
            Way::Datagram(socket) => PollFd::new(socket, PollFlags::IN),
            Way::Connection { stream, unsent, .. } if unsent.is_empty() => PollFd::new(stream, PollFlags::IN),
            Way::Connection { stream, .. } => PollFd::new(stream, PollFlags::OUT),
            // Never in a list of questions that wait: something that is never ready.
            Way::None => PollFd::from_borrowed_fd(rustix::stdio::stdin(), PollFlags::empty()),
        }
    }

    /// Its socket is ready.
    pub(super) fn proceed(&mut self, buffer: &mut [u8]) -> Progress {
        let received = match &mut self.way {
            Way::None => return Progress::Failed,
            Way::Datagram(socket) => {
                socket.recv(buffer).map(|length| buffer.get(..length).map(<[u8]>::to_vec))
            }
            Way::Connection { stream, unsent, input } => exchange(stream, unsent, input, buffer),
        };
        match received {
            Ok(Some(reply)) => self.judge(reply),
            Ok(None) => Progress::Waits,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Progress::Waits,
            // "Connection refused" is what the server's host has said to the question.
            Err(_) => Progress::Failed,
        }
    }

    fn judge(&self, mut reply: Vec<u8>) -> Progress {
        if !message::answers(&reply, self.id, &self.query.question) {
            return Progress::Waits;
        }
        if message::is_failure(&reply) && !self.servers.is_empty() {
            return Progress::Failed;
        }
        message::set_id(&mut reply, self.query.id);
        Progress::Answered(reply)
    }

    /// The reply when nobody has one.
    pub(super) fn failure(&self) -> Vec<u8> {
        self.query.reply(Code::Failed, &[], self.query.limit())
    }
}

fn datagram(server: SocketAddr, packet: &[u8]) -> io::Result<Way> {
    let any: IpAddr =
        if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0))?;
    socket.set_nonblocking(true)?;
    socket.connect(server)?;
    socket.send(packet)?;
    Ok(Way::Datagram(socket))
}

fn connection(server: SocketAddr, packet: &[u8]) -> io::Result<Way> {
    let family = if server.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
    match rustix::net::connect(&socket, &server) {
        Ok(()) | Err(Errno::INPROGRESS) => {}
        Err(errno) => return Err(errno.into()),
    }
    let length = u16::try_from(packet.len()).map_err(|_| io::ErrorKind::InvalidData)?;
    let unsent = [&length.to_be_bytes()[..], packet].concat();
    Ok(Way::Connection { stream: socket.into(), unsent, input: Vec::new() })
}

/// Sends what is left of the question, then reads; the reply when it is whole.
fn exchange(
    stream: &mut TcpStream,
    unsent: &mut Vec<u8>,
    input: &mut Vec<u8>,
    buffer: &mut [u8],
) -> io::Result<Option<Vec<u8>>> {
    if !unsent.is_empty() {
        let length = stream.write(unsent)?;
        unsent.drain(..length);
        return Ok(None);
    }
    let length = stream.read(buffer)?;
    if length == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    input.extend(buffer.get(..length).unwrap_or_default());
    Ok(framed(input).map(<[u8]>::to_vec))
}
