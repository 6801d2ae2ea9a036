//! `kill`.

use super::Container;
use crate::spec::Status;
use crate::{Error, ErrorKind, Result};

impl Container {
    /// Sends a signal to the first process.
    pub fn kill(&self, signal: i32) -> Result<()> {
        let pidfd = self.live_process()?.ok_or_else(|| self.not_running())?;
        barque_sys::process::signal(&pidfd, signal)?;
        // A frozen process dies only once it is thawed.
        if signal == 9 && self.status() == Status::Paused {
            self.thaw()?;
        }
        Ok(())
    }

    /// Sends a signal to every process of the container's cgroup: without a pid namespace of its own, they outlive the
    /// first one.
    pub fn kill_all(&self, signal: i32) -> Result<()> {
        match self.record.as_ref().and_then(|record| record.cgroup.as_ref()) {
            Some(cgroup) => cgroup.kill_all(signal),
            None => self.kill(signal),
        }
    }

    pub(super) fn not_running(&self) -> Error {
        Error::new(ErrorKind::Conflict, format!("container not running: {:?}", self.id))
    }
}

/// The number of a signal given as a number or a name.
pub fn signal_number(text: &str) -> Result<i32> {
    crate::plan::signal_number(text).ok_or_else(|| {
        Error::invalid(format!("unknown signal {text:?}"))
            .hint("use a number, or a name such as TERM or SIGTERM")
    })
}
