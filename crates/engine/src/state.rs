//! What became of a container: its last run, in `state.json`.

use std::path::Path;

use barque_sys::file;
use serde::{Deserialize, Serialize};

use crate::{Error, ErrorKind, Result, Time};

/// The text of `state.json`: about the last run, which may be going on. Written by the monitor when a run begins and when
/// it ends; whether it goes on is asked of the kernel.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct State {
    /// Version of this format; a newer Barque reads the older ones.
    pub version: u32,
    /// When the run began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started: Option<Time>,
    /// In which boot (`/proc/sys/kernel/random/boot_id`).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub boot: String,
    /// The first process, as the host numbered it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid: Option<i32>,
    /// How the run ended; none while it goes on, and after a monitor that was killed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<End>,
    /// How often the policy has started it again since a user did.
    pub restarts: u32,
    /// Failures in a row, on which the pause before the next start depends.
    pub failures: u32,
    /// When the policy will start it again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_start: Option<Time>,
    /// The last signal that a command sent for somebody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked: Option<Asked>,
}

/// How a run ended.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct End {
    /// When.
    pub time: Time,
    /// The exit code; 128 and the signal's number when it was killed.
    pub code: i32,
    /// The signal that killed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    /// The kernel killed a process of it for lack of memory.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub oom: bool,
    /// Why it could not be started, or why nothing is known of its end.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub error: String,
    /// The most memory it used, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_peak: Option<u64>,
}

/// What somebody asked the monitor for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Asked {
    /// What for.
    pub what: Request,
    /// The signal that was sent last.
    pub signal: i32,
    /// When.
    pub time: Time,
}

/// What a signal is sent for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Request {
    /// `kill`, or a signal that a foreground `run` or `attach` passed on.
    Kill,
    /// `stop`: the restart policy rests until the next start.
    Stop,
    /// `restart`.
    Restart,
    /// `rm --force`.
    Remove,
    /// The time of `--timeout` is over.
    Timeout,
    /// Its health checks fail.
    Unhealthy,
}

impl Request {
    /// Whether the restart policy must not start the container again.
    pub fn rests(self) -> bool {
        matches!(self, Self::Stop | Self::Restart | Self::Remove)
    }
}

/// The version of [`State`] that is written.
pub const VERSION: u32 = 1;
pub(crate) const FILE: &str = "state.json";

impl State {
    /// The state in a container's directory; that of one that never ran when there is none.
    pub fn read(directory: &Path) -> Result<Self> {
        let path = directory.join(FILE);
        match file::read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Self::default()),
            text => serde_json::from_str(&text?)
                .map_err(|error| Error::new(ErrorKind::Internal, format!("{path:?}: {error}"))),
        }
    }

    /// Writes it, whole or not at all.
    pub fn write(&self, directory: &Path) -> Result<()> {
        let text = serde_json::to_vec(self).unwrap_or_default();
        let directory = file::open(directory, file::READ_DIRECTORY)?;
        Ok(file::replace(&directory, FILE, &text)?)
    }
}
