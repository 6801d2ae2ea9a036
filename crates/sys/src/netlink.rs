//! netlink: messages, and a socket that takes many of them in one send.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::io::Errno;
use rustix::net::netlink as protocols;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

use crate::namespace::{self, Namespaces};
use crate::{Call as _, Result};

/// Length of `struct nlmsghdr`.
const HEADER: usize = 16;
/// `NLA_F_NESTED`: the attribute's value is attributes.
const NESTED: u16 = 1 << 15;
/// What tells an attribute's kind from its flags, `NLA_TYPE_MASK`.
const KIND: u16 = 0x3fff;
/// A reply is at most a page or 32 KiB.
const BUFFER: usize = 32 * 1024;

/// A message being written: header, a family's own header, attributes.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    bytes: Vec<u8>,
}

impl Message {
    /// A request of a kind (`RTM_*`), with flags beyond `NLM_F_REQUEST` and `NLM_F_ACK`.
    pub(crate) fn new(kind: u16, flags: libc::c_int, family_header: &[u8]) -> Self {
        Self::silent(kind, flags | libc::NLM_F_ACK, family_header)
    }

    /// A request that is answered only when it fails.
    pub(crate) fn silent(kind: u16, flags: libc::c_int, family_header: &[u8]) -> Self {
        let flags = u16::try_from(libc::NLM_F_REQUEST | flags).unwrap_or_default();
        let mut bytes = Vec::with_capacity(256);
        bytes.extend([0; 4]);
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(flags.to_ne_bytes());
        bytes.extend([1, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend(family_header);
        Self { bytes }
    }

    /// Asks for an answer in any case.
    pub(crate) fn acknowledge(&mut self) {
        self.bytes[6] |= u8::try_from(libc::NLM_F_ACK).unwrap_or_default();
    }

    /// Adds an attribute, padded to four bytes.
    pub(crate) fn attribute(&mut self, kind: u16, value: &[u8]) {
        let length = u16::try_from(value.len() + 4).unwrap_or(u16::MAX);
        self.bytes.extend(length.to_ne_bytes());
        self.bytes.extend(kind.to_ne_bytes());
        self.bytes.extend(value);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }

    /// Adds an attribute that is text, with its NUL.
    pub(crate) fn text(&mut self, kind: u16, value: &str) {
        self.attribute(kind, &[value.as_bytes(), b"\0"].concat());
    }

    /// Adds a number in network byte order, as netfilter has them all.
    pub(crate) fn be32(&mut self, kind: u16, value: u32) {
        self.attribute(kind, &value.to_be_bytes());
    }

    /// Adds an attribute of attributes.
    pub(crate) fn nest(&mut self, kind: u16, fill: impl FnOnce(&mut Self)) {
        let start = self.bytes.len();
        self.attribute(kind | NESTED, &[]);
        fill(self);
        let length = u16::try_from(self.bytes.len() - start).unwrap_or(u16::MAX);
        self.bytes[start..start + 2].copy_from_slice(&length.to_ne_bytes());
    }

    /// Adds bytes that are no attribute: a family's header inside of a nest.
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
    }

    /// The message with its length and number.
    fn finish(mut self, sequence: u32) -> Vec<u8> {
        let length = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        self.bytes[..4].copy_from_slice(&length.to_ne_bytes());
        self.bytes[8..12].copy_from_slice(&sequence.to_ne_bytes());
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
        Some((kind & KIND, value))
    })
}

/// The value of an attribute.
pub(crate) fn attribute(bytes: &[u8], wanted: u16) -> Option<&[u8]> {
    attributes(bytes).find(|(kind, _)| *kind == wanted).map(|(_, value)| value)
}

/// An attribute's value that is text.
pub(crate) fn as_text(value: &[u8]) -> String {
    String::from_utf8_lossy(value.split(|byte| *byte == 0).next().unwrap_or_default()).into_owned()
}

/// Which part of the kernel a socket speaks to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// Links, addresses, routes.
    Route,
    /// nf_tables, conntrack.
    Netfilter,
}

