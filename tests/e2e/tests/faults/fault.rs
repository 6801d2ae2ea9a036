//! One command with one fault.

use std::io::{Read as _, Seek as _};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::calls::Call;
use crate::lab::Lab;

/// How long a command may take with a fault; one that retries for ever does not end.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the kernel does instead of the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It fails with this number.
    Errno(u16),
    /// It kills the process with `SIGSYS`, as `SIGKILL` at that step would.
    Kill,
}

impl Fault {
    fn action(self) -> u32 {
        match self {
            Self::Errno(number) => 0x0005_0000 | u32::from(number),
            Self::Kill => 0x8000_0000,
        }
    }
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Its exit code; none when it was killed.
    pub(crate) code: Option<i32>,
    /// What it and its container have said.
    pub(crate) text: String,
}

/// Runs a command line of the runtime with a fault.
#[track_caller]
pub(crate) fn run(lab: &Lab, (_, number): Call, fault: Fault, args: &[&str]) -> Ended {
    let plain = lab.command(args);
    let mut command = Command::new(env!("CARGO_BIN_EXE_with-fault"));
    command
        .args([number.to_string(), fault.action().to_string()])
        .arg(plain.get_program())
        .args(plain.get_args());
    let mut file = tempfile::tempfile().unwrap();
    command.stdin(std::process::Stdio::null());
    command.stdout(file.try_clone().unwrap()).stderr(file.try_clone().unwrap());
    let mut child = command.spawn().unwrap();
    let start = Instant::now();
    let status = loop {
        match child.try_wait().unwrap() {
            Some(status) => break status,
            None if start.elapsed() > PATIENCE => {
                child.kill().unwrap();
                child.wait().unwrap();
                return Ended { code: Some(0), text: format!("it did not end within {PATIENCE:?}") };
            }
            None => std::thread::sleep(Duration::from_millis(1)),
        }
    };
    let mut text = String::new();
    file.rewind().unwrap();
    file.read_to_string(&mut text).unwrap();
    assert!(!text.contains("with-fault: "), "{text}");
    Ended { code: status.code(), text }
}
