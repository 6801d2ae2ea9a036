//! Waiting for a log to grow.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use barque_sys::Call as _;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use rustix::io::Errno;

use super::file::make_directory;
use crate::Result;

/// Sees changes of a log's files, also of those that rotation makes.
///
/// Made before the [`Reader`](super::Reader), so that nothing is missed between its end and the waiting.
#[derive(Debug)]
pub struct Watch {
    inotify: OwnedFd,
}

/// What ended the waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wake {
    /// There may be more to read.
    Changed,
    /// The container's log will not grow any more; what was written last is still to be read.
    Ended,
    /// The time is over.
    TimedOut,
}

impl Watch {
    /// Watches the directory of the log with this path; makes it when the container has printed nothing yet.
    pub fn new(path: &Path) -> Result<Self> {
        make_directory(path).call(|| format!("mkdir({:?})", path.parent()))?;
        let directory = path.parent().unwrap_or(Path::new("."));
        let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)
            .call(|| "inotify_init1(IN_CLOEXEC|IN_NONBLOCK)")?;
        let events = WatchFlags::MODIFY | WatchFlags::CREATE | WatchFlags::MOVED_TO;
        inotify::add_watch(&inotify, directory, events)
            .call(|| format!("inotify_add_watch({directory:?}, {events:?})"))?;
        Ok(Self { inotify })
    }

    /// Waits until the log changes, `ended` can be read (a pidfd, or a connection that closes), or time is over.
    pub fn wait(&self, ended: Option<BorrowedFd<'_>>, timeout: Option<Duration>) -> Result<Wake> {
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        let mut fds = vec![PollFd::new(&self.inotify, PollFlags::IN)];
        fds.extend(ended.as_ref().map(|ended| PollFd::new(ended, PollFlags::IN)));
        match poll(&mut fds, timeout.as_ref()) {
            Ok(0) => return Ok(Wake::TimedOut),
            Err(Errno::INTR) => return Ok(Wake::Changed),
            result => result.call(|| "poll(log)")?,
        };
        let has_ended = fds.get(1).is_some_and(|fd| !fd.revents().is_empty());
        self.forget()?;
        Ok(if has_ended { Wake::Ended } else { Wake::Changed })
    }

    /// Takes the events away; what they say is seen in the files.
    fn forget(&self) -> Result<()> {
        let mut events = [0_u8; 4096];
        loop {
            match rustix::io::read(&self.inotify, &mut events) {
                Ok(count) if count > 0 => {}
                Ok(_) | Err(Errno::AGAIN) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno).call(|| "read(inotify)").map_err(Into::into),
            }
        }
    }
}
