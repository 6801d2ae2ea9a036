//! What the kernel does with a program, and what a profile means, each by the most naive way.

use barque_sys::seccomp::Instruction;

use super::arch::X32_BIT;
use super::{Arch, tables};
use crate::spec;

/// A system call, as filters see it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call {
    pub(super) number: u32,
    pub(super) audit: u32,
    pub(super) arguments: [u64; 6],
}

/// Runs a program as the kernel would: its answer, and how many instructions that took.
pub(super) fn run(program: &[Instruction], call: &Call) -> (u32, usize) {
    let mut data = Vec::new();
    data.extend(call.number.to_ne_bytes());
    data.extend(call.audit.to_ne_bytes());
    data.extend(0_u64.to_ne_bytes());
    data.extend(call.arguments.iter().flat_map(|argument| argument.to_ne_bytes()));
    let (mut place, mut accumulator, mut steps) = (0, 0_u32, 0);
    loop {
        let instruction = program[place];
        let value = instruction.value;
        steps += 1;
        place += 1;
        let holds = match instruction.code {
            0x20 => {
                let at = value as usize;
                accumulator = u32::from_ne_bytes(data[at..at + 4].try_into().unwrap());
                continue;
            }
            0x54 => {
                accumulator &= value;
                continue;
            }
            0x05 => {
                place += value as usize;
                continue;
            }
            0x06 => return (value, steps),
            0x15 => accumulator == value,
            0x25 => accumulator > value,
            0x35 => accumulator >= value,
            code => panic!("instruction {code:#x}"),
        };
        place += usize::from(if holds { instruction.on_true } else { instruction.on_false });
    }
}

/// The answer of a profile to a call, read rule by rule.
pub(super) fn interpret(profile: &spec::Seccomp<'_>, native: Arch, call: &Call) -> u32 {
    let mut named: Vec<Arch> =
        profile.architectures.iter().map(|name| Arch::from_name(name).unwrap()).collect();
    named.push(native);
    let is_x32 = |arch: &Arch| *arch == Arch::X32;
    let arch = named.iter().copied().find(|arch| {
        arch.audit() == call.audit
            && (call.audit != Arch::X32.audit() || is_x32(arch) == (call.number >= X32_BIT))
    });
    let default = answer(&profile.default_action, profile.default_errno_ret);
    let Some(arch) = arch else {
        let skipped = call.audit == Arch::X86_64.audit() && call.number == u32::MAX;
        return if skipped { default } else { 0 };
    };
    let number =
        |name: &str| tables::index(name).map(|index| arch.numbers()[index]).filter(|n| *n != tables::NONE);
    let mut conditional = None;
    // x32 numbers some calls on its own, above all others: those do not make a call newer or older.
    let private = |number: u32| arch == Arch::X32 && number >= X32_BIT + 512;
    let mut last = [None; 2];
    for rule in &profile.syscalls {
        let action = answer(&rule.action, rule.errno_ret);
        for name in &rule.names {
            if let Some(number) = number(name) {
                let last = &mut last[usize::from(private(number))];
                *last = (*last).max(Some(number));
            }
            if number(name) != Some(call.number) || action == default {
                continue;
            }
            if rule.args.is_empty() {
                return action;
            }
            let wide = !matches!(arch, Arch::X86 | Arch::X32 | Arch::Arm);
            let mut results = rule.args.iter().map(|condition| holds(condition, call, wide));
            let mut indexes: Vec<u32> = rule.args.iter().map(|condition| condition.index).collect();
            indexes.sort_unstable();
            indexes.dedup();
            let rule_holds = if indexes.len() < rule.args.len() {
                results.any(|holds| holds)
            } else {
                results.all(|holds| holds)
            };
            if rule_holds && conditional.is_none() {
                conditional = Some(action);
            }
        }
    }
    let passes = matches!(&*profile.default_action, "SCMP_ACT_ALLOW" | "SCMP_ACT_LOG" | "SCMP_ACT_TRACE");
    let last = if private(call.number) { last[1].or(last[0]) } else { last[0] };
    match (conditional, last) {
        (Some(action), _) => action,
        (None, Some(last)) if call.number > last && !passes => 0x0005_0000 | 38,
        _ => default,
    }
}

fn holds(condition: &spec::ArgumentRule<'_>, call: &Call, wide: bool) -> bool {
    let width = if wide { u64::MAX } else { u64::from(u32::MAX) };
    let argument = call.arguments[condition.index as usize] & width;
    let value = condition.value & width;
    match &*condition.op {
        "SCMP_CMP_EQ" => argument == value,
        "SCMP_CMP_NE" => argument != value,
        "SCMP_CMP_LT" => argument < value,
        "SCMP_CMP_LE" => argument <= value,
        "SCMP_CMP_GT" => argument > value,
        "SCMP_CMP_GE" => argument >= value,
        "SCMP_CMP_MASKED_EQ" => argument & value == condition.value_two & width,
        op => panic!("{op}"),
    }
}

fn answer(action: &str, errno: Option<u32>) -> u32 {
    match action {
        "SCMP_ACT_KILL_PROCESS" => 0x8000_0000,
        "SCMP_ACT_KILL" | "SCMP_ACT_KILL_THREAD" => 0,
        "SCMP_ACT_TRAP" => 0x0003_0000,
        "SCMP_ACT_ERRNO" => 0x0005_0000 | errno.unwrap_or(1),
        "SCMP_ACT_NOTIFY" => 0x7fc0_0000,
        "SCMP_ACT_TRACE" => 0x7ff0_0000 | errno.unwrap_or(1),
        "SCMP_ACT_LOG" => 0x7ffc_0000,
        "SCMP_ACT_ALLOW" => 0x7fff_0000,
        action => panic!("{action}"),
    }
}
