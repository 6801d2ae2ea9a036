//! The operations, done.

use std::path::Path;

use barque_sys::{Call as _, file};

use super::{Group, Op, schemata};
use crate::error::Context as _;
use crate::{Error, ErrorKind, Result};

/// What a step has changed and can take back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Done {
    /// It made its group.
    Created,
    /// Nothing that must be taken back: a group that goes takes its shares and processes along.
    Nothing,
}

impl Op {
    /// Does it.
    pub(crate) fn execute(&self) -> Result<Done> {
        self.try_execute().context(|| "linux.intelRdt")
    }

    fn try_execute(&self) -> Result<Done> {
        match self {
            Self::Require { file, event } => require(file, event)?,
            Self::Find { group } if group.is_dir() => {}
            Self::Find { group } => {
                return Err(Error::new(ErrorKind::NotFound, format!("closID: there is no group {group:?}"))
                    .hint("make it beforehand, or give it a schema and it is made"));
            }
            Self::Create { group, matching } => return create(group, matching.as_deref()),
            Self::Write { file, text } => {
                file::write_once(file, text).map_err(|error| explained(error, file))?;
            }
            // 0 is the process that writes.
            Self::Join { file } => file::write_once(file, "0").map_err(|error| explained(error, file))?,
        }
        Ok(Done::Nothing)
    }

    /// Takes back what it has made.
    pub(crate) fn undo(&self, done: Done) -> Result<()> {
        match (self, done) {
            (Self::Create { group, .. }, Done::Created) => remove(group),
            _ => Ok(()),
        }
    }
}

fn require(file: &Path, event: &str) -> Result<()> {
    let events = file::read(file).unwrap_or_default();
    if events.lines().any(|line| line == event) {
        return Ok(());
    }
    Err(Error::unsupported(format!("enableCMT, enableMBM: {file:?} does not list {event}"))
        .hint("this machine does not measure it"))
}

/// A group that is there already must have the shares that are asked for: others are in it, and were told of these.
fn create(group: &Path, matching: Option<&str>) -> Result<Done> {
    let made = std::fs::create_dir(group);
    let (Err(error), Some(wanted)) = (&made, matching) else {
        made.call(|| format!("mkdir({group:?})"))?;
        return Ok(Done::Created);
    };
    if error.kind() != std::io::ErrorKind::AlreadyExists {
        made.call(|| format!("mkdir({group:?})"))?;
    }
    let path = group.join("schemata");
    match schemata::mismatch(&file::read(&path)?, wanted) {
        None => Ok(Done::Nothing),
        Some(line) => {
            Err(Error::new(ErrorKind::Conflict, format!("closID: {path:?} does not have {line:?}"))
                .hint("give the shares that the group has, or none, or another closID"))
        }
    }
}

/// The kernel says what it minds in a file beside the groups.
fn explained(error: barque_sys::Error, file: &Path) -> Error {
    let resctrl = file.ancestors().find(|path| path.join("info").is_dir());
    let status = resctrl.and_then(|path| file::read(&path.join("info/last_cmd_status")).ok());
    let error = Error::from(error);
    match status.as_deref().map(str::trim).filter(|status| !matches!(*status, "" | "ok")) {
        Some(status) => error.hint(format!("the kernel says: {status}")),
        None => error,
    }
}

fn remove(group: &Path) -> Result<()> {
    match std::fs::remove_dir(group) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        result => Ok(result.call(|| format!("rmdir({group:?})"))?),
    }
}

impl Group {
    /// Changes the shares of a group.
    pub(crate) fn write(&self, text: &str) -> Result<()> {
        let op = Op::Write { file: self.directory.join("schemata"), text: text.to_owned() };
        op.execute().map(drop)
    }

    /// Removes what is the container's alone.
    pub(crate) fn remove(&self) -> Result<()> {
        self.own.iter().try_for_each(|group| remove(group)).context(|| "linux.intelRdt")
    }
}
