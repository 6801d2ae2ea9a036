//! Running a program with a deadline, its output in files.
//!
//! Files and not pipes: a container inherits the stdio of `create`, and a pipe would be read until the
//! container exits.

use std::fs::{self, File};
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

/// When a test has to be over: at a time, or at once when the suite was told to end.
#[derive(Debug, Clone)]
pub(crate) struct Deadline {
    at: Instant,
    stop: Arc<AtomicBool>,
}

impl Deadline {
    /// After `timeout`, or as soon as `stop` is set.
    pub(crate) fn new(timeout: Duration, stop: &Arc<AtomicBool>) -> Self {
        Self { at: Instant::now() + timeout, stop: Arc::clone(stop) }
    }

    /// Whether it is over.
    pub(crate) fn passed(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || Instant::now() > self.at
    }
}

/// What a finished program left.
#[derive(Debug, Clone)]
pub(crate) struct Done {
    /// The command line, for messages.
    pub(crate) line: String,
    /// Exit status; 128 + signal when it was killed.
    pub(crate) code: i32,
    /// Everything on standard output so far.
    pub(crate) out: String,
    /// Everything on standard error so far.
    pub(crate) err: String,
}

impl Done {
    /// The command and what it said, on one line.
    pub(crate) fn told(&self) -> String {
        let said = self.err.trim().lines().last().unwrap_or_default();
        format!("`{}` exited {}: {said}", self.line, self.code)
    }
}

/// Words of a command, without paths' directories, for a message.
fn line_of(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(|word| word.to_string_lossy().rsplit('/').next().unwrap_or_default().to_owned())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Starts in a process group of its own, so that a timeout can kill all of it.
pub(crate) fn spawn(command: &mut Command, out: &Path, err: &Path) -> io::Result<Child> {
    command
        .stdin(Stdio::null())
        .stdout(File::create(out)?)
        .stderr(File::create(err)?)
        .process_group(0)
        .spawn()
}

/// Waits until the deadline, then kills the group and says so.
pub(crate) fn finish(
    mut child: Child,
    command: &Command,
    files: (&Path, &Path),
    deadline: &Deadline,
) -> Result<Done, String> {
    let mut pause = Duration::from_micros(500);
    loop {
        if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
            let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default());
            let read = |path| fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            return Ok(Done {
                line: line_of(command),
                code,
                out: read(files.0).unwrap_or_default(),
                err: read(files.1).unwrap_or_default(),
            });
        }
        if deadline.passed() {
            kill_group(&mut child);
            return Err(format!("timeout: `{}` did not return", line_of(command)));
        }
        sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(10));
    }
}

/// Kills a process group that [`spawn`] made and reaps its leader.
pub(crate) fn kill_group(child: &mut Child) {
    if let Ok(Some(_)) = child.try_wait() {
        return;
    }
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        kill_process_group(pid, Signal::KILL).ok();
    }
    child.wait().ok();
}
