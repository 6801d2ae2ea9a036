//! A container frozen for a moment.

use std::os::fd::OwnedFd;

use barque_runtime::container as runtime;
use barque_sys::clone::{Child, Clone, Forked};
use barque_sys::{Call as _, process};

use crate::Result;

/// A frozen container. It goes on when this is dropped, and also when this process is killed: another one waits for that.
#[derive(Debug)]
pub(super) struct Frozen {
    guard: Child,
    /// Its other end is closed when this process ends.
    line: Option<OwnedFd>,
}

impl Frozen {
    /// Freezes a container that runs; one that is paused stays so.
    pub(super) fn freeze(container: &runtime::Container) -> Result<Self> {
        let (read, write) =
            rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).call(|| "pipe2(O_CLOEXEC)")?;
        let guard = match Clone::default().fork()? {
            Forked::Child => {
                drop(write);
                // What is sent to the terminal's processes is not meant for this one.
                process::start_session();
                // Whatever comes of it: nobody is there any more who wants it frozen.
                let _ = rustix::io::retry_on_intr(|| rustix::io::read(&read, &mut [0_u8; 1]));
                // Whatever its state: it may be on its way to be frozen, or have ended meanwhile.
                let thawed = container.cgroup().and_then(barque_runtime::cgroup::Group::thaw);
                process::exit_now(i32::from(thawed.is_err()))
            }
            Forked::Parent(child) => child,
        };
        drop(read);
        let frozen = Self { guard, line: Some(write) };
        container.pause()?;
        Ok(frozen)
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        drop(self.line.take());
        // Whoever comes next finds it running.
        drop(process::wait(&self.guard.pidfd));
    }
}
