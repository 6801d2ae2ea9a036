//! From rules to a program.

use super::action::Action;
use super::arch::{Arch, Width, X32_BIT};
use super::assembler::Test;
use super::assembler::{Assembler, Label};
use super::checks::{Alternative, Check};
use super::condition::{Condition, Operator};
use super::default;
use super::program::Program;
use super::rules::Rules;
use super::segments::Segments;
use super::tables;
use crate::spec;
use crate::{Error, Result};

/// Offsets in `struct seccomp_data`.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;

/// The number with which a tracer skips a call.
const SKIPPED: u32 = u32::MAX;

/// Compiles a profile for this machine's architecture; the default profile was compiled when Barque was built.
pub fn compile(profile: &spec::Seccomp<'_>) -> Result<Program> {
    if let Some(program) = default::precompiled(profile) {
        return program;
    }
    let native = Arch::NATIVE.ok_or_else(|| {
        Error::unsupported(format!("linux.seccomp: no system call table for {}", std::env::consts::ARCH))
    })?;
    compile_for(profile, native)
}

/// Compiles a profile for a machine of an architecture, of this one's byte order.
pub fn compile_for(profile: &spec::Seccomp<'_>, native: Arch) -> Result<Program> {
    let rules = Rules::read(profile, native)?;
    let mut compiler = Compiler { rules: &rules, checks: Vec::new() };
    let instructions = compiler.program();
    Program::new(instructions, rules.flags, rules.listener)
}

/// What is done with a call number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Decision {
    Answer(Action),
    /// A place in the list of checks.
    Check(usize),
}

impl From<Action> for Decision {
    fn from(action: Action) -> Self {
        Self::Answer(action)
    }
}

/// A rule that concerns a call number.
#[derive(Debug, Clone, Copy)]
struct Entry {
    number: u32,
    /// Its place in the profile.
    order: usize,
    rule: usize,
    /// The first argument, where the call is one of those that go through this one.
    selector: Option<u8>,
}

struct Compiler<'p> {
    rules: &'p Rules<'p>,
    checks: Vec<Check>,
}

