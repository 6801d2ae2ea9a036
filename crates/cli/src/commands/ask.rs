//! Questions to whoever sits there.

use std::io::{self, BufRead as _};

use rustix::termios::{LocalModes, OptionalActions, isatty, tcgetattr, tcsetattr};

use crate::{Error, Result, console};

/// A line of standard input, without its end.
pub(super) fn line() -> io::Result<String> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// A line that is not shown while it is typed.
pub(super) fn secret(question: &str) -> io::Result<String> {
    console::err(question);
    let stdin = rustix::stdio::stdin();
    let before = if isatty(stdin) { tcgetattr(stdin).ok() } else { None };
    if let Some(before) = &before {
        let mut hidden = before.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        tcsetattr(stdin, OptionalActions::Flush, &hidden)?;
    }
    let answer = line();
    if let Some(before) = &before {
        tcsetattr(stdin, OptionalActions::Now, before)?;
        console::err("\n");
    }
    answer
}

/// Asks, as docker does. Who cannot be asked has not agreed.
pub(super) fn confirmed(what: &str) -> Result<bool> {
    console::out(&format!("WARNING! This will remove {what}.\nAre you sure you want to continue? [y/N] "));
    let answer = line().map_err(|error| Error::invalid(format!("reading the answer: {error}")))?;
    Ok(matches!(answer.trim(), "y" | "Y"))
}
