//! Questions to name servers, over UDP and, where an answer is too long for it, over TCP.

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use super::conf::Conf;
use super::message::{self, Answer, Kind};

/// The addresses of a full name; an error only where no server answers.
pub(super) fn look_up(conf: &Conf, name: &str, deadline: Instant) -> io::Result<Vec<IpAddr>> {
    let mut addresses = ask(conf, name, Kind::V6, deadline)?;
    addresses.extend(ask(conf, name, Kind::V4, deadline)?);
    Ok(addresses)
}

fn ask(conf: &Conf, name: &str, kind: Kind, deadline: Instant) -> io::Result<Vec<IpAddr>> {
    let mut last = None;
    for _ in 0..conf.attempts {
        for server in &conf.servers {
            // A name that answers are forged for is of no use without its number, which must not be guessed.
            let mut id = [0; 2];
            barque_sys::random(&mut id).map_err(|error| io::Error::from(error.errno()))?;
            let Some(question) = message::question(u16::from_be_bytes(id), name, kind) else {
                return Ok(Vec::new());
            };
            let left = deadline.saturating_duration_since(Instant::now()).min(conf.timeout);
            if left.is_zero() {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "no name server answers"));
            }
            match exchange(conf, *server, &question, kind, left) {
                Ok(Answer::Addresses(addresses)) => return Ok(addresses),
                Ok(_) => {
                    let words = format!("name server {server} refuses to look up {name}");
                    last = Some(io::Error::other(words));
                }
                Err(error) => {
                    last = Some(io::Error::new(error.kind(), format!("name server {server}: {error}")));
                }
            }
        }
    }
    Err(last.unwrap_or_else(|| io::Error::other("no name server")))
}

fn exchange(
    conf: &Conf,
    server: SocketAddr,
    question: &[u8],
    kind: Kind,
    limit: Duration,
) -> io::Result<Answer> {
    if !conf.tcp {
        match over_udp(server, question, kind, limit)? {
            Answer::Truncated => {}
            answer => return Ok(answer),
        }
    }
    over_tcp(server, question, kind, limit)
}

fn over_udp(server: SocketAddr, question: &[u8], kind: Kind, limit: Duration) -> io::Result<Answer> {
    let any: IpAddr =
        if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0))?;
    // Connected, the kernel takes datagrams from nobody else, and says when nobody is there.
    socket.connect(server)?;
    socket.send(question)?;
    let end = Instant::now() + limit;
    let mut buffer = [0; 4096];
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "no answer"));
        }
        socket.set_read_timeout(Some(left))?;
        let length = match socket.recv(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            result => result?,
        };
        if let Some(answer) = message::answer(&buffer[..length], question, kind) {
            return Ok(answer);
        }
    }
}

fn over_tcp(server: SocketAddr, question: &[u8], kind: Kind, limit: Duration) -> io::Result<Answer> {
    let mut stream = TcpStream::connect_timeout(&server, limit)?;
    stream.set_read_timeout(Some(limit))?;
    stream.set_write_timeout(Some(limit))?;
    let length = u16::try_from(question.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes(), question].concat())?;
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut message)?;
    message::answer(&message, question, kind).ok_or_else(|| io::Error::other("an answer to something else"))
}
