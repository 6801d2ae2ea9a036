//! The process: arguments in, exit code out.

use crate::Result;
use crate::commands;
use crate::console;
use crate::invocation::{self, Invocation, RUN_FAILED, Refusal};

/// Runs the command line of this process; returns its exit code.
pub fn main() -> i32 {
    let invocation = invocation::arguments(std::env::args_os())
        .map_err(|error| Refusal { error, command: None, code: RUN_FAILED })
        .and_then(|args| invocation::read(&args));
    match invocation {
        Ok(invocation) => execute(invocation),
        Err(Refusal { error, command, code }) => {
            console::err(&console::complaint(&error, command));
            code
        }
    }
}

/// Does what was asked for.
fn execute(invocation: Invocation) -> i32 {
    let (result, code): (Result<i32>, i32) = match invocation {
        Invocation::Text(text) => {
            console::out(&text);
            return 0;
        }
        Invocation::Run(flags, places) => {
            let result = commands::run(&flags, places);
            let code = result.as_ref().err().map_or(0, commands::exit_code);
            (result, code)
        }
        Invocation::Init(arguments) => return commands::init(&arguments),
        Invocation::Explain(flags, places) => (commands::explain(&flags, places), 1),
        Invocation::Oci(invocation) => return crate::oci::execute(*invocation),
    };
    result.unwrap_or_else(|error| {
        console::err(&console::complaint(&error, None));
        code
    })
}
