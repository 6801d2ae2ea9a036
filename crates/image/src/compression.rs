//! Compressed archives, known by their first bytes.

use std::io::{self, BufReader, Cursor, Read};

/// First bytes of gzip (RFC 1952).
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// First bytes of a Zstandard frame (RFC 8878).
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// The archive itself, whatever it is packed in.
pub(crate) fn decompress<'r>(mut file: impl Read + 'r) -> io::Result<Box<dyn Read + 'r>> {
    let mut head = Vec::with_capacity(ZSTD.len());
    file.by_ref().take(4).read_to_end(&mut head)?;
    let whole = Cursor::new(head.clone()).chain(file);
    Ok(if head.starts_with(&GZIP) {
        // Several members in one file are one stream: `cat a.gz b.gz`, pigz, eStargz.
        Box::new(flate2::bufread::MultiGzDecoder::new(BufReader::with_capacity(64 << 10, whole)))
    } else if head == ZSTD {
        Box::new(zstd::Decoder::new(whole)?)
    } else {
        Box::new(BufReader::with_capacity(64 << 10, whole))
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
        for packed in
            [text.to_vec(), gzip, zstd::encode_all(&text[..], 1).unwrap(), b"ab".to_vec(), Vec::new()]
        {
            let mut read = Vec::new();
            decompress(&packed[..]).unwrap().read_to_end(&mut read).unwrap();
            assert!(read == text || read == packed);
        }
    }
}
