//! Arguments of the OCI verbs: runc's flags, and crun's where a caller may pass them.

mod exec;
mod global;
mod life;
mod look;
#[cfg(test)]
mod tests;
mod update;

pub use exec::Exec;
pub use global::{CgroupDriver, Global, LogFormat, LogLevel};
pub use life::{Create, Delete, Kill};
pub use look::{Events, List, ListFormat, Ps, SpecFile};
pub use update::Update;

use crate::flags::{self, Command, Flag, Outcome, Parsed, Section};
use crate::{Error, Result};

/// A command line that needs something done, or only an answer.
#[derive(Debug)]
pub enum Asked {
    /// Print this and succeed.
    Text(String),
    /// Do this.
    Verb(Box<Invocation>),
}

/// A verb and the flags before it.
#[derive(Debug, PartialEq)]
pub struct Invocation {
    /// The flags before the verb.
    pub global: Global,
    /// The verb.
    pub verb: Verb,
}

/// What is to be done.
#[derive(Debug, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "there is one of it, on its way to the one place that reads it"
)]
pub enum Verb {
    /// Make a container.
    Create(Create),
    /// Make a container and start it.
    Run(Create),
    /// Start a container.
    Start(String),
    /// Print a container's state.
    State(String),
    /// Signal a container.
    Kill(Kill),
    /// Remove a container.
    Delete(Delete),
    /// Run another process in a container.
    Exec(Exec),
    /// List containers.
    List(List),
    /// List a container's processes.
    Ps(Ps),
    /// Freeze a container.
    Pause(String),
    /// Thaw a container.
    Resume(String),
    /// Change a container's limits.
    Update(Update),
    /// Print what a container uses.
    Events(Events),
    /// Write a template of a configuration.
    Spec(SpecFile),
    /// Print what this runtime can do.
    Features,
    /// Save a container to disk.
    Checkpoint(String),
    /// Bring a saved container back.
    Restore(String),
}

/// The verbs and their tables, in the order of the help text.
const VERBS: [(&str, &Command); 17] = [
    ("create", &life::CREATE),
    ("start", &life::START),
    ("run", &life::RUN),
    ("exec", &exec::EXEC),
    ("state", &look::STATE),
    ("list", &look::LIST),
    ("ps", &look::PS),
    ("kill", &life::KILL),
    ("delete", &life::DELETE),
    ("pause", &life::PAUSE),
    ("resume", &life::RESUME),
    ("update", &update::UPDATE),
    ("events", &look::EVENTS),
    ("spec", &look::SPEC),
    ("features", &look::FEATURES),
    ("checkpoint", &life::CHECKPOINT),
    ("restore", &life::RESTORE),
];

/// Reads the arguments that follow `barque oci`.
pub fn read(args: &[String]) -> Result<Asked> {
    let parsed = match flags::parse(&global::GLOBAL, args)? {
        Outcome::Help => return Ok(Asked::Text(help())),
        Outcome::Args(parsed) => parsed,
    };
    if parsed.switch("version") {
        return Ok(Asked::Text(version()));
    }
    let Some((verb, rest)) = parsed.positional().split_first() else {
        return Ok(Asked::Text(help()));
    };
    match verb.as_str() {
        "help" => {
            return Ok(Asked::Text(
                rest.first().and_then(|verb| command(verb)).map_or_else(help, flags::help),
            ));
        }
        "version" => return Ok(Asked::Text(version())),
        _ => {}
    }
    let command = command(verb).ok_or_else(|| {
        Error::invalid(format!("unknown command: barque oci {verb}"))
            .hint(format!("No help topic for '{verb}': see `barque oci --help` for the commands"))
    })?;
    match flags::parse(command, rest)? {
        Outcome::Help => Ok(Asked::Text(flags::help(command))),
        Outcome::Args(flags) => Ok(Asked::Verb(Box::new(Invocation {
            global: Global::read(&parsed)?,
            verb: Verb::read(verb, &flags)?,
        }))),
    }
}

