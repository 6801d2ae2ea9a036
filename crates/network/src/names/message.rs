//! Messages of the domain name system (RFC 1035, RFC 6891): questions read, replies written. Whatever the bytes are, these
//! functions return.

use std::net::IpAddr;

/// The size of a reply over UDP that everybody takes.
const PLAIN_SIZE: usize = 512;
/// The largest that we send: the loopback has no fragments to lose.
pub(super) const LARGEST_UDP: u16 = 4096;
const HEADER: usize = 12;
/// A name has at most 255 bytes.
const LONGEST_NAME: usize = 255;

const RESPONSE: u16 = 0x8000;
const AUTHORITATIVE: u16 = 0x0400;
const TRUNCATED: u16 = 0x0200;
const RECURSION_DESIRED: u16 = 0x0100;
const RECURSION_AVAILABLE: u16 = 0x0080;
/// The class of the internet, and that of all.
const INTERNET: u16 = 1;
const ANY_CLASS: u16 = 255;

/// Types of records.
pub(super) const A: u16 = 1;
pub(super) const PTR: u16 = 12;
pub(super) const AAAA: u16 = 28;
const OPT: u16 = 41;
pub(super) const ANY: u16 = 255;

/// Response codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    Done = 0,
    Malformed = 1,
    Failed = 2,
    NoSuchName = 3,
    NotImplemented = 4,
    /// Extended: its low bits are zero.
    BadVersion = 16,
}

/// A question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Query {
    pub(super) id: u16,
    flags: u16,
    /// In lower case, with dots between the labels and none at the end.
    pub(super) name: String,
    pub(super) kind: u16,
    class: u16,
    /// The question as it came: replies repeat it letter by letter.
    pub(super) question: Vec<u8>,
    /// What the asker takes over UDP, and its version, where it speaks of EDNS.
    edns: Option<(u16, u8)>,
}

/// What bytes are.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// A question to be answered.
    Query(Query),
    /// A question that cannot be understood: this is its reply.
    Refuse(Vec<u8>),
    /// Nothing that gets a reply.
    Nothing,
}

/// What a record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Data {
    Address(IpAddr),
    Name(String),
}

impl Query {
    /// Whether it is about names of the internet: others are none of ours.
    pub(super) fn is_internet(&self) -> bool {
        matches!(self.class, INTERNET | ANY_CLASS)
    }

    /// Whether its version of EDNS is one we do not know.
    pub(super) fn has_unknown_version(&self) -> bool {
        self.edns.is_some_and(|(_, version)| version != 0)
    }

    /// The largest reply that its asker takes over UDP.
    pub(super) fn limit(&self) -> usize {
        let size = self.edns.map_or(PLAIN_SIZE, |(size, _)| usize::from(size.min(LARGEST_UDP)));
        size.max(PLAIN_SIZE)
    }

    /// A reply of at most so many bytes; records that have no room are left out, and it says so.
    pub(super) fn reply(&self, code: Code, answers: &[Data], limit: usize) -> Vec<u8> {
        let edns_size = if self.edns.is_some() { 11 } else { 0 };
        let mut bytes = vec![0; HEADER];
        bytes.extend(&self.question);
        let mut count = 0_u16;
        for data in answers {
            let record = record(data);
            if bytes.len() + record.len() + edns_size > limit {
                break;
            }
            bytes.extend(record);
            count += 1;
        }
        let code = code as u16;
        if self.edns.is_some() {
            // The root's name, the type, what we take, and the upper bits of the code.
            bytes.extend([0]);
            for word in [OPT, LARGEST_UDP, (code >> 4) << 8, 0, 0] {
                bytes.extend(word.to_be_bytes());
            }
        }
        let truncated = if usize::from(count) < answers.len() { TRUNCATED } else { 0 };
        let flags = RESPONSE | AUTHORITATIVE | truncated | (self.flags & 0x7800) | RECURSION_AVAILABLE;
        let flags = flags | (self.flags & RECURSION_DESIRED) | (code & 0xf);
        let words = [self.id, flags, 1, count, 0, u16::from(self.edns.is_some())];
        for (place, word) in bytes.chunks_exact_mut(2).zip(words) {
            place.copy_from_slice(&word.to_be_bytes());
        }
        bytes
    }
}

/// A record of the question's name, which lies behind the header. It is not to be kept: the next container may have the
/// address in the next moment.
fn record(data: &Data) -> Vec<u8> {
    let (kind, text) = match data {
        Data::Address(IpAddr::V4(address)) => (A, address.octets().to_vec()),
        Data::Address(IpAddr::V6(address)) => (AAAA, address.octets().to_vec()),
        Data::Name(name) => (PTR, name_bytes(name)),
    };
    let length = u16::try_from(text.len()).unwrap_or_default();
    let mut bytes = Vec::with_capacity(12 + text.len());
    for word in [0xc00c, kind, INTERNET, 0, 0, length] {
        bytes.extend(word.to_be_bytes());
    }
    bytes.extend(text);
    bytes
}

/// A name as messages have it. Labels that are too long are cut: they are names that nobody can ask for.
fn name_bytes(name: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(name.len() + 2);
    for label in name.split('.').filter(|label| !label.is_empty()) {
        let label = label.as_bytes().get(..63).unwrap_or(label.as_bytes());
        bytes.push(u8::try_from(label.len()).unwrap_or_default());
        bytes.extend(label);
    }
    bytes.push(0);
    bytes
}

