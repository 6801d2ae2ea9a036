//! The init process of `--init`: starts the program, passes signals on, reaps what is orphaned.

use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::Command;

use barque_sys::signal::Signals;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, wait};

use crate::console;

/// Every signal that can be caught, but those the kernel sends for this process's own faults and stops.
const FORWARDED: [i32; 18] = [1, 2, 3, 10, 12, 14, 15, 17, 18, 23, 24, 25, 26, 27, 28, 29, 30, 20];
/// SIGCHLD.
const CHILD: i32 = 17;

/// Runs as process 1; returns the program's exit code.
pub fn init(arguments: &[String]) -> i32 {
    let Some((program, rest)) = arguments.split_first() else { return 125 };
    let Ok(signals) = Signals::take(&FORWARDED) else { return 125 };
    let mut command = Command::new(program);
    command.args(rest).process_group(0);
    let child = match signals.unblocked(|| command.spawn()) {
        Ok(child) => child,
        Err(error) => {
            console::err(&format!("barque: exec {program:?}: {error}\n"));
            return if error.kind() == std::io::ErrorKind::NotFound { 127 } else { 126 };
        }
    };
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    if let Some(pid) = pid {
        // Its own process group must own the terminal, or reading from it would stop it.
        let _ = rustix::termios::tcsetpgrp(rustix::stdio::stdin(), pid);
    }
    loop {
        // Before the wait: while the program was spawned signals were not held back, and its end may have gone unheard.
        if let Some(code) = reap(pid) {
            return code;
        }
        let mut fds = [rustix::event::PollFd::new(&signals, rustix::event::PollFlags::IN)];
        let _ = rustix::event::poll(&mut fds, None);
        while let Ok(Some(number)) = signals.next() {
            if number == CHILD {
                continue;
            }
            if let (Some(pid), Some(signal)) = (pid, Signal::from_named_raw(number)) {
                let _ = kill_process(pid, signal);
            }
        }
    }
}

/// Reaps all children that have ended; the code when the program was one of them.
fn reap(program: Option<Pid>) -> Option<i32> {
    let mut code = None;
    while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
        if Some(pid) == program {
            let status = std::process::ExitStatus::from_raw(status.as_raw());
            code = Some(status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0)));
        }
    }
    code
}
