//! Entering a cgroup.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use super::group::Group;
use super::io::{open, refused};
use crate::{Error, Result};

/// A cgroup opened by the parent, for the child to enter.
///
/// On v1 the child writes `0` to each hierarchy's `tasks` while it has one thread: that moves one task and takes
/// no machine-wide lock, while a pid in `cgroup.procs` waits for an RCU grace period (11 ms measured). The files
/// are opened before the child is made, because the kernel checks the permissions of whoever opened them
/// (CVE-2021-4197): so a child in a new user namespace can still enter. On v2 the child is born inside, by
/// `CLONE_INTO_CGROUP` with [`Entry::unified`], or enters by `cgroup.procs`.
#[derive(Debug)]
pub struct Entry {
    files: Vec<(PathBuf, File)>,
    unified: Option<OwnedFd>,
}

/// The kernel did not let the child in. Plain data, because the child may not allocate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// Which of the entry's files.
    pub index: usize,
    /// Why.
    pub errno: i32,
}

/// How the child gets into the v2 cgroup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unified {
    /// It is born there (`CLONE_INTO_CGROUP`, Linux 5.7).
    Born,
    /// It moves there.
    Moves,
}

impl Entry {
    /// Opens what the child will write to.
    pub fn open(group: &Group, unified: Unified) -> Result<Self> {
        let mut files = Vec::with_capacity(group.v1.len() + 1);
        for file in joins(group, unified == Unified::Moves) {
            let opened = open(&file, "0").map_err(|error| refused(&file, error))?;
            files.push((file, opened));
        }
        let unified = match &group.unified {
            Some(dir) if unified == Unified::Born => Some(barque_sys::cgroup::open_dir(dir)?),
            _ => None,
        };
        Ok(Self { files, unified })
    }

    /// The v2 directory for `CLONE_INTO_CGROUP`; `None` where there is no v2, or the child moves.
    pub fn unified(&self) -> Option<BorrowedFd<'_>> {
        self.unified.as_ref().map(OwnedFd::as_fd)
    }

    /// Moves the calling process in. For the child: no allocation, no lock.
    pub fn enter(&self) -> std::result::Result<(), Refused> {
        for (index, (_, file)) in self.files.iter().enumerate() {
            let mut file = file;
            if let Err(error) = file.write(b"0") {
                return Err(Refused { index, errno: error.raw_os_error().unwrap_or_default() });
            }
        }
        Ok(())
    }

    /// What the parent says when the child was refused.
    pub fn error(&self, refusal: Refused) -> Error {
        let path = self.files.get(refusal.index).map_or(Path::new(""), |(path, _)| path);
        let error = std::io::Error::from_raw_os_error(refusal.errno);
        match barque_sys::Call::call(Err::<(), _>(error), || format!("write({path:?}, \"0\")")) {
            Err(error) => refused(path, error).context("entering the cgroup"),
            Ok(()) => Error::unsupported("entering the cgroup"),
        }
    }
}

/// The files to write `0` to, one for each hierarchy.
pub(super) fn joins(group: &Group, unified: bool) -> impl Iterator<Item = PathBuf> {
    let v1 = group.v1.iter().map(|dir| dir.dir.join("tasks"));
    v1.chain(group.unified.iter().filter(move |_| unified).map(|dir| dir.join("cgroup.procs")))
}
