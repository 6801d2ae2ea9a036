//! Compressed streams, known by their first bytes.

use std::io::{self, BufReader, Cursor, Read};

/// First bytes of gzip (RFC 1952).
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// First bytes of a Zstandard frame (RFC 8878).
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// First bytes of a skippable frame, which `zstd:chunked` and `pzstd` put in front; the low half of the first may be anything.
const ZSTD_SKIPPABLE: [u8; 3] = [0x2a, 0x4d, 0x18];

/// What a layer is packed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Nothing.
    None,
    /// gzip.
    Gzip,
    /// Zstandard.
    Zstd,
}

impl Compression {
    /// What a stream is packed in, by its first four bytes. Media types may lie, and do.
    pub fn of(head: &[u8]) -> Self {
        let skippable = head.first().is_some_and(|byte| byte & 0xf0 == 0x50);
        if head.starts_with(&GZIP) {
            Self::Gzip
        } else if head.starts_with(&ZSTD) || skippable && head[1..].starts_with(&ZSTD_SKIPPABLE) {
            Self::Zstd
        } else {
            Self::None
        }
    }

    /// The media type of a layer packed like this (`layer.md` of the image specification).
    pub fn media_type(self) -> &'static str {
        match self {
            Self::None => "application/vnd.oci.image.layer.v1.tar",
            Self::Gzip => "application/vnd.oci.image.layer.v1.tar+gzip",
            Self::Zstd => "application/vnd.oci.image.layer.v1.tar+zstd",
        }
    }
}

/// How much is read of a compressed stream at once.
const READ: usize = 128 << 10;

/// The archive itself, whatever it is packed in.
pub(crate) fn decompress<'r>(mut source: impl Read + 'r) -> io::Result<Box<dyn Read + 'r>> {
    let mut head = Vec::with_capacity(ZSTD.len());
    source.by_ref().take(4).read_to_end(&mut head)?;
    let compression = Compression::of(&head);
    let whole = Cursor::new(head).chain(source);
    Ok(match compression {
        // Several members in one file are one stream: `cat a.gz b.gz`, pigz, eStargz.
        Compression::Gzip => {
            Box::new(flate2::bufread::MultiGzDecoder::new(BufReader::with_capacity(READ, whole)))
        }
        Compression::Zstd => Box::new(zstd::Decoder::with_buffer(BufReader::with_capacity(READ, whole))?),
        Compression::None => Box::new(whole),
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn reads_every_form() {
        let text = b"some text, long enough to be compressed, compressed, compressed";
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(text).unwrap();
        let gzip = gzip.finish().unwrap();
        let zstd = zstd::encode_all(&text[..], 1).unwrap();
        let skippable = [&[0x5e, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3], &zstd[..]].concat();
        let twice = [&gzip[..], &gzip[..]].concat();
        for (packed, expected) in [
            (text.to_vec(), Compression::None),
            (gzip, Compression::Gzip),
            (zstd, Compression::Zstd),
            (skippable, Compression::Zstd),
        ] {
            assert_eq!(Compression::of(&packed), expected);
            let mut read = Vec::new();
            decompress(&packed[..]).unwrap().read_to_end(&mut read).unwrap();
            assert_eq!(read, text, "{expected:?}");
        }
        let mut read = Vec::new();
        decompress(&twice[..]).unwrap().read_to_end(&mut read).unwrap();
        assert_eq!(read, [&text[..], &text[..]].concat());
        for short in [&b"ab"[..], b"", b"\x1f"] {
            let mut read = Vec::new();
            decompress(short).unwrap().read_to_end(&mut read).unwrap();
            assert_eq!(read, short);
        }
    }
}
