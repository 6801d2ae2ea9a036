//! The cgroup v2 device filter: rules become a BPF program, the program is attached.

use std::path::Path;

use barque_sys::bpf::{self, Insn};

use super::devices::{Access, Kind, Rule};
use super::io::errno;
use crate::error::Context as _;
use crate::{Error, Result};

/// Under this name our program is found again when the rules change; programs of others (systemd's) stay.
const NAME: &str = "barque_devices";

/// `r0 = value`, `dst = src`, `dst &= value`, `dst >>= value`, all on 64 bits.
const MOVE_VALUE: u8 = 0xb7;
const MOVE_REGISTER: u8 = 0xbf;
const AND_VALUE: u8 = 0x57;
const SHIFT_RIGHT: u8 = 0x77;
/// `dst = *(u32 *)(src + offset)`.
const LOAD_WORD: u8 = 0x61;
/// Jump over `offset` instructions if `dst` is (not) `value`.
const JUMP_EQUAL: u8 = 0x15;
const JUMP_NOT_EQUAL: u8 = 0x55;
const EXIT: u8 = 0x95;

const RESULT: u8 = 0;
/// `struct bpf_cgroup_dev_ctx *` at first, then free.
const CONTEXT: u8 = 1;
const KIND: u8 = 2;
/// The accesses asked for that no rule has answered yet.
const OPEN: u8 = 3;
const MAJOR: u8 = 4;
const MINOR: u8 = 5;

/// Compiles rules to a program that returns 1 for an access that they allow.
///
/// Walks from the last rule to the first, because the last that matches counts, and does so for reading, writing
/// and making each on its own: a rule answers its accesses, the others stay open. A denied one ends it; so does
/// having none open. What no rule answers is denied.
pub(super) fn compile(rules: &[Rule]) -> Vec<Insn> {
    let mut program = vec![
        insn(LOAD_WORD, KIND, CONTEXT, 0, 0),
        insn(MOVE_REGISTER, OPEN, KIND, 0, 0),
        insn(AND_VALUE, KIND, 0, 0, 0xffff),
        insn(SHIFT_RIGHT, OPEN, 0, 0, 16),
        insn(LOAD_WORD, MAJOR, CONTEXT, 4, 0),
        insn(LOAD_WORD, MINOR, CONTEXT, 8, 0),
    ];
    for rule in rules.iter().rev() {
        program.extend(compile_rule(rule));
        if rule.kind == Kind::Any
            && rule.major.is_none()
            && rule.minor.is_none()
            && rule.access == Access::ALL
        {
            // The verifier refuses instructions that nothing can reach.
            return program;
        }
    }
    program.extend(answer(false));
    program
}

fn compile_rule(rule: &Rule) -> Vec<Insn> {
    let access = i32::from(rule.access.0);
    let mut body = match (rule.access == Access::ALL, rule.allow) {
        (true, _) => Vec::new(),
        (false, true) => {
            vec![
                insn(AND_VALUE, OPEN, 0, 0, i32::from(Access::ALL.0) & !access),
                insn(JUMP_NOT_EQUAL, OPEN, 0, 2, 0),
            ]
        }
        (false, false) => vec![
            insn(MOVE_REGISTER, CONTEXT, OPEN, 0, 0),
            insn(AND_VALUE, CONTEXT, 0, 0, access),
            insn(JUMP_EQUAL, CONTEXT, 0, 2, 0),
        ],
    };
    body.extend(answer(rule.allow));
    let kind = match rule.kind {
        Kind::Any => None,
        Kind::Block => Some(1),
        Kind::Char => Some(2),
    };
    // Numbers were checked to fit when the rule was read.
    let number = |number: Option<u32>| number.map(|number| i32::try_from(number).unwrap_or(i32::MAX));
    for (register, wanted) in [(MINOR, number(rule.minor)), (MAJOR, number(rule.major)), (KIND, kind)] {
        if let Some(wanted) = wanted {
            let over = i16::try_from(body.len()).unwrap_or(i16::MAX);
            body.insert(0, insn(JUMP_NOT_EQUAL, register, 0, over, wanted));
        }
    }
    body
}

fn answer(allow: bool) -> [Insn; 2] {
    [insn(MOVE_VALUE, RESULT, 0, 0, i32::from(allow)), insn(EXIT, 0, 0, 0, 0)]
}

const fn insn(code: u8, to: u8, from: u8, offset: i16, immediate: i32) -> Insn {
    Insn { code, registers: from << 4 | to, offset, immediate }
}

/// Loads the rules' program and attaches it, in one step in the place of the one we attached before.
pub(super) fn attach(dir: &Path, rules: &[Rule]) -> Result<()> {
    let cgroup = barque_sys::cgroup::open_dir(dir)?;
    let program = bpf::load_device_program(NAME, &compile(rules)).map_err(unavailable)?;
    let old: Vec<_> = bpf::attached(&cgroup)?.into_iter().filter(|program| program.name == NAME).collect();
    match old.as_slice() {
        [] => bpf::attach(&cgroup, &program),
        [old] => bpf::replace(&cgroup, &program, bpf::by_id(old.id)?),
        // Two updates at once: all of them must go, and the new one comes first so that no moment is open.
        several => {
            bpf::attach(&cgroup, &program)?;
            several.iter().try_for_each(|old| bpf::detach(&cgroup, bpf::by_id(old.id)?))
        }
    }
    .context(|| format!("device filter of cgroup {dir:?}"))
}

fn unavailable(error: barque_sys::Error) -> Error {
    let hint = match errno(&error) {
        "EPERM" => "attaching a device filter takes CAP_BPF or CAP_SYS_ADMIN on the machine",
        "ENOSYS" | "EINVAL" => "the kernel needs CONFIG_BPF_SYSCALL and CONFIG_CGROUP_BPF",
        _ => return error.into(),
    };
    Error::from(error).context("linux.resources.devices on cgroup v2").hint(hint)
}

#[cfg(test)]
#[path = "device_filter_tests.rs"]
mod tests;