/// A message that failed, by its place among those of the send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) at: usize,
    pub(crate) errno: Errno,
}

/// A socket of one network namespace.
#[derive(Debug)]
pub(crate) struct Socket {
    socket: OwnedFd,
}

impl Socket {
    /// A socket of the caller's network namespace.
    pub(crate) fn open(protocol: Protocol) -> Result<Self> {
        let protocol = match protocol {
            // NETLINK_ROUTE is 0.
            Protocol::Route => None,
            Protocol::Netfilter => Some(protocols::NETFILTER),
        };
        let kind = (AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC);
        let socket = rustix::net::socket_with(kind.0, kind.1, kind.2, protocol);
        Ok(Self { socket: socket.call(|| "socket(AF_NETLINK, SOCK_RAW|SOCK_CLOEXEC)")? })
    }

    /// A socket of another network namespace: it stays there, while the calling thread comes back.
    pub(crate) fn open_in(theirs: impl AsFd, protocol: Protocol) -> Result<Self> {
        let ours = namespace::open(Path::new("/proc/thread-self/ns/net"))?;
        namespace::join(theirs, Namespaces::NETWORK)?;
        let socket = Self::open(protocol);
        namespace::join(&ours, Namespaces::NETWORK)?;
        socket
    }

    /// Sends a request and returns what is replied before the acknowledgement, without the headers.
    pub(crate) fn send(&self, request: Message) -> std::result::Result<Vec<Vec<u8>>, Errno> {
        rustix::net::send(&self.socket, &request.finish(1), SendFlags::empty())?;
        let mut replies = Vec::new();
        let mut buffer = vec![0_u8; BUFFER];
        loop {
            let (length, _) = rustix::net::recv(&self.socket, &mut buffer, RecvFlags::empty())?;
            if take(&buffer[..length], &mut replies)? {
                return Ok(replies);
            }
        }
    }

