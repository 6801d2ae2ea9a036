//! D-Bus messages as bytes: what systemd's interface needs of the format.

use serde::{Deserialize, Serialize};

/// A method call.
pub(super) const CALL: u8 = 1;
/// What a call gives back.
pub(super) const RETURN: u8 = 2;
/// Why a call failed.
pub(super) const ERROR: u8 = 3;
/// A signal.
pub(super) const SIGNAL: u8 = 4;

/// The codes of header fields.
const PATH: u8 = 1;
const INTERFACE: u8 = 2;
const MEMBER: u8 = 3;
const ERROR_NAME: u8 = 4;
const REPLY_SERIAL: u8 = 5;
const DESTINATION: u8 = 6;
const SIGNATURE: u8 = 8;

/// Length of the fixed part of a header, the length of the fields included.
pub(super) const FIXED: usize = 16;
/// No message of systemd's is longer; the format's own limit is 128 MiB.
pub(super) const LONGEST: usize = 1 << 20;

/// The value of a unit's property.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Setting {
    /// `b`
    Flag(bool),
    /// `s`
    Text(String),
    /// `t`; the largest stands for "no limit".
    Number(u64),
    /// `au`
    Numbers(Vec<u32>),
    /// `ay`
    Bytes(Vec<u8>),
    /// `a(ss)`
    Pairs(Vec<(String, String)>),
}

impl Setting {
    /// Its type, as a D-Bus signature.
    pub(super) fn signature(&self) -> &'static str {
        match self {
            Self::Flag(_) => "b",
            Self::Text(_) => "s",
            Self::Number(_) => "t",
            Self::Numbers(_) => "au",
            Self::Bytes(_) => "ay",
            Self::Pairs(_) => "a(ss)",
        }
    }
}

/// A message to send.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) destination: Option<&'a str>,
    pub(super) path: &'a str,
    pub(super) interface: &'a str,
    pub(super) member: &'a str,
    pub(super) signature: &'a str,
    pub(super) body: &'a [u8],
}

impl Call<'_> {
    /// The whole message.
    pub(super) fn encode(&self, serial: u32) -> Vec<u8> {
        let mut fields = Writer::default();
        let texts = [
            (PATH, "o", Some(self.path)),
            (INTERFACE, "s", Some(self.interface)),
            (MEMBER, "s", Some(self.member)),
            (DESTINATION, "s", self.destination),
        ];
        for (code, kind, text) in texts {
            if let Some(text) = text {
                fields.align(8);
                fields.bytes.push(code);
                fields.signature(kind);
                fields.text(text);
            }
        }
        if !self.signature.is_empty() {
            fields.align(8);
            fields.bytes.push(SIGNATURE);
            fields.signature("g");
            fields.signature(self.signature);
        }
        let mut message = Writer { bytes: vec![b'l', CALL, 0, 1] };
        message.number(length(self.body));
        message.number(serial);
        message.number(length(&fields.bytes));
        message.bytes.extend(fields.bytes);
        message.align(8);
        message.bytes.extend(self.body);
        message.bytes
    }
}

/// Lays values out one after another, each at a multiple of its size.
#[derive(Debug, Default)]
pub(super) struct Writer {
    pub(super) bytes: Vec<u8>,
}

impl Writer {
    fn align(&mut self, to: usize) {
        self.bytes.resize(self.bytes.len().next_multiple_of(to), 0);
    }

    pub(super) fn number(&mut self, number: u32) {
        self.align(4);
        self.bytes.extend(number.to_le_bytes());
    }

    /// A string or an object path.
    pub(super) fn text(&mut self, text: &str) {
        self.number(length(text.as_bytes()));
        self.bytes.extend(text.as_bytes());
        self.bytes.push(0);
    }

    fn signature(&mut self, signature: &str) {
        self.bytes.push(u8::try_from(signature.len()).unwrap_or(u8::MAX));
        self.bytes.extend(signature.as_bytes());
        self.bytes.push(0);
    }

    /// An array; its length counts from the first element, without the padding before that.
    fn array(&mut self, align: usize, elements: impl FnOnce(&mut Self)) {
        self.number(0);
        let at = self.bytes.len() - 4;
        self.align(align);
        let start = self.bytes.len();
        elements(self);
        let length = length(&self.bytes[start..]);
        self.bytes[at..at + 4].copy_from_slice(&length.to_le_bytes());
    }

