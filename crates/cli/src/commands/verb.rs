//! Commands by name: tables of verbs, in groups such as `barque image …`.

use std::os::fd::OwnedFd;

use super::Places;
use crate::flags::{self, Command, Parsed};
use crate::{Error, Result};

/// A command, as `barque VERB` or `barque GROUP VERB`.
#[derive(Debug)]
pub struct Verb {
    /// Its flags and its help.
    pub command: &'static Command,
    /// What it is called after the group's name, the usual name first.
    pub names: &'static [&'static str],
    /// What it is called after `barque` alone.
    pub short: &'static [&'static str],
    /// How many arguments it takes, at least and at most.
    takes: (usize, usize),
    does: Does,
    /// What it exits with when barque itself fails.
    failed: i32,
}

/// What a verb does; returns the exit code.
#[derive(Debug, Clone, Copy)]
enum Does {
    Plain(fn(&Parsed, &Places) -> Result<i32>),
    /// A process of this program enters a container on its way to another program: it gets what holds the mount this
    /// program's file lies on (`barque_sys::executable`).
    Entering(fn(&Parsed, &Places, Option<OwnedFd>) -> Result<i32>),
}

/// Any number of arguments.
pub(super) const MANY: usize = usize::MAX;

/// Verbs that belong together.
#[derive(Debug)]
pub struct Group {
    /// What comes before them: `image`.
    pub name: &'static str,
    /// The first lines of its help.
    pub about: &'static str,
    /// Its verbs, in the order in which help shows them.
    pub verbs: &'static [Verb],
}

/// All groups.
static GROUPS: [&Group; 9] = [
    &super::container::GROUP,
    &super::container::HEALTHCHECK,
    &super::build::GROUP,
    &super::image::GROUP,
    &super::manifest::GROUP,
    &super::network::GROUP,
    &super::system::GROUP,
    &super::system::GEN,
    &super::volume::GROUP,
];

/// Verbs that are about objects of every kind.
static OF_ALL: &[Verb] = &[
    Verb::plain(&flags::INSPECT_ANY, &["inspect"], &["inspect"], (1, MANY), super::inspect::inspect),
    Verb::plain(&flags::COMPLETION, &["completion"], &["completion"], (1, 1), super::completion::completion),
    Verb::plain(&flags::MAN, &["man"], &["man"], (0, 1), super::man::man),
];

/// The verb of that name after `barque` alone.
pub fn find(name: &str) -> Option<&'static Verb> {
    alone().find(|verb| verb.short.contains(&name))
}

/// All verbs that have a name after `barque` alone.
pub fn alone() -> impl Iterator<Item = &'static Verb> {
    let all = GROUPS.iter().flat_map(|group| group.verbs).chain(OF_ALL);
    all.filter(|verb| !verb.short.is_empty())
}

/// All groups.
pub fn groups() -> impl Iterator<Item = &'static Group> {
    GROUPS.into_iter()
}

/// The group of that name.
pub fn group(name: &str) -> Option<&'static Group> {
    GROUPS.iter().find(|group| group.name == name).copied()
}

impl Group {
    /// The verb of that name after the group's.
    pub fn find(&self, name: &str) -> Option<&'static Verb> {
        self.verbs.iter().find(|verb| verb.names.contains(&name))
    }

    /// `barque GROUP --help`.
    pub fn help(&self) -> String {
        let mut text = format!("Usage: barque {} COMMAND\n\n{}\n\nCommands:\n", self.name, self.about);
        for verb in self.verbs {
            let about = verb.command.about.lines().next().unwrap_or("").trim_end_matches(['.', ':']);
            let name = verb.names.first().copied().unwrap_or("");
            text.push_str(&format!("  {name:<11} {about}\n"));
        }
        text.push_str(&format!("\nRun 'barque {} COMMAND --help' for more about a command.\n", self.name));
        text
    }
}

impl Verb {
    /// A verb that enters no container.
    pub(super) const fn plain(
        command: &'static Command,
        names: &'static [&'static str],
        short: &'static [&'static str],
        takes: (usize, usize),
        execute: fn(&Parsed, &Places) -> Result<i32>,
    ) -> Self {
        Self { command, names, short, takes, does: Does::Plain(execute), failed: 1 }
    }

    /// A verb that enters a container.
    pub(super) const fn entering(
        command: &'static Command,
        names: &'static [&'static str],
        short: &'static [&'static str],
        takes: (usize, usize),
        execute: fn(&Parsed, &Places, Option<OwnedFd>) -> Result<i32>,
    ) -> Self {
        Self { command, names, short, takes, does: Does::Entering(execute), failed: 1 }
    }

    /// The same verb with another exit code for failures of barque itself: that of a container is any below.
    pub(super) const fn failing(mut self, code: i32) -> Self {
        self.failed = code;
        self
    }

    /// What it exits with when barque itself fails.
    pub fn failed(&self) -> i32 {
        self.failed
    }

    /// Whether a process of this program will enter a container on its way to another program.
    pub fn enters_container(&self) -> bool {
        matches!(self.does, Does::Entering(_))
    }

    /// Whether there are as many arguments as it takes.
    pub fn check(&self, flags: &Parsed) -> Result<()> {
        let (least, most) = self.takes;
        let count = flags.positional().len();
        if (least..=most).contains(&count) {
            return Ok(());
        }
        let wants = match (least, most) {
            (0, 0) => "accepts no arguments".to_owned(),
            (0, most) => format!("requires at most {most} argument(s)"),
            (least, most) if least == most => format!("requires exactly {least} argument(s)"),
            (least, MANY) => format!("requires at least {least} argument(s)"),
            (least, most) => format!("requires at least {least} and at most {most} argument(s)"),
        };
        Err(Error::invalid(format!("{:?} {wants}", self.command.path)))
    }

    /// Does it; returns the exit code.
    pub fn execute(&self, flags: &Parsed, places: &Places, executable: Option<OwnedFd>) -> Result<i32> {
        match self.does {
            Does::Plain(execute) => execute(flags, places),
            Does::Entering(execute) => execute(flags, places, executable),
        }
    }
}

/// Does something to each of several objects: what goes wrong with one is said and does not keep from the next.
pub(super) fn each(names: &[String], mut act: impl FnMut(&str) -> Result<()>) -> i32 {
    let mut code = 0;
    for name in names {
        if let Err(error) = act(name) {
            crate::console::err(&crate::console::complaint(&error, None));
            code = 1;
        }
    }
    code
}
