//! `pause` and `resume`.

use super::Container;
use crate::cgroup::Group;
use crate::spec::Status;
use crate::{Error, ErrorKind, Result};

impl Container {
    /// Freezes every process.
    pub fn pause(&self) -> Result<()> {
        match self.status() {
            Status::Running | Status::Created => self.cgroup()?.freeze(),
            status => Err(self.wrong_status("paused", status)),
        }
    }

    /// Lets frozen processes go on.
    pub fn resume(&self) -> Result<()> {
        match self.status() {
            Status::Paused => self.thaw(),
            status => Err(self.wrong_status("resumed", status)),
        }
    }

    pub(super) fn thaw(&self) -> Result<()> {
        self.cgroup()?.thaw()
    }

    /// Its cgroup.
    pub fn cgroup(&self) -> Result<&Group> {
        self.record.as_ref().and_then(|record| record.cgroup.as_ref()).ok_or_else(|| {
            Error::unsupported(format!("container {:?} has no cgroup of its own", self.id))
                .hint("it was made with cgroups disabled, or by a user to whom none is delegated")
        })
    }

    pub(super) fn wrong_status(&self, what: &str, status: Status) -> Error {
        Error::new(ErrorKind::Conflict, format!("container {:?} cannot be {what}: it is {status}", self.id))
    }
}
