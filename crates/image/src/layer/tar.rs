//! Writing tar archives: ustar (POSIX.1-1988), with PAX records only for what it has no room for. The same files give the
//! same bytes.

use std::io::{self, Write};

use rustix::fs::Timespec;

use super::path;

/// What an entry is, by the letter of its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    File = b'0' as isize,
    Hardlink = b'1' as isize,
    Symlink = b'2' as isize,
    Character = b'3' as isize,
    Block = b'4' as isize,
    Directory = b'5' as isize,
    Fifo = b'6' as isize,
}

/// The header of an entry.
#[derive(Debug, Clone)]
pub(crate) struct Header<'a> {
    /// Without slashes at its ends; directories get theirs.
    pub(crate) path: &'a [u8],
    pub(crate) kind: Type,
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) modified: Timespec,
    /// Of the content that follows.
    pub(crate) size: u64,
    /// Of links.
    pub(crate) target: &'a [u8],
    /// Of devices.
    pub(crate) device: (u32, u32),
    pub(crate) attributes: &'a [(Vec<u8>, Vec<u8>)],
}

const BLOCK: usize = 512;
const ZEROS: [u8; BLOCK] = [0; BLOCK];
/// The largest numbers of fields with 7 and 11 octal digits.
const SEVEN: u64 = 0o7_777_777;
const ELEVEN: u64 = 0o77_777_777_777;

/// An archive being written.
#[derive(Debug)]
pub(crate) struct Writer<W> {
    sink: W,
}

impl<W: Write> Writer<W> {
    pub(crate) fn new(sink: W) -> Self {
        Self { sink }
    }

    /// Writes a header. Exactly `size` bytes of content must follow, by [`Writer::content`], and then [`Writer::pad`].
    pub(crate) fn header(&mut self, header: &Header<'_>) -> io::Result<()> {
        let mut path = header.path.to_vec();
        if path.is_empty() {
            path.push(b'.');
        }
        if header.kind == Type::Directory {
            path.push(b'/');
        }
        let records = records(header, &path);
        if !records.is_empty() {
            let mut name = b"PaxHeaders.0/".to_vec();
            name.extend_from_slice(path::split(header.path).1);
            name.truncate(100);
            let block = Block::new(&name, b'x', 0o644, (0, 0), 0, records.len() as u64);
            self.sink.write_all(&block.finish())?;
            self.sink.write_all(&records)?;
            self.pad(records.len() as u64)?;
        }
        let fit = |number: u64, largest: u64| if number > largest { 0 } else { number };
        let owner = (fit(header.uid.into(), SEVEN), fit(header.gid.into(), SEVEN));
        let modified = u64::try_from(header.modified.tv_sec).map_or(0, |seconds| fit(seconds, ELEVEN));
        let letter = u8::try_from(header.kind as isize).unwrap_or(b'0');
        let mut block =
            Block::new(&path, letter, header.mode.into(), owner, modified, fit(header.size, ELEVEN));
        block.text(157, &header.target[..header.target.len().min(100)]);
        if matches!(header.kind, Type::Character | Type::Block) {
            // The kernel's numbers have 12 and 20 bits.
            block.number(329, 7, fit(header.device.0.into(), SEVEN));
            block.number(337, 7, fit(header.device.1.into(), SEVEN));
        }
        self.sink.write_all(&block.finish())
    }

    /// Writes content.
    pub(crate) fn content(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sink.write_all(bytes)
    }

    /// Fills the last block of a content.
    pub(crate) fn pad(&mut self, size: u64) -> io::Result<()> {
        let over = usize::try_from(size % BLOCK as u64).unwrap_or(0);
        if over > 0 {
            self.sink.write_all(&ZEROS[over..])?;
        }
        Ok(())
    }

    /// Ends the archive.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        self.sink.write_all(&ZEROS)?;
        self.sink.write_all(&ZEROS)?;
        Ok(self.sink)
    }
}

/// A header block of the ustar format.
struct Block([u8; BLOCK]);

impl Block {
    fn new(path: &[u8], letter: u8, mode: u64, owner: (u64, u64), modified: u64, size: u64) -> Self {
        let mut block = Self(ZEROS);
        let (prefix, name) = split_path(path).unwrap_or((b"", &path[..path.len().min(100)]));
        block.text(0, name);
        block.text(345, prefix);
        block.number(100, 7, mode);
        block.number(108, 7, owner.0);
        block.number(116, 7, owner.1);
        block.number(124, 11, size);
        block.number(136, 11, modified);
        block.text(156, &[letter]);
        block.text(257, b"ustar\x0000");
        block
    }

