//! The process: arguments in, exit code out.

use std::os::fd::OwnedFd;

use crate::commands;
use crate::console;
use crate::invocation::{self, Invocation, OCI, Refusal};
use crate::{Error, Result};

/// Runs the command line of this process; returns its exit code.
pub fn main() -> i32 {
    let args = match invocation::arguments(std::env::args_os()) {
        Ok(args) => args,
        Err(error) => {
            console::err(&console::complaint(&error, None));
            return commands::RUN_FAILED;
        }
    };
    match invocation::read(&args) {
        // Before anything is opened or read: a second run begins as the first did.
        Ok(invocation) if invocation.enters_container() => {
            match barque_sys::executable::protect(std::env::args_os()) {
                Ok(view) => execute(invocation, view),
                Err(error) => unprotected(error),
            }
        }
        Ok(invocation) => execute(invocation, None),
        Err(Refusal { error, command, code }) => {
            if command == Some(OCI) {
                // `barque-oci --log …` or `barque oci --log …`.
                let rest = args.get(1..).unwrap_or_default();
                let flags = rest.strip_prefix(&["oci".to_owned()][..]).unwrap_or(rest);
                crate::oci::log_refusal(flags, &error);
            }
            console::err(&console::complaint(&error, command));
            code
        }
    }
}

/// Nothing is started that could write our file.
fn unprotected(error: barque_sys::Error) -> i32 {
    let error = Error::from(error).context("keeping this program's file out of the container's reach").hint(
        "mounting takes CAP_SYS_ADMIN; without it vm.memfd_noexec must be 0 or 1, or the program lie on a read-only mount",
    );
    console::err(&console::complaint(&error, None));
    1
}

/// Does what was asked for. `executable` holds the mount this program's file lies on, see `sys::executable`.
fn execute(invocation: Invocation, executable: Option<OwnedFd>) -> i32 {
    let (result, code): (Result<i32>, i32) = match invocation {
        Invocation::Text(text) => {
            console::out(&text);
            return 0;
        }
        Invocation::Complete(words, places) => return commands::complete(&words, &places),
        Invocation::Init(arguments) => return commands::init(&arguments),
        Invocation::Explain(flags, places) => (commands::explain(&flags, &places), 1),
        Invocation::Verb(verb, flags, places) => {
            let result = verb.execute(&flags, &places, executable);
            let code = result.as_ref().err().map_or(0, |error| commands::exit_code(error, verb.failed()));
            (result, code)
        }
        Invocation::Oci(invocation) => return crate::oci::execute(*invocation, executable),
    };
    result.unwrap_or_else(|error| {
        console::err(&console::complaint(&error, None));
        code
    })
}
