//! Messages of the domain name system (RFC 1035): one question for addresses, and what comes back.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A kind of address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    V4,
    V6,
}

impl Kind {
    fn number(self) -> u16 {
        match self {
            Self::V4 => 1,
            Self::V6 => 28,
        }
    }
}

/// What a server says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The addresses; none, where the name has none of this kind or does not exist.
    Addresses(Vec<IpAddr>),
    /// Too long for a datagram: to be asked again over TCP.
    Truncated,
    /// It cannot or does not want to: another server may.
    Refused,
}

/// A question, or nothing where the name cannot be asked for.
pub(super) fn question(id: u16, name: &str, kind: Kind) -> Option<Vec<u8>> {
    let mut message = Vec::with_capacity(name.len() + 18);
    message.extend(id.to_be_bytes());
    // Recursion desired; one question, nothing else.
    message.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.split('.') {
        let length = u8::try_from(label.len()).ok().filter(|length| (1..=63).contains(length))?;
        message.push(length);
        message.extend(label.as_bytes());
    }
    message.push(0);
    message.extend(kind.number().to_be_bytes());
    message.extend([0, 1]);
    (name.len() <= 253).then_some(message)
}

/// Reads an answer to that question; nothing where it is not one, as anybody can send datagrams.
pub(super) fn answer(message: &[u8], question: &[u8], kind: Kind) -> Option<Answer> {
    let header = message.get(..12)?;
    let asked = question.get(12..)?;
    if header[..2] != question[..2] || header[2] & 0x80 == 0 || header[4..6] != [0, 1] {
        return None;
    }
    if !message.get(12..12 + asked.len())?.eq_ignore_ascii_case(asked) {
        return None;
    }
    if header[2] & 2 != 0 {
        return Some(Answer::Truncated);
    }
    match header[3] & 15 {
        0 => {}
        3 => return Some(Answer::Addresses(Vec::new())),
        _ => return Some(Answer::Refused),
    }
    let count = u16::from_be_bytes([header[6], header[7]]);
    let mut addresses = Vec::new();
    let mut at = 12 + asked.len();
    // The server follows aliases and gives them with what they lead to: all addresses in the answer are meant.
    for _ in 0..count {
        at = skip_name(message, at)?;
        let record = message.get(at..at + 10)?;
        let length = usize::from(u16::from_be_bytes([record[8], record[9]]));
        let data = message.get(at + 10..at + 10 + length)?;
        if record[..4] == [0, kind.number().to_be_bytes()[1], 0, 1] {
            addresses.extend(address(data));
        }
        at += 10 + length;
    }
    Some(Answer::Addresses(addresses))
}

fn address(data: &[u8]) -> Option<IpAddr> {
    if let Ok(bytes) = <[u8; 4]>::try_from(data) {
        return Some(Ipv4Addr::from(bytes).into());
    }
    <[u8; 16]>::try_from(data).ok().map(|bytes| Ipv6Addr::from(bytes).into())
}

/// Where a name ends: at its empty label, or at a pointer to the rest, which is not followed.
fn skip_name(message: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *message.get(at)? {
            0 => return Some(at + 1),
            length @ 1..=63 => at += 1 + usize::from(length),
            0xC0..=0xFF => return Some(at + 2),
            _ => return None,
        }
    }
}
