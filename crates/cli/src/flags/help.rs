//! The help text, from the table.

use std::fmt::Write as _;

use super::{Command, Flag, Takes};

/// Column in which a flag's explanation starts; longer names push it to the next line.
const COLUMN: usize = 36;

/// The command's help text.
pub fn help(command: &Command) -> String {
    let mut text = format!("Usage: {} {}\n\n{}\n", command.path, command.usage, command.about);
    for section in command.sections {
        if section.flags.iter().all(|flag| flag.later.is_some() || flag.help.is_empty()) {
            continue;
        }
        let _ = write!(text, "\n{}:\n", section.title);
        for flag in section.flags.iter().filter(|flag| flag.later.is_none() && !flag.help.is_empty()) {
            line(&mut text, flag);
        }
    }
    if !command.notes.is_empty() {
        let _ = write!(text, "\n{}\n", command.notes);
    }
    text
}

/// One flag: `  -m, --memory BYTES      …`.
fn line(text: &mut String, flag: &Flag) {
    let mut left = match flag.short {
        Some(letter) => format!("  -{letter}, --{}", flag.long),
        None => format!("      --{}", flag.long),
    };
    if let Takes::Value(placeholder) | Takes::List(placeholder) = flag.takes {
        left.push(' ');
        left.push_str(placeholder);
    }
    if left.len() + 2 > COLUMN {
        let _ = write!(text, "{left}\n{:COLUMN$}{}\n", "", flag.help);
    } else {
        let _ = writeln!(text, "{left:COLUMN$}{}", flag.help);
    }
}
