//! The system call filter, in words.

use std::collections::BTreeMap;

use super::Options;
use crate::plan::process::LoadSeccomp;
use crate::plan::{Op, Plan, ProcessOp};
use crate::seccomp::Program;

/// The filter of a plan.
pub(super) fn of(plan: &Plan) -> Option<&LoadSeccomp> {
    plan.steps.iter().find_map(|step| match &step.op {
        Op::Process(ProcessOp::LoadSeccomp(load)) => Some(&**load),
        _ => None,
    })
}

/// What the script says where the filter would be loaded.
pub(super) fn comment(load: &LoadSeccomp, options: &Options<'_>) -> String {
    let place = match options.seccomp_file {
        Some(path) => format!("{} holds it, as an array of struct sock_filter.", path.display()),
        None => "`barque explain --seccomp-out FILE` writes it to a file.".to_owned(),
    };
    let listener = match &load.listener_path {
        Some(path) => format!("\nIts notifications would go to whoever listens on {path}."),
        None => String::new(),
    };
    format!(
        "The system call filter is MISSING from this container: no stock tool loads one.\n\
         It has {} instructions, which answer: {}.\n{place}{listener}",
        load.program.instructions().len(),
        answers(&load.program)
    )
}

/// The filter's return instructions, by what they return: `allow (3), errno 1 (2)`.
fn answers(program: &Program) -> String {
    /// `BPF_RET | BPF_K`.
    const RETURN: u16 = 0x06;
    let mut count = BTreeMap::new();
    for instruction in program.instructions().iter().filter(|instruction| instruction.code == RETURN) {
        *count.entry(answer(instruction.value)).or_insert(0_u32) += 1;
    }
    let texts: Vec<_> = count.iter().map(|(answer, count)| format!("{answer} ({count})")).collect();
    texts.join(", ")
}

/// `SECCOMP_RET_*` in words, `seccomp(2)`.
fn answer(value: u32) -> String {
    let data = value & 0xffff;
    match value & 0xffff_0000 {
        0x8000_0000 => "kill the process".to_owned(),
        0x0000_0000 => "kill the thread".to_owned(),
        0x0003_0000 => format!("trap {data}"),
        0x0005_0000 => format!("errno {data}"),
        0x7fc0_0000 => "notify".to_owned(),
        0x7ff0_0000 => format!("trace {data}"),
        0x7ffc_0000 => "log".to_owned(),
        0x7fff_0000 => "allow".to_owned(),
        _ => format!("{value:#x}"),
    }
}
