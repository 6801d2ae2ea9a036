//! The shell script that `barque explain` prints.

use std::fmt::Write as _;

/// A POSIX `sh` script, built line by line in the order in which a person would type it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Script {
    text: String,
}

impl Script {
    /// An empty script.
    pub fn new() -> Self {
        Self::default()
    }

    /// A comment; every line of `text` gets its own `#`.
    pub fn comment(&mut self, text: &str) {
        for line in text.lines() {
            let _ = writeln!(self.text, "# {line}");
        }
    }

    /// A command, as it is; its words must already be quoted ([`quote`]).
    pub fn command(&mut self, command: impl AsRef<str>) {
        self.text.push_str(command.as_ref());
        self.text.push('\n');
    }

    /// Writes `value` to a file of the kernel's, as one `write(2)`: `printf %s VALUE > FILE`.
    pub fn write_file(&mut self, path: &str, value: &str) {
        let _ = writeln!(self.text, "printf %s {} > {}", quote(value), quote(path));
    }

    /// An empty line.
    pub fn blank(&mut self) {
        self.text.push('\n');
    }

    /// The script's text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether nothing was added yet.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }
}

/// A word as `sh` must read it: as it is when it is plain, in single quotes otherwise.
pub fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=,+@%^".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::quote;

    #[test]
    fn quotes_only_what_needs_it() {
        for (word, quoted) in [
            ("/sys/fs/cgroup", "/sys/fs/cgroup"),
            ("", "''"),
            ("a b", "'a b'"),
            ("it's", r"'it'\''s'"),
            ("$HOME", "'$HOME'"),
            ("uid=0,mode=755", "uid=0,mode=755"),
        ] {
            assert_eq!(quote(word), quoted);
        }
    }
}
