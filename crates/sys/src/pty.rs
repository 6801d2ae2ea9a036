//! Pseudo terminals, `pty(7)`.

use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};

use rustix::fs::OFlags;
use rustix::pty::OpenptFlags;
use rustix::termios::Winsize;

use crate::{Call as _, Result};

/// How `ptmx` is opened: it must not become the caller's controlling terminal.
pub const MASTER_FLAGS: OFlags = OFlags::RDWR.union(OFlags::NOCTTY);

/// Unlocks a terminal and opens its other end through the master (`TIOCGPTPEER`, Linux 4.13): by no path, which could
/// lead elsewhere.
pub fn peer(master: impl AsFd) -> Result<OwnedFd> {
    let master = master.as_fd();
    rustix::pty::unlockpt(master).call(|| format!("ioctl({}, TIOCSPTLCK)", master.as_raw_fd()))?;
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    rustix::pty::ioctl_tiocgptpeer(master, flags)
        .call(|| format!("ioctl({}, TIOCGPTPEER)", master.as_raw_fd()))
}

/// Sets a terminal's size; the foreground process group gets `SIGWINCH`.
pub fn set_size(terminal: impl AsFd, rows: u16, columns: u16) -> Result<()> {
    let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    let terminal = terminal.as_fd();
    rustix::termios::tcsetwinsize(terminal, size)
        .call(|| format!("ioctl({}, TIOCSWINSZ, {rows}x{columns})", terminal.as_raw_fd()))
}
