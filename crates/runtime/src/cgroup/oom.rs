//! Being told that memory ran out.

use std::cell::Cell;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use barque_sys::Call as _;
use barque_sys::cgroup::{drain, eventfd, readable, watch_file};

use super::group::Group;
use super::io::{refused, write};
use crate::{Error, Result};

/// Watches a container's cgroup for kills for lack of memory.
///
/// The descriptor ([`AsFd`]) becomes readable when something may have happened: put it into a poll set, and ask
/// [`OomWatch::happened`] then. It also becomes readable when the cgroup is removed.
#[derive(Debug)]
pub struct OomWatch {
    group: Group,
    wake: OwnedFd,
    /// v1 notifies only while this is open.
    _control: Option<File>,
    seen: Cell<u64>,
}

impl OomWatch {
    /// Starts watching.
    pub fn open(group: &Group) -> Result<Self> {
        let seen = Cell::new(group.oom_kills()?);
        let (wake, control) = match (group.v1_dir("memory"), &group.unified) {
            (Some(dir), _) => {
                let path = dir.join("memory.oom_control");
                let control = File::open(&path).call(|| format!("open({path:?})"))?;
                let wake = eventfd()?;
                let line = format!("{} {}", wake.as_raw_fd(), control.as_raw_fd());
                let file = dir.join("cgroup.event_control");
                write(&file, &line).map_err(|error| refused(&file, error))?;
                (wake, Some(control))
            }
            (None, Some(dir)) => (watch_file(&dir.join("memory.events"))?, None),
            (None, None) => {
                return Err(Error::unsupported("no cgroup hierarchy has the controller \"memory\"")
                    .hint("without it the kernel does not tell of a container that ran out of memory"));
            }
        };
        Ok(Self { group: group.clone(), wake, _control: control, seen })
    }

    /// Whether a process was killed since the last time this was asked.
    pub fn happened(&self) -> Result<bool> {
        drain(&self.wake)?;
        let kills = self.group.oom_kills()?;
        Ok(kills > self.seen.replace(kills))
    }

    /// Waits for that.
    pub fn wait(&self, patience: Duration) -> Result<bool> {
        let end = Instant::now() + patience;
        loop {
            if self.happened()? {
                return Ok(true);
            }
            let left = end.saturating_duration_since(Instant::now());
            // v1 tells of the shortage, and counts the kill a little later.
            let slice = left.min(Duration::from_millis(50));
            if left.is_zero() {
                return Ok(false);
            }
            readable(&self.wake, slice)?;
        }
    }
}

impl AsFd for OomWatch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }
}
