//! `delete`: what `create` has made, taken away.

use std::path::Path;
use std::time::Duration;

use super::Container;
use super::create::host;
use crate::execute::{self, remove};
use crate::plan::{HookPoint, IdMaps};
use crate::spec::{Spec, Status};
use crate::{Error, ErrorKind, Result};

/// How long a killed process usually takes to end, at most.
const SOON: Duration = Duration::from_millis(500);

/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The ids that may own a container's files, where its user is not root and could not remove those.
fn id_maps(spec: &Spec<'_>) -> Option<IdMaps> {
    let host = host();
    let linux = spec.linux.as_ref().filter(|linux| !host.privileged && !linux.uid_mappings.is_empty())?;
    Some(IdMaps::new(linux, &host))
}

/// Removes a directory of a container with this configuration, also what belongs to ids of its user namespace.
pub fn remove_directory(path: &Path, spec: Option<&Spec<'_>>) -> Result<()> {
    remove::tree(path, spec.and_then(id_maps).as_ref())
}

impl Container {
    /// Removes a container that has stopped or was never started; with `force`, one that runs too. Returns what the
    /// user should know.
    pub fn delete(&self, force: bool) -> Result<Vec<String>> {
        self.locked()?.delete_locked(force)
    }

    fn delete_locked(&self, force: bool) -> Result<Vec<String>> {
        match self.status() {
            Status::Stopped => {}
            Status::Created => self.end()?,
            Status::Creating | Status::Running | Status::Paused if force => self.end()?,
            status => {
                return Err(Error::new(
                    ErrorKind::Conflict,
                    format!("cannot delete container {:?} that is not stopped: {status}", self.id),
                )
                .hint("kill it first, or delete it with --force"));
            }
        }
        self.remove()
    }

    fn end(&self) -> Result<()> {
        let Some(pidfd) = self.live_process()? else { return Ok(()) };
        self.kill(9)?;
        if barque_sys::process::ends_within(&pidfd, SOON)? {
            return Ok(());
        }
        self.fetch_back();
        if barque_sys::process::ends_within(&pidfd, PATIENCE)? {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Unavailable, format!("container {:?} does not end after SIGKILL", self.id))
            .hint("its process hangs in the kernel; see /proc/PID/stack"))
    }

    /// Somebody may have moved the process to a frozen v1 cgroup of theirs, where SIGKILL waits for the thaw: back in the
    /// container's own, it dies. Whether that has helped is seen by waiting.
    fn fetch_back(&self) {
        let own = self.record.as_ref().and_then(|record| record.cgroup.as_ref()?.v1_dir("freezer"));
        if let (Some(own), Some(process)) = (own, &self.process) {
            drop(barque_sys::file::write_once(&own.join("cgroup.procs"), &process.pid.to_string()));
        }
    }

    /// Takes away what lasts beyond the processes. Goes on over errors and tells the first; the container's own
    /// directory, by which all of it is found, goes last and only when the rest is gone.
    pub fn remove(&self) -> Result<Vec<String>> {
        let ids = self.id_maps();
        if let Some(record) = &self.record {
            if let Some(cgroup) = &record.cgroup {
                cgroup.remove()?;
            }
            if let Some(rdt) = &record.rdt {
                rdt.remove()?;
            }
            for directory in record.directories.iter().rev() {
                remove::tree(directory, ids.as_ref())?;
            }
        }
        let warnings = self.poststop();
        remove::tree(&self.path, None)?;
        Ok(warnings)
    }

    fn id_maps(&self) -> Option<IdMaps> {
        self.spec().ok().as_ref().and_then(id_maps)
    }

    /// runtime.md "Lifecycle" 13: poststop hooks run after the container was deleted; a failure is told, and changes
    /// nothing.
    fn poststop(&self) -> Vec<String> {
        let Ok(spec) = self.spec() else { return Vec::new() };
        let Some(hooks) = spec.hooks.as_ref().filter(|hooks| !hooks.poststop.is_empty()) else {
            return Vec::new();
        };
        let state = self.state_as(Status::Stopped);
        let failed = execute::run_all_hooks(HookPoint::Poststop, &hooks.poststop, &state);
        failed.iter().map(ToString::to_string).collect()
    }
}
