//! rtnetlink: requests, and a socket that takes them one at a time.

use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

use crate::namespace::{self, Namespaces};
use crate::{Call as _, Result};

/// Length of `struct nlmsghdr`.
const HEADER: usize = 16;

/// A request being written: header, a family's own header, attributes.
#[derive(Debug)]
pub(crate) struct Request {
    bytes: Vec<u8>,
}

impl Request {
    /// A request of a kind (`RTM_*`), with flags beyond `NLM_F_REQUEST` and `NLM_F_ACK`.
    pub(crate) fn new(kind: u16, flags: libc::c_int, family_header: &[u8]) -> Self {
        let flags = u16::try_from(libc::NLM_F_REQUEST | libc::NLM_F_ACK | flags).unwrap_or_default();
        let mut bytes = vec![0; 4];
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(flags.to_ne_bytes());
        bytes.extend([1, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend(family_header);
        Self { bytes }
    }

    /// Adds an attribute, padded to four bytes.
    pub(crate) fn attribute(&mut self, kind: u16, value: &[u8]) {
        let length = u16::try_from(value.len() + 4).unwrap_or(u16::MAX);
        self.bytes.extend(length.to_ne_bytes());
        self.bytes.extend(kind.to_ne_bytes());
        self.bytes.extend(value);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }

    fn finish(mut self) -> Vec<u8> {
        let length = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        self.bytes[..4].copy_from_slice(&length.to_ne_bytes());
        self.bytes
    }
}

/// The attributes after a family's own header: kind and value. What is cut off ends them.
pub(crate) fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::from(u16::from_ne_bytes(bytes.get(..2)?.try_into().ok()?));
        let kind = u16::from_ne_bytes(bytes.get(2..4)?.try_into().ok()?);
        let value = bytes.get(4..length)?;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    })
}

/// A socket of one network namespace.
#[derive(Debug)]
pub(crate) struct Rtnetlink {
    socket: OwnedFd,
}

impl Rtnetlink {
    /// A socket of the caller's network namespace.
    pub(crate) fn open() -> Result<Self> {
        let kind = (AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC);
        let socket = rustix::net::socket_with(kind.0, kind.1, kind.2, None);
        Ok(Self { socket: socket.call(|| "socket(AF_NETLINK, SOCK_RAW|SOCK_CLOEXEC)")? })
    }

    /// A socket of a process's network namespace: it stays there, while the calling thread comes back.
    pub(crate) fn open_in(pid: i32) -> Result<Self> {
        let ours = namespace::open(Path::new("/proc/thread-self/ns/net"))?;
        let theirs = namespace::open(Path::new(&format!("/proc/{pid}/ns/net")))?;
        namespace::join(&theirs, Namespaces::NETWORK)?;
        let socket = Self::open();
        namespace::join(&ours, Namespaces::NETWORK)?;
        socket
    }

    /// Sends a request and returns what is replied before the acknowledgement, without the headers.
    pub(crate) fn send(&self, request: Request) -> std::result::Result<Vec<Vec<u8>>, Errno> {
        rustix::net::send(&self.socket, &request.finish(), SendFlags::empty())?;
        let mut replies = Vec::new();
        let mut buffer = vec![0_u8; 32 * 1024];
        loop {
            let (length, _) = rustix::net::recv(&self.socket, &mut buffer, RecvFlags::empty())?;
            if take(&buffer[..length], &mut replies)? {
                return Ok(replies);
            }
        }
    }
}

/// Takes the messages of one datagram; whether the last of them ends the reply.
fn take(mut bytes: &[u8], replies: &mut Vec<Vec<u8>>) -> std::result::Result<bool, Errno> {
    let number = |bytes: &[u8], at: usize| Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    while let Some(length) = number(bytes, 0).and_then(|length| usize::try_from(length).ok()) {
        let message = bytes.get(HEADER..length).ok_or(Errno::BADMSG)?;
        let kind = u16::from_ne_bytes([bytes[4], bytes[5]]);
        match i32::from(kind) {
            libc::NLMSG_DONE => return Ok(true),
            libc::NLMSG_ERROR => {
                let code = number(message, 0).map_or(0, u32::cast_signed);
                return if code == 0 { Ok(true) } else { Err(Errno::from_raw_os_error(-code)) };
            }
            libc::NLMSG_NOOP => {}
            _ => replies.push(message.to_vec()),
        }
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_padded_and_read_back() {
        let mut request = Request::new(libc::RTM_SETLINK, 0, &[0; 16]);
        request.attribute(3, b"eth0\0");
        request.attribute(4, &[1, 2, 3, 4]);
        let bytes = request.finish();
        assert_eq!(bytes.len(), HEADER + 16 + 12 + 8);
        assert_eq!(u32::from_ne_bytes(bytes[..4].try_into().unwrap()), 52);
        let read: Vec<_> = attributes(&bytes[HEADER + 16..]).collect();
        assert_eq!(read, [(3, &b"eth0\0"[..]), (4, &[1, 2, 3, 4])]);
    }

    #[test]
    fn a_reply_ends_with_done_or_an_error() {
        let message = |kind: libc::c_int, body: &[u8]| {
            let mut request = Request::new(u16::try_from(kind).unwrap(), 0, body);
            request.attribute(0, &[]);
            request.finish()
        };
        let mut replies = Vec::new();
        let two = [message(20, &[7; 4]), message(libc::NLMSG_DONE, &[0; 4])].concat();
        assert_eq!(take(&two, &mut replies), Ok(true));
        assert_eq!(replies, [[7, 7, 7, 7, 4, 0, 0, 0]]);
        assert_eq!(
            take(&message(libc::NLMSG_ERROR, &(-19_i32).to_ne_bytes()), &mut replies),
            Err(Errno::NODEV)
        );
        assert_eq!(take(&message(libc::NLMSG_ERROR, &[0; 4]), &mut replies), Ok(true));
        assert_eq!(take(&message(20, &[0; 4]), &mut replies), Ok(false));
        assert_eq!(take(&[99, 0, 0, 0, 0, 0, 0, 0], &mut replies), Err(Errno::BADMSG));
    }
}