    /// Sends many messages at once; the last of them must ask for its acknowledgement. rtnetlink goes on after one that
    /// failed; of several failures the first is returned.
    pub(crate) fn send_all(&self, messages: Vec<Message>) -> std::result::Result<(), Failure> {
        let bytes: Vec<u8> =
            (1..).zip(messages).flat_map(|(number, message)| message.finish(number)).collect();
        let whole = |errno| Failure { at: 0, errno };
        rustix::net::send(&self.socket, &bytes, SendFlags::empty()).map_err(whole)?;
        let mut buffer = vec![0_u8; BUFFER];
        let mut first = None;
        loop {
            // The kernel has done it all before the send returned, so there is nothing to wait for.
            match rustix::net::recv(&self.socket, &mut buffer, RecvFlags::DONTWAIT) {
                Ok((length, _)) => first = first.or_else(|| failure(&buffer[..length])),
                Err(Errno::AGAIN) => return first.map_or(Ok(()), Err),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(first.unwrap_or(Failure { at: 0, errno })),
            }
        }
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// The error number that an acknowledgement holds, negated.
fn errno(code: i32) -> Errno {
    let number = code.checked_neg().filter(|number| (1..4096).contains(number));
    number.map_or(Errno::BADMSG, Errno::from_raw_os_error)
}

/// The first failure that a datagram tells of.
fn failure(mut bytes: &[u8]) -> Option<Failure> {
    while let Some(length) = number(bytes, 0).and_then(|length| usize::try_from(length).ok()) {
        let kind = u16::from_ne_bytes([*bytes.get(4)?, *bytes.get(5)?]);
        let code = number(bytes, HEADER).map_or(0, u32::cast_signed);
        if i32::from(kind) == libc::NLMSG_ERROR && code != 0 {
            let sequence = usize::try_from(number(bytes, 8)?).unwrap_or(1);
            return Some(Failure { at: sequence.saturating_sub(1), errno: errno(code) });
        }
        bytes = bytes.get(length.max(HEADER).next_multiple_of(4)..).unwrap_or_default();
    }
    None
}

/// Takes the messages of one datagram; whether the last of them ends the reply.
fn take(mut bytes: &[u8], replies: &mut Vec<Vec<u8>>) -> std::result::Result<bool, Errno> {
    while let Some(length) = number(bytes, 0).and_then(|length| usize::try_from(length).ok()) {
        let message = bytes.get(HEADER..length).ok_or(Errno::BADMSG)?;
        let kind = u16::from_ne_bytes([bytes[4], bytes[5]]);
        match i32::from(kind) {
            libc::NLMSG_DONE => return Ok(true),
            libc::NLMSG_ERROR => {
                let code = number(message, 0).map_or(0, u32::cast_signed);
                return if code == 0 { Ok(true) } else { Err(errno(code)) };
            }
            libc::NLMSG_NOOP => {}
            _ => replies.push(message.to_vec()),
        }
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(false)
}

/// Reads bytes as a datagram of the kernel's, and as the attributes of a message (`crate::fuzz`).
pub(crate) fn fuzz(bytes: &[u8]) {
    let _ = failure(bytes);
    let mut replies = Vec::new();
    let _ = take(bytes, &mut replies);
    for reply in replies.iter().map(Vec::as_slice).chain([bytes]) {
        attributes(reply).for_each(|(_, value)| drop(as_text(value)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_padded_and_read_back() {
        let mut request = Message::new(libc::RTM_SETLINK, 0, &[0; 16]);
        request.attribute(3, b"eth0\0");
        request.attribute(4, &[1, 2, 3, 4]);
        let bytes = request.finish(7);
        assert_eq!(bytes.len(), HEADER + 16 + 12 + 8);
        assert_eq!((number(&bytes, 0), number(&bytes, 8)), (Some(52), Some(7)));
        let read: Vec<_> = attributes(&bytes[HEADER + 16..]).collect();
        assert_eq!(read, [(3, &b"eth0\0"[..]), (4, &[1, 2, 3, 4])]);
        assert_eq!(as_text(attribute(&bytes[HEADER + 16..], 3).unwrap()), "eth0");
    }

    #[test]
    fn nests_have_the_length_of_what_is_in_them() {
        let mut request = Message::silent(1, 0, &[]);
        request.nest(18, |info| {
            info.text(1, "veth");
            info.nest(2, |data| data.be32(1, 5));
        });
        let bytes = request.finish(1);
        let info = attribute(&bytes[HEADER..], 18).unwrap();
        assert_eq!(attribute(info, 1), Some(&b"veth\0"[..]));
        assert_eq!(attribute(attribute(info, 2).unwrap(), 1), Some(&[0, 0, 0, 5][..]));
        assert_eq!(attributes(&bytes[HEADER..]).count(), 1);
    }

    #[test]
    fn a_reply_ends_with_done_or_an_error() {
        let message = |kind: libc::c_int, body: &[u8]| {
            let mut request = Message::new(u16::try_from(kind).unwrap(), 0, body);
            request.attribute(0, &[]);
            request.finish(3)
        };
        let mut replies = Vec::new();
        let two = [message(20, &[7; 4]), message(libc::NLMSG_DONE, &[0; 4])].concat();
        assert_eq!(take(&two, &mut replies), Ok(true));
        assert_eq!(replies, [[7, 7, 7, 7, 4, 0, 0, 0]]);
        let refused = message(libc::NLMSG_ERROR, &(-19_i32).to_ne_bytes());
        assert_eq!(take(&refused, &mut replies), Err(Errno::NODEV));
        let fine = message(libc::NLMSG_ERROR, &[0; 4]);
        assert_eq!(take(&fine, &mut replies), Ok(true));
        assert_eq!(take(&message(20, &[0; 4]), &mut replies), Ok(false));
        assert_eq!(take(&[99, 0, 0, 0, 0, 0, 0, 0], &mut replies), Err(Errno::BADMSG));
        assert_eq!(failure(&[fine.clone(), refused].concat()), Some(Failure { at: 2, errno: Errno::NODEV }));
        assert_eq!(failure(&fine), None);
    }
}
