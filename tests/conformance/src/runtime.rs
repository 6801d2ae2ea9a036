//! A runtime under test: a command line with runc's verbs.

use std::process::{Command, Stdio};

/// A runtime under test.
#[derive(Debug, Clone)]
pub(crate) struct Runtime {
    /// As the user wrote it: `target/debug/barque oci`, `runc`.
    pub(crate) line: String,
    /// Short name for a table's head: the program's file name with its leading words.
    pub(crate) name: String,
    /// Version, as `--version` says in its first line.
    pub(crate) version: String,
}

impl Runtime {
    /// Takes a command line apart at blanks and asks it for its version.
    pub(crate) fn new(line: &str) -> Result<Self, String> {
        let mut words = line.split_whitespace();
        let program = words.next().ok_or("a runtime's command line is empty")?;
        let base = program.rsplit('/').next().unwrap_or(program);
        let name = std::iter::once(base).chain(words).collect::<Vec<_>>().join(" ");
        let mut this = Self { line: line.to_owned(), name, version: String::new() };
        let output = this
            .command()
            .arg("--version")
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("{line} --version: {error}"))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let first = text.lines().next().unwrap_or_default();
        this.version = first
            .split_whitespace()
            .last()
            .unwrap_or_default()
            .split('+')
            .next()
            .unwrap_or_default()
            .to_owned();
        Ok(this)
    }

    /// The command, without a verb.
    pub(crate) fn command(&self) -> Command {
        let mut words = self.line.split_whitespace();
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words);
        command
    }

    /// `name version`.
    pub(crate) fn title(&self) -> String {
        format!("{} {}", self.name, self.version)
    }
}
