//! Questions to whoever sits there.

use std::io::{self, BufRead as _};

use rustix::termios::{LocalModes, OptionalActions, isatty, tcgetattr, tcsetattr};

use crate::console;

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
