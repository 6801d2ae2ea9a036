//! The few calls that control groups need beyond reading and writing files.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec};
use rustix::fs::inotify::{CreateFlags, WatchFlags};
use rustix::fs::{Mode, OFlags};

use crate::{Call as _, Result};

/// Opens a cgroup directory: for `CLONE_INTO_CGROUP` and for attaching BPF programs.
pub fn open_dir(dir: &Path) -> Result<OwnedFd> {
    rustix::fs::open(dir, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .call(|| format!("open({dir:?}, O_RDONLY|O_DIRECTORY)"))
}

/// Whether this process may write a file, or make entries in a directory, by its effective ids.
pub fn may_write(path: &Path) -> bool {
    use rustix::fs::{Access, AtFlags, CWD, accessat};
    let wanted = if path.is_dir() { Access::WRITE_OK | Access::EXEC_OK } else { Access::WRITE_OK };
    accessat(CWD, path, wanted, AtFlags::EACCESS).is_ok()
}

/// A counter that becomes readable when someone adds to it, `eventfd(2)`.
pub fn eventfd() -> Result<OwnedFd> {
    rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
        .call(|| "eventfd(0, EFD_CLOEXEC)")
}

/// A descriptor that becomes readable when the kernel changes the file, `inotify(7)`.
pub fn watch_file(file: &Path) -> Result<OwnedFd> {
    let watch = rustix::fs::inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)
        .call(|| "inotify_init1(IN_CLOEXEC|IN_NONBLOCK)")?;
    rustix::fs::inotify::add_watch(&watch, file, WatchFlags::MODIFY)
        .call(|| format!("inotify_add_watch({file:?}, IN_MODIFY)"))?;
    Ok(watch)
}

/// Empties a non-blocking eventfd or inotify descriptor, so that it stops being readable.
pub fn drain(fd: impl AsFd) -> Result<()> {
    let mut buffer = [0_u8; 4096];
    loop {
        match rustix::io::read(&fd, &mut buffer) {
            Ok(count) if count == buffer.len() => {}
            Ok(_) | Err(rustix::io::Errno::AGAIN) => return Ok(()),
            Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(errno).call(|| "read(event descriptor)"),
        }
    }
}

/// Waits until the descriptor is readable; `false` when the time is over before.
pub fn readable(fd: impl AsFd, wait: Duration) -> Result<bool> {
    let wait = Timespec {
        tv_sec: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: wait.subsec_nanos().into(),
    };
    let mut fds = [PollFd::new(&fd, PollFlags::IN)];
    match rustix::event::poll(&mut fds, Some(&wait)) {
        Err(rustix::io::Errno::INTR) => Ok(false),
        result => result.map(|ready| ready > 0).call(|| "poll(event descriptor)"),
    }
}
