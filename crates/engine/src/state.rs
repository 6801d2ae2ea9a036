//! What became of a container: its last run, in `state.json`.

use std::path::Path;

use barque_sys::file;
use serde::{Deserialize, Serialize};

use crate::oom::Report;
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
    /// The ends of the runs before, as far as they are kept; the last one last.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<End>,
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
    /// How that is known.
    #[serde(skip_serializing_if = "Known::is_seen")]
    pub known: Known,
    /// Its memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<MemoryAtEnd>,
    /// What the kernel has said about the last time memory ran out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oom_report: Option<Report>,
}

/// How the end of a run is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Known {
    /// Its monitor has seen it.
    #[default]
    Seen,
    /// There was no run: it could not be started.
    NotStarted,
    /// Nobody has seen it.
    Lost,
}

impl Known {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
    fn is_seen(&self) -> bool {
        *self == Self::Seen
    }
}

/// What a run used of memory, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MemoryAtEnd {
    /// The most it used.
    pub peak: u64,
    /// The most it was allowed to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// How many of its processes the kernel killed for lack of memory.
    pub kills: u64,
    /// How often it was at its limit.
    pub hits: u64,
}

/// How many ends of earlier runs are kept.
const KEPT: usize = 5;

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
    /// It did not end in the time that it had for that, and was killed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub overdue: bool,
}

/// What a signal is sent for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Request {
    /// `kill`, or a signal that a foreground `run` or `attach` passed on.
    Kill,
    /// `kill` with a signal that ends it: as with Docker the policy rests.
    KillForGood,
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
        matches!(self, Self::KillForGood | Self::Stop | Self::Restart | Self::Remove)
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

    /// Keeps the end of this run beside those before, because another run comes.
    pub(crate) fn keep_end(&mut self) {
        self.earlier.extend(self.end.clone());
        let surplus = self.earlier.len().saturating_sub(KEPT);
        self.earlier.drain(..surplus);
    }

    /// Writes it, whole or not at all.
    pub fn write(&self, directory: &Path) -> Result<()> {
        let text = serde_json::to_vec(self).unwrap_or_default();
        let directory = file::open(directory, file::READ_DIRECTORY)?;
        Ok(file::replace(&directory, FILE, &text)?)
    }
}
