//! A container's name server: sockets in its network namespace, served by whoever calls [`Server::serve`] when one of
//! [`Server::interests`] is ready. Nothing here waits.

mod conversation;
mod question;

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::time::Instant;

use barque_sys::Call as _;
use barque_sys::namespace::{self, Namespaces};
use rustix::event::{PollFd, PollFlags};

use super::book::{Answer, Book};
use super::message::{self, Code, Read};
use super::upstream::Upstream;
use crate::store::Networks;
use crate::{Error, Result};
use conversation::Conversation;
use question::{Progress, Question};

/// Where containers find their name server.
pub const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 11));
/// The host's own resolver configuration.
const RESOLV_CONF: &str = "/etc/resolv.conf";
/// So many messages are taken in one turn: the container's output waits meanwhile.
const BATCH: usize = 64;
/// So many questions wait for others' replies; a further one takes the place of the oldest.
const MOST_QUESTIONS: usize = 128;
/// So many connections are open; a further one takes the place of the oldest.
const MOST_CONVERSATIONS: usize = 16;

/// Who has asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asker {
    Datagram(SocketAddr),
    /// By the number of the connection.
    Connection(u64),
}

/// A container's name server.
#[derive(Debug)]
pub struct Server {
    udp: UdpSocket,
    tcp: TcpListener,
    book: Book,
    upstream: Upstream,
    questions: Vec<Question>,
    conversations: Vec<Conversation>,
    /// The number of the next connection.
    next: u64,
    buffer: Vec<u8>,
}

impl Server {
    /// Listens in a container's network namespace, which must have its loopback on. `given` are the name servers to ask
    /// instead of the host's.
    pub fn open(
        networks: &Networks,
        container: &str,
        namespace: BorrowedFd<'_>,
        given: &[IpAddr],
    ) -> Result<Self> {
        let ours = namespace::open(Path::new("/proc/thread-self/ns/net"))?;
        namespace::join(namespace, Namespaces::NETWORK)?;
        let sockets = listen();
        namespace::join(&ours, Namespaces::NETWORK)?;
        let (udp, tcp) = sockets?;
        Ok(Self {
            udp,
            tcp,
            book: Book::new(networks.clone(), container),
            upstream: Upstream::new(given, PathBuf::from(RESOLV_CONF)),
            questions: Vec::new(),
            conversations: Vec::new(),
            next: 0,
            buffer: vec![0; usize::from(u16::MAX)],
        })
    }

