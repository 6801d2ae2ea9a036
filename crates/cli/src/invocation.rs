//! What a whole command line asks for. Pure: nothing is looked up, nothing is done.

use crate::commands::{self, Group, Places, Verb};
use crate::flags::{self, EXPLAIN, Outcome, Parsed};
use crate::oci::args as oci;
use crate::{Error, Result};

/// A command line, understood.
#[derive(Debug)]
pub enum Invocation {
    /// Print this and succeed: help, the version.
    Text(String),
    /// `barque explain`.
    Explain(Parsed, Places),
    /// A command of a table.
    Verb(&'static Verb, Parsed, Places),
    /// `barque __complete`: the words of a line up to the cursor.
    Complete(Vec<String>, Places),
    /// The init process of a container: the program was called `barque-init`.
    Init(Vec<String>),
    /// `barque oci …`, or the program was called `barque-oci`.
    Oci(Box<oci::Invocation>),
}

impl Invocation {
    /// Whether a process of this program will enter a container on its way to another program.
    pub fn enters_container(&self) -> bool {
        match self {
            Self::Text(_) | Self::Explain(..) | Self::Init(_) | Self::Complete(..) => false,
            Self::Verb(verb, ..) => verb.enters_container(),
            Self::Oci(invocation) => {
                matches!(invocation.verb, oci::Verb::Create(_) | oci::Verb::Run(_) | oci::Verb::Exec(_))
            }
        }
    }
}

/// A command line that is wrong.
#[derive(Debug)]
pub struct Refusal {
    /// Why.
    pub error: Error,
    /// The command whose help says more.
    pub command: Option<&'static str>,
    /// What the process exits with.
    pub code: i32,
}

/// The command that is an OCI runtime.
pub const OCI: &str = "barque oci";

/// Reads a command line; the first of `args` is the name the program was called by.
pub fn read(args: &[String]) -> std::result::Result<Invocation, Refusal> {
    let (name, rest) = args.split_first().map_or(("barque", args), |(name, rest)| (name.as_str(), rest));
    match name.rsplit('/').next() {
        Some("barque-oci") => return oci(rest),
        Some("barque-init") => return Ok(Invocation::Init(rest.to_vec())),
        _ => {}
    }
    if let Some(("__complete", words)) = rest.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        let (places, words) = places(words)?;
        return Ok(Invocation::Complete(words.to_vec(), places));
    }
    let (places, rest) = places(rest)?;
    let (verb, rest) = rest.split_first().map_or(("help", rest), |(verb, rest)| (verb.as_str(), rest));
    match verb {
        "explain" => flagged(&EXPLAIN, rest, 1, |flags| Invocation::Explain(flags, places)),
        // `docker image build` and `docker buildx build` are `docker build`, which is `docker builder build`.
        "buildx" | "image" if rest.first().is_some_and(|verb| verb == "build") => {
            match commands::find("build") {
                Some(build) => verbal(build, &rest[1..], places),
                None => Err(Refusal { error: unknown("build"), command: Some("barque"), code: 1 }),
            }
        }
        "oci" => oci(rest),
        "help" | "--help" | "-h" => help(rest),
        "version" | "--version" | "-v" => Ok(Invocation::Text(version())),
        _ => match (commands::group(verb), commands::find(verb)) {
            (Some(group), _) => of_group(group, rest, places),
            (None, Some(verb)) => verbal(verb, rest, places),
            (None, None) => Err(Refusal { error: unknown(verb), command: Some("barque"), code: 1 }),
        },
    }
}

/// `barque GROUP VERB …`.
fn of_group(group: &Group, args: &[String], places: Places) -> std::result::Result<Invocation, Refusal> {
    match args.split_first().map(|(verb, rest)| (verb.as_str(), rest)) {
        None | Some(("help" | "--help" | "-h", _)) => Ok(Invocation::Text(group.help())),
        Some((name, rest)) => match group.find(name) {
            Some(verb) => verbal(verb, rest, places),
            None => {
                let error = Error::invalid(format!("unknown command: barque {} {name}", group.name));
                Err(Refusal { error, command: Some("barque"), code: 1 })
            }
        },
    }
}

