//! The text of a Dockerfile as instructions (the Dockerfile reference, syntax 1.x).

mod directive;
mod form;
mod heredoc;
mod instruction;
mod line;
mod mount;
mod parse;
mod words;

pub use directive::Directives;
pub use form::{Command, Flag};
pub use heredoc::Heredoc;
pub use instruction::{
    Copy, Expose, From, Healthcheck, Instruction, Kind, Pair, PairForm, Run, Source, Variable,
};
pub use mount::{Mount, MountKind, Sharing};
pub(crate) use parse::distance;

use crate::{Error, Result};

/// The longest Dockerfile that is read: a build gets it from anywhere.
const MAX_LENGTH: usize = 16 << 20;

/// A Dockerfile, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dockerfile {
    /// What its first lines say to the parser.
    pub directives: Directives,
    /// The instructions, in order.
    pub instructions: Vec<Instruction>,
    /// The lines that are empty inside of an instruction, counted from 1: a later syntax may refuse them.
    pub empty_continuations: Vec<usize>,
}

impl Dockerfile {
    /// Reads a Dockerfile.
    pub fn parse(text: &str) -> Result<Self> {
        if text.len() > MAX_LENGTH {
            return Err(Error::invalid(format!("the Dockerfile is longer than {} MiB", MAX_LENGTH >> 20)));
        }
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let (directives, first) = directive::read(text)?;
        let mut lines = line::Lines::new(text, first, directives.escape);
        let mut instructions = Vec::new();
        while let Some(line) = lines.next()? {
            let instruction = parse::instruction(&line, directives.escape);
            instructions.push(instruction.map_err(|error| error.on_line(line.first))?);
        }
        if instructions.is_empty() {
            return Err(Error::invalid("file with no instructions").hint("a Dockerfile begins with FROM"));
        }
        Ok(Self { directives, instructions, empty_continuations: lines.empty_continuations })
    }
}

#[cfg(test)]
mod tests;
