//! The init process of `--init`: starts the program, passes signals on, reaps what is orphaned.

use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};

use barque_sys::clone::{Clone, Forked};
use barque_sys::process;
use barque_sys::signal::Signals;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, wait};

use crate::console;

/// Every signal that can be caught, but those the kernel sends for this process's own faults and stops.
const FORWARDED: [i32; 18] = [1, 2, 3, 10, 12, 14, 15, 17, 18, 23, 24, 25, 26, 27, 28, 29, 30, 20];
/// SIGCHLD.
const CHILD: i32 = 17;

/// Runs as process 1; returns the program's exit code.
pub fn init(arguments: &[String]) -> i32 {
    let Some(program) = arguments.first() else { return 125 };
    let Ok(signals) = Signals::take(&FORWARDED) else { return 125 };
    let pid = match start(program, arguments) {
        Ok(pid) => Some(pid),
        Err(error) => {
            console::err(&format!("barque: {error}\n"));
            return 125;
        }
    };
    if let Some(pid) = pid {
        // Its own process group must own the terminal, or reading from it would stop it.
        let _ = rustix::termios::tcsetpgrp(rustix::stdio::stdin(), pid);
    }
    loop {
        // Before the wait: the program may have ended already.
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

/// Starts the program as a child with signals as it expects them. Ours stay blocked all the while: one that came in
/// between would be lost, because process 1 ignores what it has no handler for.
fn start(program: &str, arguments: &[String]) -> barque_sys::Result<Pid> {
    let path = find(program);
    let environment: Vec<String> = std::env::vars().map(|(name, value)| format!("{name}={value}")).collect();
    let exec = process::Program::new(&path, arguments, &environment)?;
    match Clone::default().fork()? {
        Forked::Parent(child) => Ok(child.pid),
        Forked::Child => {
            // A group of its own, so that the terminal's signals reach it and not us.
            let _ = rustix::process::setpgid(None, None);
            process::reset_signals();
            let error = exec.exec();
            console::err(&format!("barque: {error}\n"));
            process::exit_now(if error.kind() == barque_sys::ErrorKind::NotFound { 127 } else { 126 })
        }
    }
}

/// Where a program is, looked up as `execvp(3)` does.
fn find(program: &str) -> PathBuf {
    if program.contains('/') {
        return PathBuf::from(program);
    }
    let search = std::env::var("PATH").unwrap_or_default();
    let found = search.split(':').map(|directory| Path::new(directory).join(program));
    found.into_iter().find(|path| process::may_execute(path)).unwrap_or_else(|| PathBuf::from(program))
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
