//! Variables: declared before they are used, and no secrets.

use std::collections::BTreeMap;

use super::{Rule, Surroundings, Warning};
use crate::dockerfile::{Instruction, Kind};
use crate::expand::expand;
use crate::stages::{Base, Stages};

/// Those that every build knows, after an ARG or without (`HTTP_PROXY` and its like).
const ALWAYS: [&str; 10] = [
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "FTP_PROXY",
    "ftp_proxy",
    "NO_PROXY",
    "no_proxy",
    "ALL_PROXY",
    "all_proxy",
];

/// Words in the name of a variable that holds a secret.
const SECRET: [&str; 10] =
    ["apikey", "auth", "credential", "credentials", "key", "password", "pword", "passwd", "secret", "token"];

/// What is known in a stage.
#[derive(Debug, Clone, Default)]
struct Scope {
    names: BTreeMap<String, String>,
    /// Whether an image is below, whose variables are not known here.
    image: bool,
}

pub(super) fn check(
    stages: &Stages<'_>,
    surroundings: &Surroundings,
    escape: char,
    warnings: &mut Vec<Warning>,
) {
    stages.global.iter().for_each(|instruction| secrets(instruction, warnings));
    let mut ends: Vec<Scope> = Vec::new();
    for stage in &stages.stages {
        let mut scope = match &stage.base {
            Base::Stage(number) => ends.get(*number).cloned().unwrap_or_default(),
            Base::Scratch => Scope::default(),
            Base::Image(_) => Scope { image: true, ..Scope::default() },
        };
        // Only what is in the environment is handed on; of ARG that is so nowhere, and one more known name hides no error.
        for instruction in stage.instructions {
            secrets(instruction, warnings);
            unset(instruction, &scope, escape, warnings);
            scope.declare(instruction, stages, surroundings);
        }
        ends.push(scope);
    }
}

impl Scope {
    fn declare(&mut self, instruction: &Instruction, stages: &Stages<'_>, surroundings: &Surroundings) {
        match &instruction.kind {
            Kind::Env(pairs) => {
                self.names.extend(pairs.iter().map(|pair| (pair.name.clone(), pair.value.clone())));
            }
            Kind::Arg(variables) => {
                for variable in variables {
                    let given = [&surroundings.given, &stages.arguments, &surroundings.platform];
                    let value = given
                        .into_iter()
                        .find_map(|values| values.get(&variable.name))
                        .or(variable.default.as_ref());
                    // Without a value it is declared all the same.
                    self.names.insert(variable.name.clone(), value.cloned().unwrap_or_default());
                }
            }
            _ => {}
        }
    }
}

/// The variables of an instruction that nobody has declared.
fn unset(instruction: &Instruction, scope: &Scope, escape: char, warnings: &mut Vec<Warning>) {
    for text in texts(&instruction.kind) {
        let Ok(expanded) = expand(text, escape, &scope.names) else { continue };
        for name in expanded.unset.iter().filter(|name| is_name(name) && !ALWAYS.contains(&name.as_str())) {
            let near = scope
                .names
                .keys()
                .find(|known| crate::dockerfile::distance(known, name) <= 1 + usize::from(name.len() > 5));
            // The image below may have it, and PATH it nearly always has; but a name that is almost another is an error of typing.
            if near.is_none() && (scope.image || name == "PATH") {
                continue;
            }
            warnings.push(Warning {
                rule: Rule::UndefinedVar,
                lines: (instruction.first_line, instruction.last_line),
                message: format!("Usage of undefined variable '${name}'"),
                cure: match near {
                    Some(near) => format!("did you mean ${near}?"),
                    None => format!("write ARG {name} or ENV {name}=… before it"),
                },
            });
        }
    }
}

/// Whether it is a variable, and not `$1` or `$@`.
fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// What of an instruction is expanded.
fn texts(kind: &Kind) -> Vec<&str> {
    match kind {
        Kind::Env(pairs) | Kind::Label(pairs) => pairs.iter().map(|pair| pair.value.as_str()).collect(),
        Kind::Arg(variables) => variables.iter().filter_map(|variable| variable.default.as_deref()).collect(),
        Kind::Workdir(text) | Kind::User(text) | Kind::StopSignal(text) => vec![text],
        Kind::Expose(ports) => ports.iter().map(|port| port.text.as_str()).collect(),
        Kind::Volume(paths) => paths.iter().map(String::as_str).collect(),
        Kind::Copy(copy) | Kind::Add(copy) => {
            copy.paths().chain([copy.destination.as_str()]).chain(copy.chown.as_deref()).collect()
        }
        _ => Vec::new(),
    }
}

fn secrets(instruction: &Instruction, warnings: &mut Vec<Warning>) {
    let names: Vec<&str> = match &instruction.kind {
        Kind::Env(pairs) => pairs.iter().map(|pair| pair.name.as_str()).collect(),
        Kind::Arg(variables) => variables.iter().map(|variable| variable.name.as_str()).collect(),
        _ => return,
    };
    for name in names.into_iter().filter(|name| is_secret(name)) {
        let keyword = instruction.keyword.to_uppercase();
        warnings.push(Warning {
            rule: Rule::SecretsUsedInArgOrEnv,
            lines: (instruction.first_line, instruction.last_line),
            message: format!("Do not use ARG or ENV instructions for sensitive data ({keyword} {name:?})"),
            cure: format!(
                "RUN --mount=type=secret,id={},env={name} … and build with --secret",
                name.to_lowercase()
            ),
        });
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_lowercase();
    let has = |words: &[&str]| name.split('_').any(|part| words.contains(&part));
    has(&SECRET) && !has(&["public"])
}