    /// What to wait for, in the order that [`Server::serve`] is told of it.
    pub fn interests(&self) -> Vec<PollFd<'_>> {
        let mut fds = vec![PollFd::new(&self.udp, PollFlags::IN), PollFd::new(&self.tcp, PollFlags::IN)];
        fds.extend(self.questions.iter().map(Question::interest));
        fds.extend(self.conversations.iter().map(Conversation::interest));
        fds
    }

    /// When to call [`Server::serve`] although nothing is ready.
    pub fn deadline(&self) -> Option<Instant> {
        let questions = self.questions.iter().map(|question| question.deadline);
        questions.chain(self.conversations.iter().map(|one| one.deadline)).min()
    }

    /// Does what can be done now. `ready` says of each of the interests whether something has happened to it.
    pub fn serve(&mut self, ready: &[bool]) {
        let is_ready = |at: usize| ready.get(at).copied().unwrap_or(false);
        let (questions, conversations) = (self.questions.len(), self.conversations.len());
        // From the end: what is removed moves only those that were looked at. New questions may push old ones out.
        for at in (0..questions).rev().filter(|at| is_ready(2 + at)) {
            self.proceed(at);
        }
        for at in (0..conversations).rev().filter(|at| is_ready(2 + questions + at)) {
            self.converse(at);
        }
        if is_ready(1) {
            self.accept();
        }
        if is_ready(0) {
            self.receive();
        }
        self.expire();
    }

    /// Datagrams that have come.
    fn receive(&mut self) {
        let mut buffer = std::mem::take(&mut self.buffer);
        for _ in 0..BATCH {
            // Besides "nothing there": what the kernel has to say about an earlier reply that nobody took.
            let Ok((length, from)) = self.udp.recv_from(&mut buffer) else { break };
            let asker = Asker::Datagram(from);
            if let Some(packet) = buffer.get(..length) {
                self.ask(packet, asker);
            }
        }
        self.buffer = buffer;
    }

    fn accept(&mut self) {
        for _ in 0..BATCH {
            let Ok((stream, _)) = self.tcp.accept() else { break };
            if stream.set_nonblocking(true).is_err() {
                continue;
            }
            if self.conversations.len() == MOST_CONVERSATIONS {
                self.conversations.remove(0);
            }
            self.conversations.push(Conversation::new(self.next, stream));
            self.next += 1;
        }
    }

    fn converse(&mut self, at: usize) {
        let Some(conversation) = self.conversations.get_mut(at) else { return };
        let asker = Asker::Connection(conversation.number);
        match conversation.read() {
            Ok(packets) => packets.iter().for_each(|packet| self.ask(packet, asker)),
            Err(_) => drop(self.conversations.remove(at)),
        }
    }

    /// Answers a question, or passes it on.
    fn ask(&mut self, packet: &[u8], asker: Asker) {
        let query = match message::read(packet) {
            Read::Query(query) => query,
            Read::Refuse(reply) => return self.reply(asker, &reply),
            Read::Nothing => return,
        };
        let limit = match asker {
            Asker::Datagram(_) => query.limit(),
            Asker::Connection(_) => usize::from(u16::MAX),
        };
        if query.has_unknown_version() {
            return self.reply(asker, &query.reply(Code::BadVersion, &[], limit));
        }
        match self.book.answer(&query) {
            Answer::Reply(code, data) => self.reply(asker, &query.reply(code, &data, limit)),
            Answer::Forward => {
                if self.questions.len() == MOST_QUESTIONS {
                    let oldest = self.questions.remove(0);
                    self.reply(oldest.asker, &oldest.failure());
                }
                let question = Question::new(query, packet, asker, self.upstream.servers());
                self.questions.push(question);
                self.begin(self.questions.len() - 1);
            }
        }
    }

    /// Asks the next server.
    fn begin(&mut self, at: usize) {
        let Some(question) = self.questions.get_mut(at) else { return };
        if !question.ask_next() {
            let question = self.questions.remove(at);
            self.reply(question.asker, &question.failure());
        }
    }

    /// Something has happened at the socket of a question.
    fn proceed(&mut self, at: usize) {
        let Some(question) = self.questions.get_mut(at) else { return };
        match question.proceed(&mut self.buffer) {
            Progress::Waits => {}
            Progress::Failed => self.begin(at),
            Progress::Answered(reply) => {
                let question = self.questions.remove(at);
                self.reply(question.asker, &reply);
            }
        }
    }

    fn expire(&mut self) {
        let now = Instant::now();
        for at in (0..self.questions.len()).rev() {
            if self.questions.get(at).is_some_and(|question| question.deadline <= now) {
                self.begin(at);
            }
        }
        self.conversations.retain(|one| one.deadline > now);
    }

    /// Sends a reply; one that nobody takes is lost, as networks lose them.
    fn reply(&mut self, asker: Asker, bytes: &[u8]) {
        match asker {
            Asker::Datagram(to) => drop(self.udp.send_to(bytes, to)),
            Asker::Connection(number) => {
                let at = self.conversations.iter().position(|one| one.number == number);
                if let Some(conversation) = at.and_then(|at| self.conversations.get_mut(at)) {
                    conversation.reply(bytes);
                }
            }
        }
    }
}

/// The sockets, in the caller's network namespace.
fn listen() -> Result<(UdpSocket, TcpListener)> {
    let address = SocketAddr::new(ADDRESS, 53);
    let failed = |error: barque_sys::Error| {
        Error::from(error)
            .hint("names of containers are answered there: leave the address free, or use --network bridge")
    };
    let udp = UdpSocket::bind(address).call(|| format!("bind({address}/udp)")).map_err(failed)?;
    let tcp = TcpListener::bind(address).call(|| format!("bind({address}/tcp)")).map_err(failed)?;
    udp.set_nonblocking(true).call(|| "ioctl(FIONBIO)")?;
    tcp.set_nonblocking(true).call(|| "ioctl(FIONBIO)")?;
    Ok((udp, tcp))
}
