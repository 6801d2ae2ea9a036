//! Verbs that make, start, signal and remove containers.

use super::{container_id, id, options, table};
use crate::flags::{Command, Flag, Parsed};
use crate::value::{integer, signal_number};
use crate::{Error, Result};

const BUNDLE: Flag = Flag::value("bundle", "DIR", "The bundle (the current directory)").short('b');
const CONSOLE_SOCKET: Flag =
    Flag::value("console-socket", "PATH", "UNIX socket that gets the terminal's other end");
const PID_FILE: Flag = Flag::value("pid-file", "FILE", "Write the process id to this file");
const NO_PIVOT: Flag = Flag::switch("no-pivot", "Do not use pivot_root(2), as on a ramdisk");
const NO_NEW_KEYRING: Flag = Flag::switch("no-new-keyring", "Keep the caller's session keyring");
const PRESERVE_FDS: Flag = Flag::value("preserve-fds", "N", "Pass N descriptors on, from number 3");
const CONFIG: Flag =
    Flag::value("config", "FILE", "The configuration (config.json of the bundle)").short('f');

/// `create`.
pub(super) static CREATE: Command = table(
    "barque oci create",
    "[OPTIONS] ID",
    "Make a container; its program waits for start",
    &[options(&[BUNDLE, CONFIG, CONSOLE_SOCKET, PID_FILE, NO_PIVOT, NO_NEW_KEYRING, PRESERVE_FDS])],
);
/// `run`.
pub(super) static RUN: Command = table(
    "barque oci run",
    "[OPTIONS] ID",
    "Make a container and start it",
    &[options(&[
        BUNDLE,
        CONFIG,
        CONSOLE_SOCKET,
        PID_FILE,
        NO_PIVOT,
        NO_NEW_KEYRING,
        PRESERVE_FDS,
        Flag::switch("detach", "Do not wait for it").short('d'),
        Flag::switch("keep", "Do not delete it when it exits"),
        Flag::switch("no-subreaper", "Do not adopt its orphans"),
    ])],
);
/// `start`.
pub(super) static START: Command = table("barque oci start", "ID", "Start a container that was made", &[]);
/// `pause`.
pub(super) static PAUSE: Command = table("barque oci pause", "ID", "Freeze a container's processes", &[]);
/// `resume`.
pub(super) static RESUME: Command = table("barque oci resume", "ID", "Thaw a container's processes", &[]);
/// `kill`.
pub(super) static KILL: Command = table(
    "barque oci kill",
    "[OPTIONS] ID [SIGNAL]",
    "Signal a container's process (SIGTERM)",
    &[options(&[
        Flag::switch("all", "Signal all of its processes").short('a'),
        Flag::switch("regex", "ID is a regular expression").short('r'),
    ])],
);
/// `delete`.
pub(super) static DELETE: Command = table(
    "barque oci delete",
    "[OPTIONS] ID",
    "Remove what a stopped container leaves",
    &[options(&[
        Flag::switch("force", "Kill it first").short('f'),
        Flag::switch("regex", "ID is a regular expression").short('r'),
    ])],
);
/// `checkpoint`.
pub(super) static CHECKPOINT: Command =
    table("barque oci checkpoint", "ID", "Save a container to disk (not there yet)", &[]);
/// `restore`.
pub(super) static RESTORE: Command =
    table("barque oci restore", "ID", "Bring a saved container back (not there yet)", &[]);

/// `create` and `run`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Create {
    /// The container's id.
    pub id: String,
    /// The bundle; the current directory when absent.
    pub bundle: Option<String>,
    /// Another file than the bundle's `config.json`.
    pub config: Option<String>,
    /// Gets the terminal's other end.
    pub console_socket: Option<String>,
    /// Gets the process id.
    pub pid_file: Option<String>,
    /// Avoid pivot_root(2).
    pub no_pivot: bool,
    /// Keep the session keyring.
    pub no_new_keyring: bool,
    /// Number of descriptors from 3 on that are passed on.
    pub preserve_fds: u32,
    /// `run` only: do not wait.
    pub detach: bool,
    /// `run` only: do not delete afterwards.
    pub keep: bool,
    /// `run` only: do not become a subreaper.
    pub no_subreaper: bool,
}

impl Create {
    pub(super) fn read(flags: &Parsed) -> Result<Self> {
        let text = |long| flags.value(long).filter(|text| !text.is_empty()).map(str::to_owned);
        let run = flags.command().long("detach").is_some();
        Ok(Self {
            id: id(flags)?,
            bundle: text("bundle"),
            config: text("config"),
            console_socket: text("console-socket"),
            pid_file: text("pid-file"),
            no_pivot: flags.switch("no-pivot"),
            no_new_keyring: flags.switch("no-new-keyring"),
            preserve_fds: flags.read("preserve-fds", integer)?.unwrap_or(0),
            detach: run && flags.switch("detach"),
            keep: run && flags.switch("keep"),
            no_subreaper: run && flags.switch("no-subreaper"),
        })
    }
}

/// `kill`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kill {
    /// The container's id, or a regular expression.
    pub id: String,
    /// Number of the signal.
    pub signal: i32,
    /// To all processes.
    pub all: bool,
    /// Whether the id is a regular expression.
    pub regex: bool,
}

/// SIGTERM.
const TERM: i32 = 15;

impl Kill {
    pub(super) fn read(flags: &Parsed) -> Result<Self> {
        let regex = flags.switch("regex");
        let (id, signal) = match flags.positional() {
            [id] => (id, None),
            [id, signal] => (id, Some(signal)),
            wrong => {
                let bound = if wrong.is_empty() { "a minimum of 1" } else { "a maximum of 2" };
                return Err(Error::invalid(format!("\"kill\" requires {bound} argument(s)"))
                    .hint("usage: barque oci kill [OPTIONS] ID [SIGNAL]"));
            }
        };
        let signal = match signal {
            None => TERM,
            // No signal: only the question whether there is a process.
            Some(text) if text == "0" => 0,
            Some(text) => signal_number(text).ok_or_else(|| {
                Error::invalid(format!("unknown signal {text:?}"))
                    .hint("give a name (TERM, SIGTERM) or a number (15)")
            })?,
        };
        let id = if regex { id.clone() } else { container_id(id)? };
        Ok(Self { id, signal, all: flags.switch("all"), regex })
    }
}

/// `delete`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delete {
    /// The container's id, or a regular expression.
    pub id: String,
    /// Kill it first; no such container is no error.
    pub force: bool,
    /// Whether the id is a regular expression.
    pub regex: bool,
}

impl Delete {
    pub(super) fn read(flags: &Parsed) -> Result<Self> {
        let regex = flags.switch("regex");
        let id = match flags.positional() {
            [id] if regex => id.clone(),
            _ => id(flags)?,
        };
        Ok(Self { id, force: flags.switch("force"), regex })
    }
}
