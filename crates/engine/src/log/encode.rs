//! Records as bytes: Docker's JSON and the lines of CRI.

use super::{Stream, Timestamp};

/// One record in Docker's format. `attributes` is empty or `,"attrs":{…}`.
pub(super) fn json(
    out: &mut Vec<u8>,
    line: &[u8],
    ends: bool,
    stream: Stream,
    attributes: &str,
    now: Timestamp,
) {
    out.extend_from_slice(b"{\"log\":\"");
    escape(out, line);
    out.extend_from_slice(if ends { b"\\n\",\"stream\":\"" } else { b"\",\"stream\":\"" });
    out.extend_from_slice(stream.name().as_bytes());
    out.push(b'"');
    out.extend_from_slice(attributes.as_bytes());
    out.extend_from_slice(b",\"time\":\"");
    let (time, end) = now.trimmed();
    out.extend_from_slice(&time[..end]);
    out.extend_from_slice(b"\"}\n");
}

/// One record in the format of CRI: `TIME STREAM F|P LINE`, P for a piece whose line goes on.
pub(super) fn cri(out: &mut Vec<u8>, line: &[u8], ends: bool, stream: Stream, now: Timestamp) {
    out.extend_from_slice(&now.fixed());
    out.push(b' ');
    out.extend_from_slice(stream.name().as_bytes());
    out.extend_from_slice(if ends { b" F " } else { b" P " });
    out.extend_from_slice(line);
    out.push(b'\n');
}

/// Text inside of a JSON string, byte for byte as Docker writes it: also `<`, `>`, `&`, U+2028 and U+2029 are
/// escaped; each byte that is not UTF-8 becomes U+FFFD.
pub(super) fn escape(out: &mut Vec<u8>, text: &[u8]) {
    // Chunks are found a byte at a time, a whole valid text many at once.
    if std::str::from_utf8(text).is_ok() {
        return escape_valid(out, text);
    }
    for chunk in text.utf8_chunks() {
        escape_valid(out, chunk.valid().as_bytes());
        for _ in chunk.invalid() {
            out.extend_from_slice(b"\\ufffd");
        }
    }
}

/// Whether a byte may have to be escaped; E2 begins U+2028.
const fn special(byte: u8) -> bool {
    byte < 0x20 || matches!(byte, b'"' | b'\\' | b'<' | b'>' | b'&' | 0xe2)
}

/// [`special`] of each byte, for one look instead of six comparisons.
static SPECIAL: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 255 {
        table[byte as usize] = special(byte);
        byte += 1;
    }
    table
};

/// Blocks of this many bytes are looked at together, which the compiler does with vectors.
const BLOCK: usize = 32;

fn escape_valid(out: &mut Vec<u8>, text: &[u8]) {
    let mut done = 0;
    let mut at = 0;
    while at < text.len() {
        let block = text.get(at..at + BLOCK).unwrap_or_default();
        if !block.is_empty() && !block.iter().fold(false, |any, byte| any | special(*byte)) {
            at += BLOCK;
            continue;
        }
        let end = text.len().min(at + BLOCK);
        while at < end {
            if SPECIAL[usize::from(text[at])] {
                let length = escaped_length(&text[at..]);
                if length > 0 {
                    out.extend_from_slice(&text[done..at]);
                    escape_one(out, &text[at..at + length]);
                    at += length;
                    done = at;
                    continue;
                }
            }
            at += 1;
        }
    }
    out.extend_from_slice(&text[done..]);
}

/// How many bytes at the beginning are escaped together; 0: E2 begins an ordinary character.
fn escaped_length(text: &[u8]) -> usize {
    match text {
        [0xe2, 0x80, 0xa8 | 0xa9, ..] => 3,
        [0xe2, ..] => 0,
        _ => 1,
    }
}

fn escape_one(out: &mut Vec<u8>, text: &[u8]) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    match text {
        [byte @ (b'"' | b'\\')] => out.extend_from_slice(&[b'\\', *byte]),
        [b'\n'] => out.extend_from_slice(b"\\n"),
        [b'\r'] => out.extend_from_slice(b"\\r"),
        [byte] => {
            out.extend_from_slice(b"\\u00");
            out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
        [.., 0xa8] => out.extend_from_slice(b"\\u2028"),
        _ => out.extend_from_slice(b"\\u2029"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(text: &[u8]) -> String {
        let mut out = Vec::new();
        escape(&mut out, text);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn escapes_as_docker() {
        for (text, expected) in [
            (&b"plain"[..], "plain"),
            (b"a\"b\\c", r#"a\"b\\c"#),
            (b"\r\t\x00\x1b[0m\x7f", "\\r\\u0009\\u0000\\u001b[0m\x7f"),
            (b"<a>&", r"\u003ca\u003e\u0026"),
            ("é€🦀".as_bytes(), "é€🦀"),
            ("\u{2028}x\u{2029}".as_bytes(), r"\u2028x\u2029"),
            (b"\xff\xc3x\xe2\x82", r"\ufffd\ufffdx\ufffd\ufffd"),
        ] {
            assert_eq!(escaped(text), expected, "{text:?}");
            let long = [&[b'a'; 61][..], text, &[b'b'; 40]].concat();
            assert_eq!(escaped(&long), format!("{}{expected}{}", "a".repeat(61), "b".repeat(40)));
        }
    }

    #[test]
    fn whole_records() {
        let now = Timestamp::from_nanoseconds(1_700_000_000_120_000_000);
        let mut out = Vec::new();
        json(&mut out, b"hi", true, Stream::Stdout, "", now);
        json(&mut out, b"hi", false, Stream::Stderr, ",\"attrs\":{\"a\":\"b\"}", now);
        cri(&mut out, b"hi", true, Stream::Stdout, now);
        cri(&mut out, b"\"\xff", false, Stream::Stderr, now);
        let expected = [
            &b"{\"log\":\"hi\\n\",\"stream\":\"stdout\",\"time\":\"2023-11-14T22:13:20.12Z\"}\n"[..],
            b"{\"log\":\"hi\",\"stream\":\"stderr\",\"attrs\":{\"a\":\"b\"},\"time\":\"2023-11-14T22:13:20.12Z\"}\n",
            b"2023-11-14T22:13:20.120000000Z stdout F hi\n",
            b"2023-11-14T22:13:20.120000000Z stderr P \"\xff\n",
        ];
        assert_eq!(out, expected.concat());
    }
}
