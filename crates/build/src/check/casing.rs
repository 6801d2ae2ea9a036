//! How keywords and names are written.

use super::{Rule, Warning};
use crate::dockerfile::{Dockerfile, Instruction, Kind};

pub(super) fn check(dockerfile: &Dockerfile, warnings: &mut Vec<Warning>) {
    keywords(dockerfile, warnings);
    for instruction in &dockerfile.instructions {
        if let Kind::From(from) = &instruction.kind {
            let lines = (instruction.first_line, instruction.last_line);
            if let Some(keyword) =
                from.as_keyword.as_ref().filter(|keyword| differs(keyword, &instruction.keyword))
            {
                let cure = if is_lower(&instruction.keyword) { "as" } else { "AS" };
                warnings.push(Warning {
                    rule: Rule::FromAsCasing,
                    lines,
                    message: format!(
                        "'{keyword}' and '{}' keywords' casing do not match",
                        instruction.keyword
                    ),
                    cure: format!("write {cure}"),
                });
            }
            if let Some(name) = from.name.as_ref().filter(|name| name.chars().any(|c| c.is_ascii_uppercase()))
            {
                warnings.push(Warning {
                    rule: Rule::StageNameCasing,
                    lines,
                    message: format!("Stage name '{name}' should be lowercase"),
                    cure: format!("write {}", name.to_lowercase()),
                });
            }
        }
    }
}

/// Those that are written otherwise than most.
fn keywords(dockerfile: &Dockerfile, warnings: &mut Vec<Warning>) {
    let lower = dockerfile.instructions.iter().filter(|instruction| is_lower(&instruction.keyword)).count();
    let upper = dockerfile.instructions.iter().filter(|instruction| is_upper(&instruction.keyword)).count();
    let most_are_lower = lower > upper;
    let is_odd = |instruction: &&Instruction| {
        !(if most_are_lower { is_lower(&instruction.keyword) } else { is_upper(&instruction.keyword) })
    };
    for instruction in dockerfile.instructions.iter().filter(is_odd) {
        let keyword = &instruction.keyword;
        let (case, cure) = if most_are_lower {
            ("lowercase", keyword.to_lowercase())
        } else {
            ("uppercase", keyword.to_uppercase())
        };
        warnings.push(Warning {
            rule: Rule::ConsistentInstructionCasing,
            lines: (instruction.first_line, instruction.last_line),
            message: format!("Command '{keyword}' should match the case of the command majority ({case})"),
            cure: format!("write {cure}"),
        });
    }
}

fn is_lower(word: &str) -> bool {
    word.bytes().all(|b| b.is_ascii_lowercase())
}

fn is_upper(word: &str) -> bool {
    word.bytes().all(|b| b.is_ascii_uppercase())
}

fn differs(a: &str, b: &str) -> bool {
    !(is_lower(a) && is_lower(b) || is_upper(a) && is_upper(b))
}