impl Compiler<'_> {
    fn program(&mut self) -> Vec<barque_sys::seccomp::Instruction> {
        let mut audits: Vec<u32> = Vec::new();
        for arch in &self.rules.architectures {
            if !audits.contains(&arch.audit()) {
                audits.push(arch.audit());
            }
        }
        let numbers: Vec<_> = audits.iter().map(|audit| (*audit, self.numbers(*audit))).collect();
        let mut assembler = Assembler::new();
        let mut labels = vec![None; self.checks.len()];
        let mut next = assembler.ret(Action::KILL_THREAD.0);
        let mut starts = Vec::with_capacity(numbers.len());
        // The native architecture comes last, to be nearest to the front.
        for (audit, numbers) in numbers.iter().rev() {
            let root = numbers.tree(&mut assembler, &mut |assembler, decision| {
                leaf(assembler, decision, &self.checks, &mut labels)
            });
            assembler.goto(root);
            starts.push((*audit, assembler.load(NUMBER)));
        }
        for (audit, start) in starts {
            next = assembler.jump(Test::Equal, audit, start, next);
        }
        assembler.load(ARCHITECTURE);
        assembler.finish()
    }

    /// What is done with each call number of an audit architecture.
    fn numbers(&mut self, audit: u32) -> Segments<Decision> {
        let mut entries = Vec::with_capacity(self.rules.mentions.len());
        let mut zones = Segments::new(Action::KILL_THREAD);
        let mut points = Vec::new();
        let has_x32 = self.rules.architectures.contains(&Arch::X32);
        let architectures: Vec<Arch> = self.rules.architectures.clone();
        // x86-64 comes before x32, with which it shares the audit architecture.
        let mut here: Vec<Arch> = architectures.into_iter().filter(|arch| arch.audit() == audit).collect();
        here.sort_by_key(|arch| *arch == Arch::X32);
        for arch in here {
            entries.clear();
            let last = self.entries(arch, &mut entries);
            self.zones(arch, last, &mut zones);
            entries.sort_unstable_by_key(|entry| (entry.number, entry.order));
            for group in entries.chunk_by(|one, other| one.number == other.number) {
                points.push((group[0].number, self.decide(arch, group)));
            }
            if arch == Arch::X86_64 && !has_x32 {
                zones.push(X32_BIT, Action::KILL_THREAD);
                // Since Linux 4.8 filters also see the calls that a tracer skips: not to be killed for that.
                zones.push(SKIPPED, self.rules.default);
            }
        }
        zones.with_points(&points)
    }

    /// The rules of an architecture's calls, and the last number that the profile names, among the common calls
    /// and among the private ones.
    fn entries(&self, arch: Arch, entries: &mut Vec<Entry>) -> [Option<u32>; 2] {
        let numbers = arch.numbers();
        let private = arch.private_range().unwrap_or(u32::MAX);
        let mut last = [None; 2];
        for (order, mention) in self.rules.mentions.iter().enumerate() {
            let number = numbers[mention.index];
            if number != tables::NONE {
                let last = &mut last[usize::from(number >= private)];
                *last = (*last).max(Some(number));
            }
            let Some(rule) = mention.rule else { continue };
            if number != tables::NONE {
                entries.push(Entry { number, order, rule, selector: None });
            }
            if let Some(call) = arch.multiplexed(mention.name)
                && let Some(carrier) = tables::index(call.carrier).map(|index| numbers[index])
                && carrier != tables::NONE
            {
                entries.push(Entry { number: carrier, order, rule, selector: Some(call.selector) });
            }
        }
        last
    }

    /// What holds for numbers without a rule: the default; `ENOSYS` for those beyond the last one that the
    /// profile names, which are newer than it.
    fn zones(&self, arch: Arch, last: [Option<u32>; 2], zones: &mut Segments<Action>) {
        let default = self.rules.default;
        let start = if arch == Arch::X32 { X32_BIT } else { 0 };
        let newer = if default.lets_unknown_pass() || last == [None; 2] { default } else { Action::ENOSYS };
        // s390 puts numbers that do not fit the instruction into a register and makes call 0, so that is what
        // the filter sees of a call that the kernel does not know.
        if matches!(arch, Arch::S390 | Arch::S390x) {
            zones.push(start, newer);
            zones.push(start + 1, default);
        } else {
            zones.push(start, default);
        }
        for last in last.into_iter().flatten() {
            if let Some(private) = arch.private_range().filter(|private| last >= *private) {
                zones.push(private, default);
            }
            if let Some(after) = last.checked_add(1) {
                zones.push(after, newer);
            }
        }
    }

    /// What is done with a number that rules speak of.
    fn decide(&mut self, arch: Arch, entries: &[Entry]) -> Decision {
        let rules = &self.rules.rules;
        let default = self.rules.default;
        let always = |entry: &&Entry| entry.selector.is_none() && rules[entry.rule].conditions.is_empty();
        if let Some(entry) = entries.iter().find(always) {
            return Decision::Answer(rules[entry.rule].action);
        }
        let mut alternatives = Vec::new();
        let mut veiled = Vec::new();
        for entry in entries {
            let rule = &rules[entry.rule];
            match entry.selector.map(selected) {
                None => alternatives.extend(rule.conditions.iter().map(|conditions| Alternative {
                    conditions: fit(conditions, arch.width()),
                    action: rule.action,
                })),
                Some(selected) if rule.conditions.is_empty() => {
                    alternatives.push(Alternative { conditions: vec![selected], action: rule.action });
                }
                // The arguments of such a call are in memory, where a filter cannot look.
                Some(selected) if rule.action.is_stricter_than(default) => {
                    veiled.push(Alternative { conditions: vec![selected], action: rule.action });
                }
                Some(_) => {}
            }
        }
        alternatives.append(&mut veiled);
        if alternatives.is_empty() {
            return Decision::Answer(default);
        }
        self.check(Check { width: arch.width(), alternatives, otherwise: default })
    }

    /// The place of a check: one that is there already, if it is the same.
    fn check(&mut self, check: Check) -> Decision {
        let known = self.checks.iter().position(|known| *known == check);
        Decision::Check(known.unwrap_or_else(|| {
            self.checks.push(check);
            self.checks.len() - 1
        }))
    }
}

/// The condition that a multiplexing call is made for one of its calls.
fn selected(selector: u8) -> Condition {
    Condition { index: 0, operator: Operator::Equal, value: u64::from(selector) }
}

/// Conditions as an ABI sees its arguments.
fn fit(conditions: &[Condition], width: Width) -> Vec<Condition> {
    match width {
        Width::Bits64 => conditions.to_vec(),
        Width::Bits32 => conditions.iter().map(|condition| condition.lower()).collect(),
    }
}

/// The code of a decision; a check is assembled once, where it is first needed.
fn leaf(
    assembler: &mut Assembler,
    decision: Decision,
    checks: &[Check],
    labels: &mut [Option<Label>],
) -> Label {
    match decision {
        Decision::Answer(action) => assembler.ret(action.0),
        Decision::Check(place) => *labels[place].get_or_insert_with(|| checks[place].assemble(assembler)),
    }
}