fn command(verb: &str) -> Option<&'static Command> {
    VERBS.iter().find(|(name, _)| *name == verb).map(|(_, command)| *command)
}

/// The flags before the verb alone, where they can be understood.
pub fn global(args: &[String]) -> Option<Global> {
    match flags::parse(&global::GLOBAL, args) {
        Ok(Outcome::Args(parsed)) => Global::read(&parsed).ok(),
        _ => None,
    }
}

impl Verb {
    fn read(verb: &str, flags: &Parsed) -> Result<Self> {
        Ok(match verb {
            "create" => Self::Create(Create::read(flags)?),
            "run" => Self::Run(Create::read(flags)?),
            "start" => Self::Start(id(flags)?),
            "state" => Self::State(id(flags)?),
            "kill" => Self::Kill(Kill::read(flags)?),
            "delete" => Self::Delete(Delete::read(flags)?),
            "exec" => Self::Exec(Exec::read(flags)?),
            "list" => Self::List(List::read(flags)?),
            "ps" => Self::Ps(Ps::read(flags)?),
            "pause" => Self::Pause(id(flags)?),
            "resume" => Self::Resume(id(flags)?),
            "update" => Self::Update(Update::read(flags)?),
            "events" => Self::Events(Events::read(flags)?),
            "spec" => Self::Spec(SpecFile::read(flags)?),
            "checkpoint" => Self::Checkpoint(id(flags)?),
            "restore" => Self::Restore(id(flags)?),
            // The table above has no other.
            _ => Self::Features,
        })
    }
}

/// `barque oci --help`.
pub fn help() -> String {
    let mut text = flags::help(&global::GLOBAL);
    text.push_str("\nCommands:\n");
    for (verb, command) in VERBS {
        let about = command.about.lines().next().unwrap_or("");
        text.push_str(&format!("  {verb:12}{about}\n"));
    }
    text
}

/// Name and version of this runtime, with the specification's: callers look for `spec:`.
fn version() -> String {
    format!("barque version {}\nspec: 1.2.0\n", env!("CARGO_PKG_VERSION"))
}

/// The verb's last word.
fn name(flags: &Parsed) -> &'static str {
    let path = flags.command().path;
    path.rsplit(' ').next().unwrap_or(path)
}

/// The one positional argument: a container's id.
fn id(flags: &Parsed) -> Result<String> {
    match flags.positional() {
        [id] => container_id(id),
        _ => Err(Error::invalid(format!("\"{}\" requires exactly 1 argument(s)", name(flags)))
            .hint(format!("usage: {} {}", flags.command().path, flags.command().usage))),
    }
}

/// The first positional argument, when there may be more.
fn first_id(flags: &Parsed) -> Result<String> {
    match flags.positional().first() {
        Some(id) => container_id(id),
        None => Err(Error::invalid(format!("\"{}\" requires a minimum of 1 argument(s)", name(flags)))
            .hint(format!("usage: {} {}", flags.command().path, flags.command().usage))),
    }
}

/// An id names a directory: it must be a plain word.
fn container_id(id: &str) -> Result<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_+-.".contains(c);
    if id.is_empty() || id == "." || id == ".." || id.len() > 1024 || !id.chars().all(plain) {
        return Err(Error::invalid(format!("invalid container id {id:?}: invalid id format"))
            .hint("an id has letters, digits, and _ + - ."));
    }
    Ok(id.to_owned())
}

/// A command of one section.
const fn table(
    path: &'static str,
    usage: &'static str,
    about: &'static str,
    sections: &'static [Section],
) -> Command {
    Command { path, usage, about, sections, grammar: flags::Grammar::GoMixed, notes: "" }
}

/// The options of one command.
const fn options(flags: &'static [Flag]) -> Section {
    Section { title: "Options", flags }
}