    /// `a(sv)`
    pub(super) fn settings(&mut self, settings: &[(&str, &Setting)]) {
        self.array(8, |writer| {
            for (name, setting) in settings {
                writer.align(8);
                writer.text(name);
                writer.signature(setting.signature());
                writer.setting(setting);
            }
        });
    }

    /// An array without elements, of structures.
    pub(super) fn nothing(&mut self) {
        self.array(8, |_| {});
    }

    fn setting(&mut self, setting: &Setting) {
        match setting {
            Setting::Flag(flag) => self.number(u32::from(*flag)),
            Setting::Text(text) => self.text(text),
            Setting::Number(number) => {
                self.align(8);
                self.bytes.extend(number.to_le_bytes());
            }
            Setting::Numbers(numbers) => {
                self.array(4, |writer| numbers.iter().for_each(|number| writer.number(*number)));
            }
            Setting::Bytes(bytes) => self.array(1, |writer| writer.bytes.extend(bytes)),
            Setting::Pairs(pairs) => self.array(8, |writer| {
                for (first, second) in pairs {
                    writer.align(8);
                    writer.text(first);
                    writer.text(second);
                }
            }),
        }
    }
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

/// A message that came.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) kind: u8,
    pub(super) reply_to: Option<u32>,
    pub(super) member: String,
    pub(super) error: String,
    big_endian: bool,
    body: Vec<u8>,
}

/// Lengths of the fields and of the body, from the fixed part of a header; `None` when it is no header.
pub(super) fn lengths(fixed: &[u8; FIXED]) -> Option<(usize, usize)> {
    let mut reader = Reader { bytes: fixed, at: 4, big_endian: fixed[0] == b'B' };
    let known = matches!(fixed[0], b'l' | b'B') && fixed[3] == 1;
    let body = usize::try_from(reader.number()?).ok()?;
    reader.number()?;
    let fields = usize::try_from(reader.number()?).ok()?.next_multiple_of(8);
    (known && body <= LONGEST && fields <= LONGEST).then_some((fields, body))
}

impl Message {
    /// From a header's fixed part and the two parts that follow; `None` when they break the format.
    pub(super) fn decode(fixed: &[u8; FIXED], fields: &[u8], body: Vec<u8>) -> Option<Self> {
        let big_endian = fixed[0] == b'B';
        let mut message = Self { kind: fixed[1], big_endian, body, ..Self::default() };
        let end = usize::try_from(Reader { bytes: fixed, at: 12, big_endian }.number()?).ok()?;
        let mut reader = Reader { bytes: fields.get(..end)?, at: 0, big_endian };
        while reader.at < end {
            reader.align(8);
            let code = reader.byte()?;
            match reader.signature()?.as_str() {
                "u" => {
                    let number = reader.number()?;
                    message.reply_to = message.reply_to.or((code == REPLY_SERIAL).then_some(number));
                }
                "s" | "o" => match (code, reader.text()?) {
                    (MEMBER, text) => message.member = text,
                    (ERROR_NAME, text) => message.error = text,
                    _ => {}
                },
                "g" => drop(reader.signature()?),
                _ => return None,
            }
        }
        Some(message)
    }

    /// Reads its body.
    pub(super) fn body(&self) -> Reader<'_> {
        Reader { bytes: &self.body, at: 0, big_endian: self.big_endian }
    }
}

/// Reads values that [`Writer`] lays out; `None` past the end or where the format is broken.
#[derive(Debug)]
pub(super) struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
    big_endian: bool,
}

impl<'b> Reader<'b> {
    fn align(&mut self, to: usize) {
        self.at = self.at.next_multiple_of(to);
    }

    fn take(&mut self, length: usize) -> Option<&'b [u8]> {
        let taken = self.bytes.get(self.at..self.at.checked_add(length)?)?;
        self.at += length;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    pub(super) fn number(&mut self) -> Option<u32> {
        self.align(4);
        let bytes = self.take(4)?.try_into().ok()?;
        Some(if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }

    /// A string or an object path.
    pub(super) fn text(&mut self) -> Option<String> {
        let length = usize::try_from(self.number()?).ok()?;
        self.terminated(length)
    }

    pub(super) fn signature(&mut self) -> Option<String> {
        let length = usize::from(self.byte()?);
        self.terminated(length)
    }

    fn terminated(&mut self, length: usize) -> Option<String> {
        let text = self.take(length)?.to_vec();
        (self.byte()? == 0).then_some(())?;
        String::from_utf8(text).ok()
    }
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
