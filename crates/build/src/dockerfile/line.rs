//! Lines that belong together: continuations are joined, comments left out, heredocs read.

use super::heredoc::{self, Heredoc};
use crate::{Error, Result};

/// One instruction as it stands in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// Its first line, counted from 1.
    pub(super) first: usize,
    /// Its last line, heredocs included.
    pub(super) last: usize,
    /// Its text as one line.
    pub(super) text: String,
    /// What stands in the lines after it.
    pub(super) heredocs: Vec<Heredoc>,
}

/// Goes through the text, instruction by instruction.
pub(super) struct Lines<'t> {
    lines: Vec<&'t str>,
    next: usize,
    escape: char,
    pub(super) empty_continuations: Vec<usize>,
}

impl<'t> Lines<'t> {
    pub(super) fn new(text: &'t str, first: usize, escape: char) -> Self {
        // `lines()` takes `\r\n` for one end of a line: files come from everywhere.
        Self { lines: text.lines().collect(), next: first, escape, empty_continuations: Vec::new() }
    }

    /// The next instruction; none at the end.
    pub(super) fn next(&mut self) -> Result<Option<Line>> {
        let Some(first) = self.skip_to_text() else { return Ok(None) };
        let mut text = String::new();
        let mut continues = self.take(first, first, &mut text);
        while continues && self.next < self.lines.len() {
            let line = self.lines[self.next];
            if line.trim().is_empty() {
                self.empty_continuations.push(self.next + 1);
                self.next += 1;
            } else if is_comment(line) {
                self.next += 1;
            } else {
                continues = self.take(first, self.next, &mut text);
            }
        }
        let heredocs = self.heredocs(&text).map_err(|error| error.on_line(first + 1))?;
        Ok(Some(Line { first: first + 1, last: self.next, text, heredocs }))
    }

    fn skip_to_text(&self) -> Option<usize> {
        let rest = self.lines.get(self.next..)?;
        let offset = rest.iter().position(|line| !line.trim().is_empty() && !is_comment(line))?;
        Some(self.next + offset)
    }

    /// Adds a line to the text; whether the next belongs to it too.
    fn take(&mut self, first: usize, number: usize, text: &mut String) -> bool {
        self.next = number + 1;
        let line = self.lines[number];
        let line = if number == first { line.trim_start() } else { line };
        match continued(line, self.escape) {
            Some(line) => {
                text.push_str(line);
                true
            }
            None => {
                text.push_str(line);
                false
            }
        }
    }

    fn heredocs(&mut self, text: &str) -> Result<Vec<Heredoc>> {
        let mut heredocs = heredoc::announced(text, self.escape);
        for heredoc in &mut heredocs {
            loop {
                let Some(line) = self.lines.get(self.next) else {
                    return Err(Error::invalid(format!("unterminated heredoc {:?}", heredoc.name))
                        .hint(format!("a line with nothing but {} ends it", heredoc.name)));
                };
                self.next += 1;
                let line = if heredoc.strip_tabs { line.trim_start_matches('\t') } else { line };
                if line == heredoc.name {
                    break;
                }
                heredoc.content.push_str(line);
                heredoc.content.push('\n');
            }
        }
        Ok(heredocs)
    }
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with('#')
}

/// The line without its last character where that is an escape which is not escaped itself: blanks behind it are forgiven.
fn continued(line: &str, escape: char) -> Option<&str> {
    let line = line.trim_end_matches([' ', '\t']).strip_suffix(escape)?;
    (!line.ends_with(escape)).then_some(line)
}
