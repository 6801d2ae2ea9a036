//! The environment of the container's process.

use super::Host;
use crate::flags::Parsed;
use crate::{Error, Result};

/// Where programs are looked up unless the caller says otherwise.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What the environment is made from, besides the flags.
#[derive(Debug)]
pub(super) struct Defaults<'a> {
    /// The container's host name.
    pub hostname: &'a str,
    /// The user's home directory.
    pub home: &'a str,
    /// Whether the process gets a terminal.
    pub terminal: bool,
    /// The image's variables.
    pub image: &'a [String],
}

/// `NAME=VALUE` pairs, each name once: defaults, then the image's, `--env-file`, then `--env`; later ones win.
pub(super) fn environment(flags: &Parsed, host: &dyn Host, defaults: &Defaults<'_>) -> Result<Vec<String>> {
    let mut variables = Variables::default();
    variables.set("PATH", PATH);
    variables.set("HOSTNAME", defaults.hostname);
    if defaults.terminal {
        variables.set("TERM", "xterm");
    }
    variables.set("HOME", defaults.home);
    for assignment in defaults.image {
        // As the image has it: what is no assignment means nothing.
        if let Some((name, value)) = assignment.split_once('=').filter(|(name, _)| !name.is_empty()) {
            variables.set(name, value);
        }
    }
    variables.flags(flags, host)?;
    Ok(variables.0)
}

/// The environment of one more process in a container: that of its first one, then the flags; `had_terminal` says whether
/// that one has a terminal.
pub(crate) fn exec_environment(
    flags: &Parsed,
    host: &dyn Host,
    base: Vec<String>,
    had_terminal: bool,
) -> Result<Vec<String>> {
    let mut variables = Variables(base);
    match (flags.switch("tty"), had_terminal) {
        (true, false) => variables.set("TERM", "xterm"),
        (false, true) => variables.unset_or("TERM", None),
        _ => {}
    }
    variables.flags(flags, host)?;
    Ok(variables.0)
}

/// `NAME=VALUE` in the order in which the names came first.
#[derive(Default)]
struct Variables(Vec<String>);

impl Variables {
    /// `--env-file`, then `--env`.
    fn flags(&mut self, flags: &Parsed, host: &dyn Host) -> Result<()> {
        for path in flags.all("env-file") {
            let text = host.read(path).map_err(|error| Error::invalid(format!("open {path}: {error}")))?;
            self.file(path, &text, host)?;
        }
        for assignment in flags.all("env") {
            self.assign(assignment, host).map_err(|why| flags.invalid("env", assignment, why))?;
        }
        Ok(())
    }

    fn set(&mut self, name: &str, value: &str) {
        self.unset_or(name, Some(format!("{name}={value}")));
    }

    /// Replaces the variable, or removes it.
    fn unset_or(&mut self, name: &str, assignment: Option<String>) {
        let at = self.0.iter().position(|old| old.split_once('=').is_some_and(|(old, _)| old == name));
        match (at, assignment) {
            (Some(at), Some(assignment)) => self.0[at] = assignment,
            (None, Some(assignment)) => self.0.push(assignment),
            (Some(at), None) => drop(self.0.remove(at)),
            (None, None) => {}
        }
    }

    /// `NAME=VALUE` sets; `NAME` alone copies from the caller, or unsets when the caller has none.
    fn assign(&mut self, text: &str, host: &dyn Host) -> std::result::Result<(), String> {
        let name = text.split_once('=').map_or(text, |(name, _)| name);
        if name.is_empty() {
            return Err(format!("invalid environment variable: {text}"));
        }
        if text.contains('\0') {
            return Err("a variable cannot hold a NUL byte".to_owned());
        }
        let assignment = if name.len() == text.len() {
            host.env(name).map(|value| format!("{name}={value}"))
        } else {
            Some(text.to_owned())
        };
        self.unset_or(name, assignment);
        Ok(())
    }

    /// The lines of an `--env-file`; `#` starts a comment line, values are taken as they are.
    fn file(&mut self, path: &str, text: &str, host: &dyn Host) -> Result<()> {
        for line in text.strip_prefix('\u{feff}').unwrap_or(text).lines() {
            let line = line.trim_start();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let name = line.split_once('=').map_or(line, |(name, _)| name);
            if name.is_empty() {
                return Err(Error::invalid(format!(
                    "invalid env file ({path}): no variable name on line '{line}'"
                )));
            }
            if name.contains(char::is_whitespace) {
                return Err(Error::invalid(format!(
                    "invalid env file ({path}): variable '{name}' contains whitespaces"
                )));
            }
            self.assign(line, host)
                .map_err(|why| Error::invalid(format!("invalid env file ({path}): {why}")))?;
        }
        Ok(())
    }
}
