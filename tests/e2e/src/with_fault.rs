//! `with-fault NUMBER ACTION PROGRAM ARG…`: executes a program for which one system call always ends as a value of
//! `SECCOMP_RET_*` says, so that tests can see what it does then.
#![expect(clippy::print_stderr, reason = "a command line program says why it cannot go on")]

use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

use barque_sys::seccomp::{Flags, Instruction, load};

/// What this program exits with when it cannot do its own part.
const BROKEN: u8 = 99;

/// Loads the 32 bits at an offset of `struct seccomp_data`, which begins with the call's number.
const LOAD: u16 = 0x20;
/// Compares with a constant.
const EQUAL: u16 = 0x15;
const RETURN: u16 = 0x06;
const ALLOW: u32 = 0x7fff_0000;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, number, action, program, rest @ ..] = &arguments[..] else {
        eprintln!("usage: with-fault NUMBER ACTION PROGRAM ARG…");
        return ExitCode::from(BROKEN);
    };
    let (Ok(number), Ok(action)) = (number.parse(), action.parse()) else {
        eprintln!("with-fault: a number and an action are needed, not {number} and {action}");
        return ExitCode::from(BROKEN);
    };
    let filter = [
        Instruction { code: LOAD, on_true: 0, on_false: 0, value: 0 },
        Instruction { code: EQUAL, on_true: 0, on_false: 1, value: number },
        Instruction { code: RETURN, on_true: 0, on_false: 0, value: action },
        Instruction { code: RETURN, on_true: 0, on_false: 0, value: ALLOW },
    ];
    let error = match load(&filter, Flags::empty()) {
        Ok(_) => Command::new(program).args(rest).exec().to_string(),
        Err(error) => error.to_string(),
    };
    eprintln!("with-fault: {program}: {error}");
    ExitCode::from(BROKEN)
}
