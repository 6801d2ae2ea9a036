//! The text of a JSON string that is known to have escapes.

use memchr::memchr;

/// Appends the text; false when there is an escape that JSON has not, or half of a surrogate pair.
pub(super) fn unescape(out: &mut Vec<u8>, mut text: &[u8]) -> bool {
    while let Some(at) = memchr(b'\\', text) {
        out.extend_from_slice(&text[..at]);
        let taken = match text.get(at + 1) {
            Some(b'u') => {
                let Some((character, taken)) = unicode(&text[at..]) else { return false };
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                taken
            }
            Some(letter) => {
                out.push(match letter {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 8,
                    b'f' => 12,
                    b'"' | b'\\' | b'/' => *letter,
                    _ => return false,
                });
                2
            }
            None => return false,
        };
        text = &text[at + taken..];
    }
    out.extend_from_slice(text);
    true
}

/// `\u00e9`, or the two halves of a surrogate pair: the character, and how many bytes stand for it.
fn unicode(text: &[u8]) -> Option<(char, usize)> {
    let first = unit(text)?;
    if let Some(character) = char::from_u32(first) {
        return Some((character, 6));
    }
    let second = unit(text.get(6..)?)?;
    let pair = [u16::try_from(first).ok()?, u16::try_from(second).ok()?];
    Some((char::decode_utf16(pair).next()?.ok()?, 12))
}

fn unit(text: &[u8]) -> Option<u32> {
    let digits = text.get(..6)?.strip_prefix(b"\\u")?;
    digits.iter().try_fold(0, |value, digit| Some(value * 16 + char::from(*digit).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_escape() {
        for (text, expected) in [
            (r"a\nb\r\t\b\f\/\\\x22", None),
            (r#"a\nb\r\t\b\f\/\\\""#, Some("a\nb\r\t\x08\x0c/\\\"")),
            (r"\u003cb\u003e\u2028\u00e9\ufffd", Some("<b>\u{2028}é\u{fffd}")),
            (r"\ud83e\udd80!", Some("🦀!")),
            (r"\ud83e", None),
            (r"\ud83ex\udd80", None),
            (r"\u00", None),
            ("a\\", None),
            ("plain", Some("plain")),
        ] {
            let mut out = Vec::new();
            let whole = unescape(&mut out, text.as_bytes());
            assert_eq!(whole.then(|| String::from_utf8(out).unwrap()).as_deref(), expected, "{text}");
        }
    }
}
