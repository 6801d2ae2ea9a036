//! One const table of flags per command: parser and help text are made from it.
//!
//! Values stay text here ([`Parsed`]); each is given its meaning where it is used, so that a flag that is not
//! given costs nothing.

/// The table of a command whose flags may come anywhere: its name here, its words, usage, what it does, flags, notes.
macro_rules! command {
    ($name:ident, $path:literal, $usage:literal, $about:literal, [$($flag:expr),* $(,)?] $(, $notes:literal)? $(,)?) => {
        #[doc = concat!("`", $path, "`.")]
        pub static $name: $crate::flags::Command = $crate::flags::Command {
            path: $path,
            usage: $usage,
            about: $about,
            sections: &[$crate::flags::Section { title: "Options", flags: &[$($flag),*] }],
            grammar: $crate::flags::Grammar::Mixed,
            notes: concat!($($notes)?),
        };
    };
}

pub mod build;
pub mod container;
mod explain;
pub mod files;
mod generated;
mod help;
mod image;
mod inspect;
pub mod manifest;
pub mod network;
mod parse;
mod parsed;
mod run;
pub mod system;
pub mod volume;

pub use explain::EXPLAIN;
pub use generated::{COMPLETION, MAN};
pub use help::help;
pub use image::{
    BOOTSTRAP, CHECK, DF, DIFF, FROM_HOST, HISTORY, IMAGES, IMPORT, INSPECT, LOAD, LOGIN, LOGOUT, MOUNT,
    PRUNE, PULL, PUSH, RMI, SAVE, SEARCH, TAG, TREE, UNMOUNT,
};
pub use inspect::INSPECT as INSPECT_ANY;
pub use parse::parse;
pub use parsed::{Outcome, Parsed};
pub use run::RUN;

/// Of lists.
const FILTER: Flag = Flag::list("filter", "KEY=VALUE", "Only those that match").short('f');

/// A command: its words, its flags, what its help says.
#[derive(Debug)]
pub struct Command {
    /// The words that call it: `barque run`.
    pub path: &'static str,
    /// What follows them: `[OPTIONS] ROOT [COMMAND] [ARG...]`.
    pub usage: &'static str,
    /// What it does, one or more lines.
    pub about: &'static str,
    /// Its flags, in the order in which help shows them.
    pub sections: &'static [Section],
    /// How its arguments are read.
    pub grammar: Grammar,
    /// Lines after the flags: syntax that needs more than a line, examples.
    pub notes: &'static str,
}

/// Flags that belong together.
#[derive(Debug)]
pub struct Section {
    /// The heading in the help text.
    pub title: &'static str,
    /// The flags.
    pub flags: &'static [Flag],
}

/// Whether flags may follow the first positional argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grammar {
    /// They may not: what follows belongs to a command to execute, or to a verb. Docker's rules (pflag).
    StopAtFirst,
    /// They may. Docker's rules (pflag).
    Mixed,
    /// As `StopAtFirst`, and a long flag may have a single dash, as in runc (Go's `flag`).
    GoStopAtFirst,
    /// As `Mixed`, and a long flag may have a single dash, as in runc (Go's `flag`).
    GoMixed,
}

impl Grammar {
    /// Whether the first positional argument ends the flags.
    pub fn stops(self) -> bool {
        matches!(self, Self::StopAtFirst | Self::GoStopAtFirst)
    }

    /// Whether `-force` means `--force`.
    fn single_dash(self) -> bool {
        matches!(self, Self::GoStopAtFirst | Self::GoMixed)
    }
}

/// What follows a flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// Nothing, or `=true|false`.
    Switch,
    /// A value; of several the last one counts.
    Value(&'static str),
    /// A value each time; all count.
    List(&'static str),
}

/// One flag.
#[derive(Debug, PartialEq, Eq)]
pub struct Flag {
    /// Its long name, without dashes.
    pub long: &'static str,
    /// Its letter.
    pub short: Option<char>,
    /// What follows it.
    pub takes: Takes,
    /// One line for the help text; none hides it there.
    pub help: &'static str,
    /// Docker has it, this Barque has not: what to do instead.
    pub later: Option<&'static str>,
}

impl Flag {
    /// A flag that is there or not.
    pub const fn switch(long: &'static str, help: &'static str) -> Self {
        Self { long, short: None, takes: Takes::Switch, help, later: None }
    }

    /// A flag with a value.
    pub const fn value(long: &'static str, placeholder: &'static str, help: &'static str) -> Self {
        Self { long, short: None, takes: Takes::Value(placeholder), help, later: None }
    }

    /// A flag with a value, to be given any number of times.
    pub const fn list(long: &'static str, placeholder: &'static str, help: &'static str) -> Self {
        Self { long, short: None, takes: Takes::List(placeholder), help, later: None }
    }

    /// The same flag with a letter.
    #[must_use]
    pub const fn short(mut self, letter: char) -> Self {
        self.short = Some(letter);
        self
    }

    /// The same flag, known but refused with this advice.
    #[must_use]
    pub const fn later(mut self, advice: &'static str) -> Self {
        self.later = Some(advice);
        self
    }

    /// How messages name it: `-m, --memory`.
    pub fn label(&self) -> String {
        match self.short {
            Some(letter) => format!("-{letter}, --{}", self.long),
            None => format!("--{}", self.long),
        }
    }
}

impl Command {
    /// Every flag, in order.
    pub fn flags(&self) -> impl Iterator<Item = &'static Flag> + use<> {
        self.sections.iter().flat_map(|section| section.flags)
    }

    /// The flag of that long name.
    pub fn long(&self, name: &str) -> Option<&'static Flag> {
        self.flags().find(|flag| flag.long == name)
    }

    /// The flag of that letter.
    pub fn letter(&self, letter: char) -> Option<&'static Flag> {
        self.flags().find(|flag| flag.short == Some(letter))
    }
}
