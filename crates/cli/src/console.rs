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
    let mut text = format!("barque: {}\n", without_numbers(&error.to_string()));
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

/// The standard library ends its words for an error number with `(os error 2)`, which tells a person nothing more.
fn without_numbers(message: &str) -> String {
    let mut text = String::with_capacity(message.len());
    let mut parts = message.split(" (os error ");
    text.extend(parts.next());
    for part in parts {
        match part.split_once(')') {
            Some((number, rest)) if number.parse::<u32>().is_ok() => text.push_str(rest),
            _ => text.extend([" (os error ", part]),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::without_numbers;

    #[test]
    fn numbers_of_errors_go() {
        for (message, expected) in [
            ("open /x: No such file or directory (os error 2)", "open /x: No such file or directory"),
            ("a (os error 2): b (os error 13), c", "a: b, c"),
            ("exec \" (os error \"", "exec \" (os error \""),
            ("nothing", "nothing"),
        ] {
            assert_eq!(without_numbers(message), expected);
        }
    }
}
