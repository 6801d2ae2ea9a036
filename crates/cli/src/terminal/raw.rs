//! Raw mode of the local terminal.

use std::os::fd::BorrowedFd;

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

use barque_sys::Call as _;

use crate::Result;

/// The local terminal in raw mode: every key goes to the container as it is. Dropping this restores it.
#[derive(Debug)]
pub struct RawMode<'fd> {
    terminal: BorrowedFd<'fd>,
    before: Termios,
}

impl<'fd> RawMode<'fd> {
    /// Puts the terminal into raw mode; `None` when the descriptor is not a terminal.
    pub fn enter(terminal: BorrowedFd<'fd>) -> Result<Option<Self>> {
        if !rustix::termios::isatty(terminal) {
            return Ok(None);
        }
        let before = tcgetattr(terminal).call(|| "tcgetattr(stdin)")?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(terminal, OptionalActions::Drain, &raw).call(|| "tcsetattr(stdin, TCSADRAIN, raw)")?;
        Ok(Some(Self { terminal, before }))
    }
}

impl Drop for RawMode<'_> {
    fn drop(&mut self) {
        // The terminal may be gone (a closed window); then there is nothing to restore.
        let _ = tcsetattr(self.terminal, OptionalActions::Drain, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd as _;

    use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, unlockpt};
    use rustix::termios::LocalModes;

    use super::*;

    #[test]
    fn restores_what_was_there() {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY;
        let main = openpt(flags).unwrap();
        unlockpt(&main).unwrap();
        let terminal = ioctl_tiocgptpeer(&main, flags).unwrap();
        let canonical = || tcgetattr(&terminal).unwrap().local_modes.contains(LocalModes::ICANON);
        assert!(canonical());
        let raw = RawMode::enter(terminal.as_fd()).unwrap();
        assert!(raw.is_some() && !canonical());
        drop(raw);
        assert!(canonical());
    }

    #[test]
    fn a_pipe_has_no_raw_mode() {
        let (read, _write) = rustix::pipe::pipe().unwrap();
        assert!(RawMode::enter(read.as_fd()).unwrap().is_none());
    }
}
