//! The program inside the container: prints what it finds, one JSON object, in the order it was asked.
//!
//! It is this same executable under the name `probe`, so that a suite copied to another machine carries its probe
//! along. An argument is a fact (`mounts`) or an action with its operand (`write=/etc/x`); what fails is
//! `{"error": "EROFS"}`, so that a test can demand a failure of a kind.

mod errno;
mod facts;
mod files;

pub(crate) use facts::namespaces;

use std::io::{self, Write};
use std::process::ExitCode;

use serde_json::{Map, Value, json};

/// What a fact or action returns.
type Answer = io::Result<Value>;

/// Answers every argument; `exit=N` ends with that status.
pub(crate) fn main(args: &[String]) -> ExitCode {
    let mut report = Map::new();
    let mut code = 0;
    for argument in args.iter().skip(1) {
        let (name, operand) = argument.split_once('=').unwrap_or((argument, ""));
        if name == "exit" {
            code = operand.parse().unwrap_or(1);
            continue;
        }
        let answer = answer(name, operand);
        report.insert(argument.clone(), answer.unwrap_or_else(|error| json!({"error": errno::name(&error)})));
    }
    let mut out = io::stdout();
    writeln!(out, "{}", Value::Object(report)).and_then(|()| out.flush()).ok();
    ExitCode::from(code)
}

fn answer(name: &str, operand: &str) -> Answer {
    match facts::answer(name, operand)? {
        Some(value) => Ok(value),
        None => files::answer(name, operand),
    }
}