    fn text(&mut self, at: usize, text: &[u8]) {
        self.0[at..at + text.len()].copy_from_slice(text);
    }

    /// A number in octal digits, with zeros in front and a null byte behind.
    fn number(&mut self, at: usize, digits: usize, number: u64) {
        self.text(at, format!("{number:0digits$o}").as_bytes());
    }

    fn finish(mut self) -> [u8; BLOCK] {
        self.text(148, b"        ");
        let sum: u64 = self.0.iter().map(|byte| u64::from(*byte)).sum();
        self.number(148, 6, sum);
        self.0[154] = 0;
        self.0
    }
}

/// A path as prefix and name, if there is a slash at a place where both fit.
fn split_path(path: &[u8]) -> Option<(&[u8], &[u8])> {
    if path.len() <= 100 {
        return Some((b"", path));
    }
    let first = path.len() - 101;
    let slash = path.iter().enumerate().skip(first).find(|(index, byte)| **byte == b'/' && *index > 0)?.0;
    (slash <= 155 && slash + 1 < path.len()).then(|| (&path[..slash], &path[slash + 1..]))
}

/// The records for what the header has no room for.
fn records(header: &Header<'_>, path: &[u8]) -> Vec<u8> {
    let mut records = Vec::new();
    let mut number = |key: &str, value: u64, largest: u64| {
        if value > largest {
            record(&mut records, key.as_bytes(), value.to_string().as_bytes());
        }
    };
    number("uid", header.uid.into(), SEVEN);
    number("gid", header.gid.into(), SEVEN);
    number("size", header.size, ELEVEN);
    if split_path(path).is_none() {
        record(&mut records, b"path", path);
    }
    if header.target.len() > 100 {
        record(&mut records, b"linkpath", header.target);
    }
    let Timespec { tv_sec, tv_nsec } = header.modified;
    if tv_nsec != 0 || u64::try_from(tv_sec).map_or(true, |seconds| seconds > ELEVEN) {
        record(&mut records, b"mtime", decimal(tv_sec, tv_nsec).as_bytes());
    }
    for (name, value) in header.attributes {
        record(&mut records, &[b"SCHILY.xattr.", name.as_slice()].concat(), value);
    }
    records
}

/// `LENGTH KEY=VALUE\n`, where the length counts itself.
fn record(records: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length.to_string().len() + rest != length {
        length = length.to_string().len() + rest;
    }
    records.extend_from_slice(length.to_string().as_bytes());
    records.push(b' ');
    records.extend_from_slice(key);
    records.push(b'=');
    records.extend_from_slice(value);
    records.push(b'\n');
}

/// Seconds with a fraction. Nanoseconds count forward, also before 1970.
fn decimal(seconds: i64, nanoseconds: i64) -> String {
    let (sign, seconds, nanoseconds) = match (seconds < 0, nanoseconds) {
        (true, 1..) => ("-", (seconds + 1).unsigned_abs(), 1_000_000_000 - nanoseconds),
        (negative, _) => (if negative { "-" } else { "" }, seconds.unsigned_abs(), nanoseconds),
    };
    let text = format!("{sign}{seconds}.{nanoseconds:09}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_count_themselves() {
        for (length, expected) in [(1, 9), (90, 99), (91, 101), (92, 102), (989, 999), (990, 1001)] {
            let mut records = Vec::new();
            record(&mut records, b"path", &vec![b'x'; length]);
            let text = String::from_utf8(records).unwrap();
            assert_eq!((text.len(), text.split(' ').next().unwrap()), (expected, &*expected.to_string()));
        }
    }

    #[test]
    fn times_before_and_after_1970() {
        for (seconds, nanoseconds, expected) in [
            (5, 0, "5"),
            (5, 500_000_000, "5.5"),
            (-2, 750_000_000, "-1.25"),
            (-1, 500_000_000, "-0.5"),
            (-3, 0, "-3"),
            (0, 1, "0.000000001"),
            (10, 0, "10"),
        ] {
            assert_eq!(decimal(seconds, nanoseconds), expected);
        }
    }

    #[test]
    fn paths_split_where_both_parts_fit() {
        let long = [vec![b'a'; 90], vec![b'/'], vec![b'b'; 90]].concat();
        assert_eq!(split_path(&long), Some((&long[..90], &long[91..])));
        assert_eq!(split_path(&[b'a'; 101]), None);
        assert_eq!(split_path(&[b'a'; 100]), Some((&b""[..], &[b'a'; 100][..])));
        let directory = [vec![b'a'; 120], vec![b'/']].concat();
        assert_eq!(split_path(&directory), None);
    }
}
