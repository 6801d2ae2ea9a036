//! The script that runs in the namespaces, with the shell functions it needs.

use super::functions::{Function, PREAMBLE_ORDER};
use crate::plan::Script;
use crate::plan::script::quote;

/// Builds the inner script: remembers what was said and where `$at` points, so that neither is repeated.
#[derive(Debug, Default)]
pub(super) struct Writer {
    body: Script,
    reason: String,
    at: Option<String>,
    used: Vec<Function>,
}

impl Writer {
    /// Begins a group of commands with the reason for them; the same reason in a row is one group.
    pub(super) fn because(&mut self, reason: &str) {
        if self.reason != reason {
            self.body.blank();
            self.body.comment(reason);
            reason.clone_into(&mut self.reason);
        }
    }

    /// A comment of its own.
    pub(super) fn comment(&mut self, text: &str) {
        self.body.blank();
        self.body.comment(text);
        self.reason.clear();
    }

    /// A command.
    pub(super) fn command(&mut self, command: impl AsRef<str>) {
        self.body.command(command);
    }

    /// Writes to a file of the kernel's.
    pub(super) fn write_file(&mut self, path: &str, value: &str) {
        self.body.write_file(path, value);
    }

    /// Makes a directory of the container where it is missing, and lets `$at` be its path.
    pub(super) fn directory(&mut self, path: &str) {
        if self.at.as_deref() != Some(path) {
            self.call(Function::Dir, &quote(path));
            self.at = Some(path.to_owned());
        }
    }

    /// Calls a function; `$at` may change.
    pub(super) fn call(&mut self, function: Function, arguments: &str) {
        self.needs(function);
        self.at = None;
        self.body.command(format!("{} {arguments}", function.name()));
    }

    /// A function is called by a command of its own making.
    pub(super) fn needs(&mut self, function: Function) {
        for used in function.needs() {
            self.needs(*used);
        }
        if !self.used.contains(&function) {
            self.used.push(function);
        }
    }

    /// `$at` points elsewhere from here on.
    pub(super) fn forget_at(&mut self) {
        self.at = None;
    }

    /// The script: the functions it uses, and the commands.
    pub(super) fn finish(self) -> Script {
        let mut script = Script::new();
        for function in PREAMBLE_ORDER.iter().filter(|function| self.used.contains(function)) {
            script.command(function.text());
            script.blank();
        }
        script.command(self.body.as_str().trim_start_matches('\n'));
        script
    }
}