/// Reads what a client has sent.
pub(super) fn read(bytes: &[u8]) -> Read {
    let (Some(id), Some(flags)) = (word(bytes, 0), word(bytes, 2)) else { return Read::Nothing };
    if bytes.len() < HEADER || flags & RESPONSE != 0 {
        return Read::Nothing;
    }
    if flags & 0x7800 != 0 {
        return Read::Refuse(bare(id, flags, Code::NotImplemented));
    }
    match read_query(bytes, id, flags) {
        Some(query) => Read::Query(query),
        None => Read::Refuse(bare(id, flags, Code::Malformed)),
    }
}

/// A reply without a question.
fn bare(id: u16, flags: u16, code: Code) -> Vec<u8> {
    let flags = RESPONSE | (flags & (0x7800 | RECURSION_DESIRED)) | code as u16;
    [id, flags, 0, 0, 0, 0].iter().flat_map(|word| word.to_be_bytes()).collect()
}

fn read_query(bytes: &[u8], id: u16, flags: u16) -> Option<Query> {
    let count = |place: usize| word(bytes, place);
    if count(4)? != 1 {
        return None;
    }
    let (name, end) = read_name(bytes)?;
    let (kind, class) = (word(bytes, end)?, word(bytes, end + 2)?);
    let question = bytes.get(HEADER..end + 4)?.to_vec();
    let mut at = end + 4;
    let mut edns = None;
    let (others, additional) = (usize::from(count(6)?) + usize::from(count(8)?), usize::from(count(10)?));
    for number in 0..others + additional {
        let start = skip_name(bytes, at)?;
        let (kind, size) = (word(bytes, start)?, word(bytes, start + 2)?);
        let version = *bytes.get(start + 5)?;
        if number >= others && kind == OPT && edns.replace((size, version)).is_some() {
            return None;
        }
        at = start + 10 + usize::from(word(bytes, start + 8)?);
        bytes.get(..at)?;
    }
    Some(Query { id, flags, name, kind, class, question, edns })
}

/// The name of the question, and where it ends. Nothing is before it that it could point to.
fn read_name(bytes: &[u8]) -> Option<(String, usize)> {
    let (mut name, mut at) = (String::new(), HEADER);
    loop {
        let length = usize::from(*bytes.get(at)?);
        if length > 63 {
            return None;
        }
        let label = bytes.get(at + 1..at + 1 + length)?;
        at += 1 + length;
        if at - HEADER > LONGEST_NAME {
            return None;
        }
        if length == 0 {
            return Some((name, at));
        }
        if !name.is_empty() {
            name.push('.');
        }
        for byte in label {
            match byte {
                b'.' | b'\\' => name.push_str(&format!("\\{byte:03}")),
                byte if byte.is_ascii_graphic() => name.push(char::from(byte.to_ascii_lowercase())),
                byte => name.push_str(&format!("\\{byte:03}")),
            }
        }
    }
}

/// Where a record's name ends: at its last label, or where it points elsewhere.
fn skip_name(bytes: &[u8], mut at: usize) -> Option<usize> {
    let start = at;
    loop {
        let length = usize::from(*bytes.get(at)?);
        match length {
            0 => return Some(at + 1),
            1..=63 => at += 1 + length,
            0xc0.. => return bytes.get(at + 1).map(|_| at + 2),
            _ => return None,
        }
        if at - start > LONGEST_NAME {
            return None;
        }
    }
}

/// Whether bytes are the reply to a question that was asked with an id.
pub(super) fn answers(bytes: &[u8], id: u16, question: &[u8]) -> bool {
    let same = |theirs: &[u8]| theirs.eq_ignore_ascii_case(question);
    word(bytes, 0) == Some(id)
        && word(bytes, 2).is_some_and(|flags| flags & RESPONSE != 0)
        // A server that understood nothing repeats nothing.
        && (word(bytes, 4) == Some(0) || bytes.get(HEADER..HEADER + question.len()).is_some_and(same))
}

/// Whether a server says with a reply that it cannot answer: another one may.
pub(super) fn is_failure(bytes: &[u8]) -> bool {
    // SERVFAIL, NOTIMP, REFUSED.
    word(bytes, 2).is_some_and(|flags| matches!(flags & 0xf, 2 | 4 | 5))
}

/// Puts an id into a message.
pub(super) fn set_id(bytes: &mut [u8], id: u16) {
    if let Some(place) = bytes.get_mut(..2) {
        place.copy_from_slice(&id.to_be_bytes());
    }
}

/// The address that a name below `in-addr.arpa` or `ip6.arpa` stands for.
pub(super) fn reversed(name: &str) -> Option<IpAddr> {
    if let Some(text) = name.strip_suffix(".in-addr.arpa") {
        let mut octets = [0_u8; 4];
        let mut parts = text.rsplit('.');
        for octet in &mut octets {
            *octet = parts.next()?.parse().ok()?;
        }
        return parts.next().is_none().then(|| octets.into());
    }
    let mut octets = [0_u8; 16];
    let mut digits = name.strip_suffix(".ip6.arpa")?.rsplit('.');
    let mut digit = || {
        let text = digits.next().filter(|text| text.len() == 1)?;
        u8::from_str_radix(text, 16).ok()
    };
    for octet in &mut octets {
        *octet = digit()? << 4 | digit()?;
    }
    digits.next().is_none().then(|| octets.into())
}

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
