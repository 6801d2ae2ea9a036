//! What an ELF file says about what it needs. Only the program headers are read, as the kernel and the loader do.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

/// The parts of an ELF file that decide what it is loaded with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Elf {
    /// 64-bit.
    pub wide: bool,
    /// `e_machine`: which processor.
    pub machine: u16,
    /// The loader: `/lib64/ld-linux-x86-64.so.2`.
    pub interpreter: Option<PathBuf>,
    /// Names of the libraries it needs.
    pub needed: Vec<String>,
    /// Where they are looked up, for libraries of libraries too (`DT_RPATH`).
    pub rpath: Option<String>,
    /// Where they are looked up first (`DT_RUNPATH`).
    pub runpath: Option<String>,
}

const LOAD: u32 = 1;
const DYNAMIC: u32 = 2;
const INTERPRETER: u32 = 3;

const NEEDED: u64 = 1;
const STRING_TABLE: u64 = 5;
const STRING_SIZE: u64 = 10;
const RPATH: u64 = 15;
const RUNPATH: u64 = 29;

/// Reads an ELF file; none when the bytes are no ELF file, or one that is damaged.
pub fn elf(bytes: &[u8]) -> Option<Elf> {
    let file = File::new(bytes)?;
    let mut elf =
        Elf { wide: file.wide, machine: u16::try_from(file.number(18, 2)?).ok()?, ..Elf::default() };
    let segments = file.segments()?;
    if let Some(segment) = segments.iter().find(|segment| segment.kind == INTERPRETER) {
        let text = file.text(segment.offset, segment.size)?;
        elf.interpreter = Some(PathBuf::from(OsStr::from_bytes(text)));
    }
    if let Some(dynamic) = segments.iter().find(|segment| segment.kind == DYNAMIC) {
        file.dynamic(dynamic, &segments, &mut elf)?;
    }
    Some(elf)
}

struct Segment {
    kind: u32,
    offset: u64,
    address: u64,
    size: u64,
}

struct File<'a> {
    bytes: &'a [u8],
    wide: bool,
    big_endian: bool,
}

impl<'a> File<'a> {
    fn new(bytes: &'a [u8]) -> Option<Self> {
        let ident = bytes.get(..16)?;
        if ident[..4] != *b"\x7fELF" {
            return None;
        }
        let wide = match ident[4] {
            1 => false,
            2 => true,
            _ => return None,
        };
        let big_endian = match ident[5] {
            1 => false,
            2 => true,
            _ => return None,
        };
        Some(Self { bytes, wide, big_endian })
    }

    fn number(&self, offset: u64, width: usize) -> Option<u64> {
        let start = usize::try_from(offset).ok()?;
        let bytes = self.bytes.get(start..start.checked_add(width)?)?;
        let add = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        Some(if self.big_endian { bytes.iter().fold(0, add) } else { bytes.iter().rev().fold(0, add) })
    }

    /// A number as wide as an address.
    fn word(&self, offset: u64) -> Option<u64> {
        self.number(offset, if self.wide { 8 } else { 4 })
    }

    /// Bytes up to the first zero.
    fn text(&self, offset: u64, limit: u64) -> Option<&'a [u8]> {
        let bytes = self.bytes.get(usize::try_from(offset).ok()?..)?;
        let bytes = &bytes[..bytes.len().min(usize::try_from(limit).unwrap_or(usize::MAX))];
        bytes.split(|byte| *byte == 0).next()
    }

    fn segments(&self) -> Option<Vec<Segment>> {
        let (at, size, count) = if self.wide { (32, 54, 56) } else { (28, 42, 44) };
        let (table, size, count) = (self.word(at)?, self.number(size, 2)?, self.number(count, 2)?);
        let segment = |index: u64| {
            let start = table.checked_add(index.checked_mul(size)?)?;
            let field = |wide, narrow| self.word(start.checked_add(if self.wide { wide } else { narrow })?);
            Some(Segment {
                kind: u32::try_from(self.number(start, 4)?).ok()?,
                offset: field(8, 4)?,
                address: field(16, 8)?,
                size: field(32, 16)?,
            })
        };
        (0..count).map(segment).collect()
    }

    /// The dynamic section's entries; its strings are named by address, which the loaded segments translate.
    fn dynamic(&self, section: &Segment, segments: &[Segment], elf: &mut Elf) -> Option<()> {
        let width = if self.wide { 8 } else { 4 };
        let mut entries = Vec::new();
        for index in 0..section.size / (2 * width) {
            let at = section.offset.checked_add(index * 2 * width)?;
            match (self.word(at)?, self.word(at.checked_add(width)?)?) {
                (0, _) => break,
                entry => entries.push(entry),
            }
        }
        let one = |wanted: u64| entries.iter().find(|(tag, _)| *tag == wanted).map(|(_, value)| *value);
        let Some(strings) = one(STRING_TABLE) else { return Some(()) };
        let limit = one(STRING_SIZE).unwrap_or(u64::MAX);
        let loaded = segments.iter().find(|segment| {
            segment.kind == LOAD && strings.checked_sub(segment.address).is_some_and(|at| at < segment.size)
        })?;
        let base = loaded.offset.checked_add(strings - loaded.address)?;
        let string = |offset: u64| {
            let text = self.text(base.checked_add(offset)?, limit.checked_sub(offset)?)?;
            Some(String::from_utf8_lossy(text).into_owned())
        };
        for (tag, value) in &entries {
            match *tag {
                NEEDED => elf.needed.push(string(*value)?),
                RPATH => elf.rpath = string(*value),
                RUNPATH => elf.runpath = string(*value),
                _ => {}
            }
        }
        Some(())
    }
}
