//! Removing a container's cgroup.

use std::fs;
use std::io;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use barque_sys::{Call as _, Error as SysError};

use super::group::Group;
use super::io::Io;
use super::processes;
use crate::{Error, Result};

/// How long a cgroup may stay busy after its last process was killed: the kernel takes an exiting process out of
/// its cgroups late in the exit.
const PATIENCE: Duration = Duration::from_secs(10);

impl Group {
    /// Removes the container's cgroup with what is below it, in every hierarchy; what is left running in it is
    /// killed. Goes on past a failure and reports the first. A cgroup that is gone already is no failure.
    ///
    /// Directories above stay: they may be shared, and were not made for this container alone.
    pub fn remove(&self) -> Result<()> {
        if let Some(scope) = &self.scope {
            // Stopping alone would give the processes a minute and a half to end.
            self.kill_all(9)?;
            scope.stop()?;
        }
        if self.dirs().filter(|dir| remove_once(dir).is_err()).count() == 0 {
            return Ok(());
        }
        self.kill_all(9)?;
        let results: Vec<Result<()>> = self.dirs().map(remove_dir).collect();
        results.into_iter().collect()
    }
}

/// Removes a cgroup and those below it, waiting for processes that are just exiting.
pub(super) fn remove_dir(dir: &Path) -> Result<()> {
    let start = Instant::now();
    let mut pause = Duration::from_micros(200);
    loop {
        let Err(error) = remove_once(dir) else { return Ok(()) };
        if error.errno_name() != Some("EBUSY") {
            return Err(error.into());
        }
        if start.elapsed() > PATIENCE {
            return Err(busy(dir, error));
        }
        sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

fn busy(dir: &Path, error: SysError) -> Error {
    let pids = processes::pids(dir).unwrap_or_default();
    let list: Vec<String> = pids.iter().take(8).map(ToString::to_string).collect();
    Error::from(error).hint(if list.is_empty() {
        "no process is listed in it: another pid namespace's, or one being traced, may hold it".to_owned()
    } else {
        format!("processes that do not die hold it: {}", list.join(", "))
    })
}

fn remove_once(dir: &Path) -> Io<()> {
    match fs::remove_dir(dir) {
        Ok(()) => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(_) => {}
    }
    for dir in processes::tree(dir)? {
        match fs::remove_dir(&dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            result => result.call(|| format!("rmdir({dir:?})"))?,
        }
    }
    Ok(())
}
