//! Verbs that only look: `state`, `list`, `ps`, `events`, `spec`, `features`.

use super::{first_id, id, options, table};
use crate::flags::{Command, Flag, Grammar, Parsed};
use crate::value::duration;
use crate::{Error, Result};

/// `state`.
pub(super) static STATE: Command = table("barque oci state", "ID", "Print a container's state as JSON", &[]);
/// `features`.
pub(super) static FEATURES: Command =
    table("barque oci features", "", "Print what this runtime can do, as JSON", &[]);
/// `list`.
pub(super) static LIST: Command = table(
    "barque oci list",
    "[OPTIONS]",
    "List containers",
    &[options(&[
        Flag::value("format", "table|json", "Form of the list (table)").short('f'),
        Flag::switch("quiet", "Print ids only").short('q'),
    ])],
);
/// `ps`.
pub(super) static PS: Command = Command {
    path: "barque oci ps",
    usage: "[OPTIONS] ID [ARGUMENTS OF ps...]",
    about: "List a container's processes",
    sections: &[options(&[Flag::value("format", "table|json", "Form of the list (table)").short('f')])],
    grammar: Grammar::GoStopAtFirst,
    notes: "",
};
/// `events`.
pub(super) static EVENTS: Command = table(
    "barque oci events",
    "[OPTIONS] ID",
    "Print what a container uses, and when it runs out of memory",
    &[options(&[
        Flag::value("interval", "DURATION", "Time between two prints (5s)"),
        Flag::switch("stats", "Print once, and stop"),
    ])],
);
/// `spec`.
pub(super) static SPEC: Command = table(
    "barque oci spec",
    "[OPTIONS]",
    "Write a config.json to start from",
    &[options(&[
        Flag::value("bundle", "DIR", "The bundle (the current directory)").short('b'),
        Flag::switch("rootless", "For an unprivileged user"),
    ])],
);

/// Form of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListFormat {
    /// Columns.
    Table,
    /// JSON.
    Json,
}

fn format(flags: &Parsed) -> Result<ListFormat> {
    match flags.value("format") {
        None | Some("" | "table") => Ok(ListFormat::Table),
        Some("json") => Ok(ListFormat::Json),
        Some(other) => {
            Err(Error::invalid(format!("invalid format option {other:?}")).hint("it is table or json"))
        }
    }
}

/// `list`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List {
    /// Its form.
    pub format: ListFormat,
    /// Ids only.
    pub quiet: bool,
}

impl List {
    pub(super) fn read(flags: &Parsed) -> Result<Self> {
        none(flags)?;
        Ok(Self { format: format(flags)?, quiet: flags.switch("quiet") })
    }
}

/// `ps`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ps {
    /// The container's id.
    pub id: String,
    /// Its form.
    pub format: ListFormat,
    /// Arguments for `ps(1)`; `-ef` when empty.
    pub args: Vec<String>,
}

impl Ps {
    pub(super) fn read(flags: &Parsed) -> Result<Self> {
        let args = flags.positional().get(1..).unwrap_or_default().to_vec();
        Ok(Self { id: first_id(flags)?, format: format(flags)?, args })
    }
}

/// `events`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Events {
    /// The container's id.
    pub id: String,
    /// Time between two prints.
    pub interval: std::time::Duration,
    /// Print once.
    pub stats: bool,
}

/// runc's default interval.
const INTERVAL: std::time::Duration = std::time::Duration::from_secs(5);

impl Events {
    pub(super) fn read(flags: &Parsed) -> Result<Self> {
        let interval = flags.read("interval", |text| {
            let offset = duration(text)?;
            match u64::try_from(offset.secs) {
                Ok(secs) if secs > 0 || offset.nanosecs > 0 => {
                    Ok(std::time::Duration::new(secs, offset.nanosecs))
                }
                _ => Err("duration interval must be greater than 0".to_owned()),
            }
        })?;
        Ok(Self { id: id(flags)?, interval: interval.unwrap_or(INTERVAL), stats: flags.switch("stats") })
    }
}

/// `spec`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecFile {
    /// The bundle; the current directory when absent.
    pub bundle: Option<String>,
    /// For an unprivileged user.
    pub rootless: bool,
}

impl SpecFile {
    pub(super) fn read(flags: &Parsed) -> Result<Self> {
        none(flags)?;
        let bundle = flags.value("bundle").filter(|bundle| !bundle.is_empty()).map(str::to_owned);
        Ok(Self { bundle, rootless: flags.switch("rootless") })
    }
}

/// No positional arguments.
fn none(flags: &Parsed) -> Result<()> {
    if flags.positional().is_empty() {
        return Ok(());
    }
    Err(Error::invalid(format!("\"{}\" requires exactly 0 argument(s)", super::name(flags))))
}
