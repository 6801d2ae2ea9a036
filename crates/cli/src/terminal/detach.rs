//! The keys that leave a container running and give the terminal back.

/// A sequence of keys to look for in what is typed.
///
/// Keys of a sequence that was begun are held back until it is certain what they are; a sequence that breaks off
/// is passed on whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DetachKeys {
    keys: Vec<u8>,
    matched: usize,
}

/// What [`DetachKeys::scan`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// What goes to the container.
    pub pass: Vec<u8>,
    /// Whether the sequence is complete; what was typed after it is dropped.
    pub detached: bool,
}

impl Default for DetachKeys {
    /// Docker's: ctrl-p, ctrl-q.
    fn default() -> Self {
        Self { keys: vec![0x10, 0x11], matched: 0 }
    }
}

impl DetachKeys {
    /// Reads `--detach-keys`: letters and `ctrl-KEY`, comma separated. An empty text means none.
    pub fn parse(text: &str) -> Result<Self, String> {
        let keys = if text.is_empty() { Ok(Vec::new()) } else { text.split(',').map(key).collect() };
        Ok(Self { keys: keys?, matched: 0 })
    }

    /// Looks through what was typed.
    pub fn scan(&mut self, typed: &[u8]) -> Scan {
        let mut pass = Vec::with_capacity(typed.len() + self.matched);
        if self.keys.is_empty() {
            pass.extend_from_slice(typed);
            return Scan { pass, detached: false };
        }
        for byte in typed {
            if *byte != self.keys[self.matched] {
                pass.extend_from_slice(&self.keys[..self.matched]);
                self.matched = 0;
            }
            if *byte != self.keys[self.matched] {
                pass.push(*byte);
                continue;
            }
            self.matched += 1;
            if self.matched == self.keys.len() {
                self.matched = 0;
                return Scan { pass, detached: true };
            }
        }
        Scan { pass, detached: false }
    }
}

/// One key: a character, or `ctrl-` with a letter or one of `@ [ \ ] ^ _`.
fn key(text: &str) -> Result<u8, String> {
    if let [byte] = text.as_bytes() {
        return Ok(*byte);
    }
    match text.strip_prefix("ctrl-").map(str::as_bytes) {
        Some([letter @ b'a'..=b'z']) => Ok(letter - b'a' + 1),
        Some([sign @ (b'@' | b'[' | b'\\' | b']' | b'^' | b'_')]) => Ok(sign - b'@'),
        _ => Err(format!("unknown character: '{text}'")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_sequences() {
        for (text, keys) in [
            ("ctrl-p,ctrl-q", Ok(vec![16, 17])),
            ("a,ctrl-@", Ok(vec![97, 0])),
            ("ctrl-],ctrl-\\,ctrl-^,ctrl-_,ctrl-[", Ok(vec![29, 28, 30, 31, 27])),
            ("", Ok(vec![])),
            ("ctrl-A", Err("unknown character: 'ctrl-A'".to_owned())),
            ("a,,b", Err("unknown character: ''".to_owned())),
            ("alt-x", Err("unknown character: 'alt-x'".to_owned())),
        ] {
            assert_eq!(DetachKeys::parse(text).map(|found| found.keys), keys, "{text}");
        }
    }

    #[test]
    fn finds_the_sequence_across_reads() {
        // (keys, reads, passed on, detached)
        for (keys, reads, passed, detached) in [
            ("ctrl-p,ctrl-q", &["ls\n"][..], "ls\n", false),
            ("ctrl-p,ctrl-q", &["a\x10\x11rest"], "a", true),
            ("ctrl-p,ctrl-q", &["a\x10", "\x11"], "a", true),
            ("ctrl-p,ctrl-q", &["a\x10", "b"], "a\x10b", false),
            ("ctrl-p,ctrl-q", &["\x10\x10\x11"], "\x10", true),
            ("a,a,b", &["aa", "x"], "aax", false),
            ("", &["\x10\x11"], "\x10\x11", false),
        ] {
            let mut scanner = DetachKeys::parse(keys).unwrap();
            let mut all = Vec::new();
            let mut found = false;
            for read in reads {
                let scan = scanner.scan(read.as_bytes());
                all.extend(scan.pass);
                found |= scan.detached;
            }
            assert_eq!((String::from_utf8(all).unwrap().as_str(), found), (passed, detached), "{reads:?}");
        }
    }
}