fn verbal(verb: &'static Verb, args: &[String], places: Places) -> std::result::Result<Invocation, Refusal> {
    let refuse = |error| Refusal { error, command: Some(verb.command.path), code: verb.failed() };
    match flags::parse(verb.command, args).map_err(refuse)? {
        Outcome::Help => Ok(Invocation::Text(flags::help(verb.command))),
        Outcome::Args(flags) => {
            verb.check(&flags).map_err(refuse)?;
            Ok(Invocation::Verb(verb, flags, places))
        }
    }
}

/// The options before the command: `--root DIR` and `--run-root DIR`.
fn places(args: &[String]) -> std::result::Result<(Places, &[String]), Refusal> {
    let (mut root, mut run_root) = (None, None);
    let mut rest = args;
    while let Some((word, after)) = rest.split_first() {
        let (name, value) =
            word.split_once('=').map_or((word.as_str(), None), |(name, value)| (name, Some(value)));
        let place = match name {
            "--root" => &mut root,
            "--run-root" => &mut run_root,
            _ => break,
        };
        rest = after;
        *place = match (value, after.split_first()) {
            (Some(value), _) => Some(value),
            (None, Some((value, after))) => {
                rest = after;
                Some(value.as_str())
            }
            (None, None) => {
                let error = Error::invalid(format!("flag needs an argument: {name}"));
                return Err(Refusal { error, command: Some("barque"), code: 1 });
            }
        };
    }
    let places = commands::places(root, run_root).map_err(|error| Refusal {
        error,
        command: Some("barque"),
        code: 1,
    })?;
    Ok((places, rest))
}

fn flagged(
    command: &'static flags::Command,
    args: &[String],
    code: i32,
    make: impl FnOnce(Parsed) -> Invocation,
) -> std::result::Result<Invocation, Refusal> {
    match flags::parse(command, args) {
        Ok(Outcome::Help) => Ok(Invocation::Text(flags::help(command))),
        Ok(Outcome::Args(parsed)) => Ok(make(parsed)),
        Err(error) => Err(Refusal { error, command: Some(command.path), code }),
    }
}

fn oci(args: &[String]) -> std::result::Result<Invocation, Refusal> {
    match oci::read(args) {
        Ok(oci::Asked::Text(text)) => Ok(Invocation::Text(text)),
        Ok(oci::Asked::Verb(invocation)) => Ok(Invocation::Oci(invocation)),
        Err(error) => Err(Refusal { error, command: Some(OCI), code: 1 }),
    }
}

/// `barque version`.
fn version() -> String {
    format!("barque version {}\n", env!("CARGO_PKG_VERSION"))
}

/// `barque help [COMMAND]`.
fn help(words: &[String]) -> std::result::Result<Invocation, Refusal> {
    let text = match words.first().map(String::as_str) {
        None => top(),
        Some("explain") => flags::help(&EXPLAIN),
        Some("oci") => oci::help(),
        Some(verb) => match (commands::group(verb), commands::find(verb)) {
            (Some(group), _) => group.help(),
            (None, Some(verb)) => flags::help(verb.command),
            (None, None) => return Err(Refusal { error: unknown(verb), command: Some("barque"), code: 1 }),
        },
    };
    Ok(Invocation::Text(text))
}

