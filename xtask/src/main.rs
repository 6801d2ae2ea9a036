//! `cargo xtask JOB`: jobs of the repository itself that are no part of the product.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program of the command line")]

mod seccomp;
mod syscalls;

use std::process::ExitCode;

/// Why a job failed, in words.
type Failure = Box<dyn std::error::Error>;

const USAGE: &str = "\
usage: cargo xtask JOB
  syscalls [FILE…]   write crates/runtime/src/seccomp/tables from kernel headers; a FILE is a further
                     unistd header as ARCH=PATH (by default Debian's for mips64n32 and s390)
  seccomp            write crates/runtime/src/seccomp/precompiled, the default filter of each architecture
  seccomp-time [FILE]  how long the default profile, or FILE in Docker's format, takes to compile
  seccomp-write [FILE] [CAP…]  write the filter to standard output, as the kernel takes it";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.split_first() {
        Some((job, rest)) if job == "syscalls" => syscalls::run(rest),
        Some((job, [])) if job == "seccomp" => seccomp::precompile(),
        Some((job, rest)) if job == "seccomp-time" => seccomp::time(rest),
        Some((job, rest)) if job == "seccomp-write" => seccomp::write(rest),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}
