//! Text for the user: the only place that writes to standard output and error.

use crate::Error;

/// Writes to standard output. A reader that went away (`| head`) is no failure of ours.
pub fn out(text: &str) {
    write(rustix::stdio::stdout(), text);
}

/// Writes to standard error.
pub fn err(text: &str) {
    write(rustix::stdio::stderr(), text);
}

fn write(to: rustix::fd::BorrowedFd<'_>, text: &str) {
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        match rustix::io::write(to, rest) {
            Ok(count) => rest = &rest[count..],
            Err(rustix::io::Errno::INTR) => {}
            // There is nowhere left to say so.
            Err(_) => return,
        }
    }
}

/// An error as the user sees it: the message, what to do, where to read more.
pub fn complaint(error: &Error, command: Option<&str>) -> String {
    let mut text = format!("barque: {error}\n");
    if let Some(cure) = error.cure() {
        text.push_str("hint: ");
        text.push_str(cure);
        text.push('\n');
    }
    if let Some(command) = command {
        text.push_str(&format!("\nRun '{command} --help' for more information\n"));
    }
    text
}
