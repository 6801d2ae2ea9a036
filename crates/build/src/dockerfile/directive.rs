//! Directives to the parser: `# escape=` and its like, before anything else.

use crate::{Error, Result};

/// What the first lines of a Dockerfile say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directives {
    /// `# syntax=`: the frontend that somebody else would run. Barque reads the language itself.
    pub syntax: Option<String>,
    /// `# escape=`: what continues a line and takes the meaning of the next character. `\`, or a backtick.
    pub escape: char,
    /// `# check=`: which rules are skipped, and whether a warning is an error.
    pub check: Option<String>,
}

/// Reads the directives; also gives the number of the first line after them, counted from 0.
pub(super) fn read(text: &str) -> Result<(Directives, usize)> {
    let mut directives = Directives { syntax: None, escape: '\\', check: None };
    let mut seen = Vec::new();
    let mut first = 0;
    for (number, line) in text.lines().enumerate() {
        // An interpreter line lets a Dockerfile be a program of its own.
        if number == 0 && line.starts_with("#!") {
            first = 1;
            continue;
        }
        let Some((key, value)) = directive(line) else { break };
        if seen.contains(&key) {
            return Err(
                Error::invalid(format!("only one {key} parser directive can be used")).on_line(number + 1)
            );
        }
        match key.as_str() {
            "syntax" => directives.syntax = Some(value.to_owned()),
            "check" => directives.check = Some(value.to_owned()),
            "escape" => directives.escape = escape(value).map_err(|error| error.on_line(number + 1))?,
            // Any other comment ends the directives.
            _ => break,
        }
        seen.push(key);
        first = number + 1;
    }
    Ok((directives, first))
}

/// `# key = value`; the key in lowercase.
fn directive(line: &str) -> Option<(String, &str)> {
    let (key, value) = line.trim_start().strip_prefix('#')?.split_once('=')?;
    let key = key.trim().to_ascii_lowercase();
    let legal = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric());
    legal.then(|| (key, value.trim()))
}

fn escape(value: &str) -> Result<char> {
    match value {
        "\\" => Ok('\\'),
        "`" => Ok('`'),
        _ => Err(Error::invalid(format!("invalid escape token '{value}' does not match ` or \\"))),
    }
}
