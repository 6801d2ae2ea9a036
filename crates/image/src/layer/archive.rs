//! Whether a file is an archive at all.

use std::io::Read;

use super::decompress;

/// Where the ustar and GNU formats have their mark, and what both begin it with.
const MARK: (usize, &[u8]) = (257, b"ustar");

/// Whether a stream is a tar archive, plain or compressed with gzip or zstd, by its first header. What is empty is none.
pub fn is_archive(source: impl Read) -> bool {
    let mut head = Vec::with_capacity(512);
    let read = decompress(source).and_then(|archive| archive.take(512).read_to_end(&mut head));
    read.is_ok() && head.get(MARK.0..MARK.0 + MARK.1.len()) == Some(MARK.1)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn known_by_the_first_header() {
        let mut header = tar::Header::new_ustar();
        header.set_size(0);
        header.set_cksum();
        let archive = [header.as_bytes().as_slice(), &[0; 1024]].concat();
        let gzip = |bytes: &[u8]| {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        };
        let text = vec![b'x'; 2048];
        for (bytes, expected) in [
            (archive.clone(), true),
            (gzip(&archive), true),
            (zstd::encode_all(&archive[..], 1).unwrap(), true),
            (text.clone(), false),
            (gzip(&text), false),
            (Vec::new(), false),
            (archive[..300].to_vec(), true),
            (vec![0x1f, 0x8b, 1, 2, 3], false),
        ] {
            assert_eq!(is_archive(&bytes[..]), expected, "{} bytes", bytes.len());
        }
    }
}
