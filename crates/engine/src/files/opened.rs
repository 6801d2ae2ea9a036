//! A container's files for somebody to work on: `debug`.

use std::os::fd::{AsFd as _, OwnedFd};

use barque_sys::mount;

use super::view::{Extent, OwnMounts, Subject, View, tree_of};
use crate::{Container, Error, ErrorKind, Result};

/// The root filesystem of a container with all that is mounted in it; nobody starts one that does not run meanwhile.
#[derive(Debug)]
pub struct Opened {
    subject: Subject,
    view: View,
}

impl Opened {
    /// Opens it. This process, which must have one thread, is in a mount namespace of its own from then on.
    pub fn new(container: &Container) -> Result<Self> {
        if !super::layer::privileged() {
            return Err(Error::new(ErrorKind::PermissionDenied, "mounting a container's files needs root")
                .hint("use `barque exec` in one that runs, or copy files with `barque cp`"));
        }
        let subject = Subject::of(container)?;
        let view = subject.open(Extent::All, &mut OwnMounts::default())?;
        Ok(Self { subject, view })
    }

    /// Its mounts as a tree that can be put anywhere.
    pub fn tree(&self) -> Result<OwnedFd> {
        match self.subject.now.pid {
            Some(pid) => tree_of(&barque_sys::process::open_raw(pid)?, &self.view.root, true),
            None => Ok(mount::clone_tree_fd(self.view.root.as_fd(), true)?),
        }
    }

    /// Keeps what was written.
    pub fn close(self) -> Result<()> {
        self.subject.keep(&self.view)
    }
}
