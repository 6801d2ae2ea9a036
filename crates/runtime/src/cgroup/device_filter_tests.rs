//! The compiler against a machine that runs its instructions, and against the rules read word by word.

use proptest::prelude::*;

use super::*;
use crate::cgroup::devices::{policy, tests::rule};

const CHAR: u32 = 2;
const BLOCK: u32 = 1;

/// Runs a program as the kernel would, and fails on what its verifier refuses.
fn run(program: &[Insn], kind: u32, access: u32, major: u32, minor: u32) -> bool {
    let context = [access << 16 | kind, major, minor];
    let mut registers: [Option<u64>; 11] = [None; 11];
    let mut at = 0;
    loop {
        let insn = program.get(at).expect("a jump leaves the program");
        at += 1;
        let (to, from) = (usize::from(insn.registers & 15), usize::from(insn.registers >> 4));
        let value = i64::from(insn.immediate).cast_unsigned();
        let known = |register: Option<u64>| register.expect("an unset register is read");
        match insn.code {
            LOAD_WORD => registers[to] = Some(context[usize::try_from(insn.offset).unwrap() / 4].into()),
            MOVE_VALUE => registers[to] = Some(value),
            MOVE_REGISTER => registers[to] = Some(known(registers[from])),
            AND_VALUE => registers[to] = Some(known(registers[to]) & value),
            SHIFT_RIGHT => registers[to] = Some(known(registers[to]) >> value),
            JUMP_EQUAL if known(registers[to]) == value => at += usize::try_from(insn.offset).unwrap(),
            JUMP_NOT_EQUAL if known(registers[to]) != value => at += usize::try_from(insn.offset).unwrap(),
            JUMP_EQUAL | JUMP_NOT_EQUAL => {}
            EXIT => return known(registers[0]) == 1,
            code => panic!("unknown instruction {code:#x}"),
        }
    }
}

/// Each access on its own: the last rule that matches it decides.
fn read_word_by_word(rules: &[Rule], kind: u32, access: u32, major: u32, minor: u32) -> bool {
    [1, 2, 4].into_iter().filter(|bit| access & bit != 0).all(|bit| {
        let matches = |rule: &&Rule| {
            (rule.kind == Kind::Any || (rule.kind == Kind::Char) == (kind == CHAR))
                && rule.major.is_none_or(|number| number == major)
                && rule.minor.is_none_or(|number| number == minor)
                && u32::from(rule.access.0) & bit != 0
        };
        rules.iter().rev().find(matches).is_some_and(|rule| rule.allow)
    })
}

#[test]
fn what_a_container_may_open() {
    let rules = ["deny a", "allow c 10:229 rwm", "allow b 8:* r", "deny b 8:1 r", "allow c 1:11 w"];
    let rules: Vec<_> = rules.iter().map(|text| rule(text)).collect();
    let program = compile(&policy(&rules).unwrap());
    for (kind, access, major, minor, allowed) in [
        (CHAR, 2, 1, 3, true),     // /dev/null
        (CHAR, 6, 136, 7, true),   // a pseudo-terminal
        (CHAR, 6, 10, 229, true),  // /dev/fuse
        (CHAR, 2, 10, 228, false), // its neighbour
        (BLOCK, 2, 8, 0, true),    // a disk, to read
        (BLOCK, 4, 8, 0, false),   // to write
        (BLOCK, 6, 8, 0, false),   // to do both
        (BLOCK, 2, 8, 1, false),   // the one that a later rule takes out
        (CHAR, 4, 1, 11, true),    // /dev/kmsg, to write
        (CHAR, 6, 1, 11, false),   // to read too
        (BLOCK, 1, 254, 0, true),  // making any node
        (BLOCK, 1 | 2, 254, 0, false),
        (BLOCK, 2, 1, 3, false), // a block device with the numbers of /dev/null
    ] {
        assert_eq!(run(&program, kind, access, major, minor), allowed, "{kind} {access} {major}:{minor}");
    }
}

#[test]
fn nothing_unreachable_is_left_for_the_verifier() {
    for allow in [true, false] {
        let program = compile(&[Rule::everything(allow)]);
        assert_eq!(program.len(), 8);
        assert_eq!(run(&program, CHAR, 7, 1, 1), allow);
    }
    assert!(!run(&compile(&[]), CHAR, 1, 1, 1), "what no rule answers is denied");
}

fn any_rule() -> impl Strategy<Value = Rule> {
    let kind = prop_oneof![Just(Kind::Any), Just(Kind::Char), Just(Kind::Block)];
    let number = || proptest::option::of(0..3_u32);
    (any::<bool>(), kind, number(), number(), 1..8_u8).prop_map(|(allow, kind, major, minor, access)| Rule {
        allow,
        kind,
        major,
        minor,
        access: Access(access),
    })
}

proptest! {
    #[test]
    fn the_program_says_what_the_rules_say(rules in proptest::collection::vec(any_rule(), 0..8)) {
        let program = compile(&rules);
        for kind in [CHAR, BLOCK] {
            for (access, major, minor) in (1..8).flat_map(|a| (0..3).flat_map(move |b| (0..3).map(move |c| (a, b, c)))) {
                prop_assert_eq!(
                    run(&program, kind, access, major, minor),
                    read_word_by_word(&rules, kind, access, major, minor),
                    "{} {} {}:{}", kind, access, major, minor
                );
            }
        }
    }
}
