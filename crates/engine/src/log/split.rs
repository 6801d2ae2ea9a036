//! A stream of bytes becomes records: lines, and pieces of lines that are too long.

use memchr::memchr;

/// Longest line that is one record; Docker's.
pub(super) const PIECE: usize = 16 * 1024;

/// Holds the beginning of a line until its end comes.
#[derive(Debug, Default)]
pub(super) struct Splitter {
    held: Vec<u8>,
}

impl Splitter {
    /// Takes bytes; `emit` gets each record without its newline, and whether it ends its line.
    pub(super) fn push(&mut self, bytes: &[u8], mut emit: impl FnMut(&[u8], bool)) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let newline = memchr(b'\n', rest);
            let segment = &rest[..newline.unwrap_or(rest.len())];
            rest = &rest[newline.map_or(rest.len(), |at| at + 1)..];
            self.segment(segment, newline.is_some(), &mut emit);
        }
    }

    /// What is held, as the last record: a line without an end.
    pub(super) fn finish(&mut self, mut emit: impl FnMut(&[u8], bool)) {
        if !self.held.is_empty() {
            emit(&self.held, false);
            self.held = Vec::new();
        }
    }

    fn segment(&mut self, mut segment: &[u8], ends: bool, emit: &mut impl FnMut(&[u8], bool)) {
        while !self.held.is_empty() {
            let (fits, more) = segment.split_at(segment.len().min(PIECE - self.held.len()));
            self.held.extend_from_slice(fits);
            segment = more;
            if segment.is_empty() {
                if ends {
                    emit(&self.held, true);
                    self.held.clear();
                }
                return;
            }
            let cut = boundary(&self.held);
            emit(&self.held[..cut], false);
            self.held.drain(..cut);
        }
        while segment.len() > PIECE {
            let (piece, more) = segment.split_at(boundary(&segment[..PIECE]));
            emit(piece, false);
            segment = more;
        }
        if ends {
            emit(segment, true);
        } else {
            self.held.extend_from_slice(segment);
        }
    }
}

/// Where to cut a full piece so that no character of UTF-8 is in two records, where each half would be invalid.
fn boundary(piece: &[u8]) -> usize {
    for back in 1..=3.min(piece.len()) {
        let need = match piece[piece.len() - back] {
            0x80..=0xbf => continue,
            0xc0..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0.. => 4,
            _ => 1,
        };
        return if need > back { piece.len() - back } else { piece.len() };
    }
    piece.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(chunks: &[&[u8]]) -> Vec<(Vec<u8>, bool)> {
        let mut found = Vec::new();
        let mut splitter = Splitter::default();
        for chunk in chunks {
            splitter.push(chunk, |line, ends| found.push((line.to_vec(), ends)));
        }
        splitter.finish(|line, ends| found.push((line.to_vec(), ends)));
        found
    }

    #[test]
    fn lines_in_any_chunks() {
        let expected =
            [(b"one".to_vec(), true), (vec![], true), (b"two".to_vec(), true), (b"end".to_vec(), false)];
        assert_eq!(records(&[b"one\n\ntwo\nend"]), expected);
        assert_eq!(records(&[b"on", b"e\n", b"\nt", b"w", b"o\ne", b"nd"]), expected);
        assert_eq!(records(&[b""]), []);
        assert_eq!(records(&[b"\n"]), [(vec![], true)]);
    }

    #[test]
    fn long_lines_are_pieces() {
        let long = vec![b'x'; PIECE * 2 + 5];
        let mut with_end = long.clone();
        with_end.push(b'\n');
        for chunks in [vec![&with_end[..]], with_end.chunks(1000).collect()] {
            let found = records(&chunks);
            let lengths: Vec<_> = found.iter().map(|(line, ends)| (line.len(), *ends)).collect();
            assert_eq!(lengths, [(PIECE, false), (PIECE, false), (5, true)]);
        }
        let exact = [vec![b'x'; PIECE], b"\n".to_vec()].concat();
        assert_eq!(records(&[&exact]), [(vec![b'x'; PIECE], true)]);
    }

    #[test]
    fn characters_stay_whole() {
        for character in ["é", "€", "🦀"] {
            let text = character.repeat(PIECE);
            for shift in 0..4 {
                let text = format!("{}{text}\n", "x".repeat(shift));
                for chunks in [vec![text.as_bytes()], text.as_bytes().chunks(777).collect()] {
                    let found = records(&chunks);
                    assert!(
                        found
                            .iter()
                            .all(|(line, _)| line.len() <= PIECE && std::str::from_utf8(line).is_ok())
                    );
                    assert_eq!(found.iter().flat_map(|(line, _)| line.clone()).count(), text.len() - 1);
                }
            }
        }
    }
}
