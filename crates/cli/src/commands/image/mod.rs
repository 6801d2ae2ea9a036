//! The commands about images: one file for each, and a table by which they are found.

mod ask;
mod bootstrap;
mod check;
pub(super) mod config;
mod df;
mod diff;
mod filters;
mod from_host;
mod history;
mod images;
mod import;
mod inspect;
mod load;
mod login;
mod mount;
mod progress;
mod prune;
mod pull;
mod push;
mod rmi;
mod root;
mod save;
mod scene;
mod search;
mod tag;
mod tree;

pub(super) use root::ImageRoot;
pub(super) use scene::Images;

use super::Places;
use crate::flags::{self, Command, Parsed};
use crate::{Error, Result};

/// A command about images.
#[derive(Debug)]
pub struct Verb {
    /// Its flags and its help.
    pub command: &'static Command,
    /// What it is called after `barque image`, the usual name first.
    pub names: &'static [&'static str],
    /// What it is called after `barque` alone.
    pub short: &'static [&'static str],
    /// How many arguments it takes, at least and at most.
    takes: (usize, usize),
    /// Does it; returns the exit code.
    execute: fn(&Parsed, &Places) -> Result<i32>,
}

pub(super) const MANY: usize = usize::MAX;

/// All of them, in the order in which help shows them.
pub static VERBS: &[Verb] = &[
    verb(&flags::PULL, &["pull"], &["pull"], (1, MANY), pull::pull),
    verb(&flags::PUSH, &["push"], &["push"], (1, 1), push::push),
    verb(&flags::IMAGES, &["ls", "list"], &["images"], (0, 1), images::list),
    verb(&flags::RMI, &["rm", "remove"], &["rmi"], (1, MANY), rmi::rmi),
    verb(&flags::TAG, &["tag"], &["tag"], (2, 2), tag::tag),
    verb(&flags::SAVE, &["save"], &["save"], (1, MANY), save::save),
    verb(&flags::LOAD, &["load"], &["load"], (0, 0), load::load),
    verb(&flags::PRUNE, &["prune"], &[], (0, 0), prune::prune),
    verb(&flags::DF, &["df"], &[], (0, 0), df::df),
    verb(&flags::MOUNT, &["mount"], &[], (0, MANY), mount::mount),
    verb(&flags::UNMOUNT, &["unmount", "umount"], &[], (0, MANY), mount::unmount),
    verb(&flags::SEARCH, &["search"], &["search"], (1, 1), search::search),
    verb(&flags::LOGIN, &["login"], &["login"], (0, 1), login::login),
    verb(&flags::LOGOUT, &["logout"], &["logout"], (0, 1), login::logout),
    verb(&flags::INSPECT, &["inspect"], &["inspect"], (1, MANY), inspect::inspect),
    verb(&flags::HISTORY, &["history"], &["history"], (1, 1), history::history),
    verb(&flags::TREE, &["tree"], &[], (0, MANY), tree::tree),
    verb(&flags::DIFF, &["diff"], &[], (2, 2), diff::diff),
    verb(&flags::CHECK, &["check"], &[], (0, 0), check::check),
    verb(&flags::IMPORT, &["import"], &["import"], (1, 2), import::import),
    verb(&flags::FROM_HOST, &["from-host"], &[], (1, MANY), from_host::from_host),
    verb(&flags::BOOTSTRAP, &["bootstrap"], &[], (1, 1), bootstrap::bootstrap),
];

/// A line of such a table.
pub(super) const fn verb(
    command: &'static Command,
    names: &'static [&'static str],
    short: &'static [&'static str],
    takes: (usize, usize),
    execute: fn(&Parsed, &Places) -> Result<i32>,
) -> Verb {
    Verb { command, names, short, takes, execute }
}

impl Verb {
    /// The command of that name after `barque`, or after `barque image`.
    pub fn find(name: &str, after_image: bool) -> Option<&'static Self> {
        VERBS.iter().find(|verb| if after_image { verb.names } else { verb.short }.contains(&name))
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
    pub fn execute(&self, flags: &Parsed, places: &Places) -> Result<i32> {
        (self.execute)(flags, places)
    }
}

/// `barque image --help`.
pub fn help() -> String {
    let mut text =
        "Usage: barque image COMMAND\n\nImages: from registries, archives, and this machine.\n\nCommands:\n"
            .to_owned();
    for verb in VERBS {
        let about = verb.command.about.lines().next().unwrap_or("").trim_end_matches(['.', ':']);
        let name = verb.names.first().copied().unwrap_or("");
        text.push_str(&format!("  {name:<11} {about}\n"));
    }
    text.push_str("\nRun 'barque image COMMAND --help' for more about a command.\n");
    text
}

/// A failure of the image crate, as a failure of this program.
pub(super) fn told(error: barque_image::Error) -> Error {
    let cure = error.cure().map(str::to_owned);
    let told = Error::new(error.kind(), error.to_string());
    match cure {
        Some(cure) => told.hint(cure),
        None => told,
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