/// `barque --help`.
fn top() -> String {
    let mut text =
        "Usage: barque [--root DIR] [--run-root DIR] COMMAND\n\nRun containers: one program, no daemon.\n\nCommands:\n"
            .to_owned();
    let mut line = |name: &str, about: &str| {
        let about = about.lines().next().unwrap_or("").trim_end_matches(['.', ':']);
        text.push_str(&format!("  {name:<10} {about}\n"));
    };
    for verb in commands::alone() {
        line(verb.short[0], verb.command.about);
    }
    line("explain", EXPLAIN.about);
    for group in commands::groups() {
        line(group.name, group.about);
    }
    line("oci", "OCI runtime with runc's commands, for podman, docker and containerd");
    line("version", "Print the version");
    text.push_str("\nRun 'barque COMMAND --help' for more about a command.\n\nTry it:\n  barque run --rm -it @host bash\n");
    text
}

/// Docker's commands that are still to come, with what to use until then.
const LATER: [(&[&str], &str); 2] = [
    (&["buildx"], "see `barque build --help` and `barque builder --help`"),
    (&["compose", "context", "plugin", "checkpoint"], "see `barque --help` for what there is"),
];

fn unknown(verb: &str) -> Error {
    if let Some((_, cure)) = LATER.iter().find(|(verbs, _)| verbs.contains(&verb)) {
        return Error::unsupported(format!("'{verb}' is not there yet in this version of barque"))
            .hint(*cure);
    }
    if verb.starts_with('-') {
        return Error::invalid(format!("unknown flag: {verb}"));
    }
    Error::invalid(format!("unknown command: barque {verb}"))
}

/// The arguments of this process, which must be UTF-8: configurations are JSON.
pub fn arguments(args: impl Iterator<Item = std::ffi::OsString>) -> Result<Vec<String>> {
    args.map(|arg| {
        arg.into_string().map_err(|arg| Error::invalid(format!("the argument {arg:?} is not valid UTF-8")))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_line(line: &str) -> std::result::Result<Invocation, Refusal> {
        read(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn finds_the_command() {
        for (line, expected) in [
            ("barque run --rm @host sh -c x", "Verb"),
            ("/usr/bin/barque container run @host", "Verb"),
            ("barque explain --format json @host", "Explain"),
            ("barque oci state x", "Oci"),
            ("/usr/bin/barque-oci --root /r state x", "Oci"),
            ("barque", "Text"),
            ("barque --help", "Text"),
            ("barque --version", "Text"),
            ("barque run --help", "Text"),
            ("barque help run", "Text"),
            ("barque oci", "Text"),
            ("barque-oci --version", "Text"),
        ] {
            let shown = format!("{:?}", read_line(line).unwrap());
            assert!(shown.starts_with(expected), "{line}: {shown}");
        }
    }

    #[test]
    fn refuses_with_the_right_code() {
        for (line, code, message) in [
            ("barque run --frob @host", 125, "unknown flag: --frob"),
            ("barque run --gpus all @host", 125, "--gpus is not there yet in this version of barque"),
            ("barque compose up", 1, "'compose' is not there yet in this version of barque"),
            ("barque container frob", 1, "unknown command: barque container frob"),
            ("barque start", 1, "\"barque start\" requires at least 1 argument(s)"),
            ("barque frob", 1, "unknown command: barque frob"),
            ("barque --frob", 1, "unknown flag: --frob"),
            ("barque oci frob", 1, "unknown command: barque oci frob"),
            ("barque oci create", 1, "\"create\" requires exactly 1 argument(s)"),
        ] {
            let refusal = read_line(line).unwrap_err();
            assert_eq!((refusal.code, refusal.error.to_string().as_str()), (code, message), "{line}");
        }
    }

    #[test]
    fn help_texts() {
        insta::assert_snapshot!("help", top());
        insta::assert_snapshot!("help-run", flags::help(&flags::RUN));
        insta::assert_snapshot!("help-explain", flags::help(&EXPLAIN));
        insta::assert_snapshot!("help-build", flags::help(&flags::build::BUILD));
    }

    #[test]
    fn complaints() {
        let refusal = read_line("barque run --memroy 1g @host").unwrap_err();
        insta::assert_snapshot!(crate::console::complaint(&refusal.error, refusal.command));
    }
}
