//! Conditional rules of one system call as code.

use super::action::Action;
use super::arch::Width;
use super::assembler::{Assembler, Label, Test};
use super::condition::{Condition, Operator};
use super::intervals;

/// Conditions that must all hold, and the answer then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Alternative {
    pub(super) conditions: Vec<Condition>,
    pub(super) action: Action,
}

/// The conditional rules of a call: the first that holds answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Check {
    pub(super) width: Width,
    pub(super) alternatives: Vec<Alternative>,
    pub(super) otherwise: Action,
}

/// Offset of the arguments in `struct seccomp_data`.
const ARGUMENTS: u32 = 16;

impl Check {
    /// The code, at the front of the program.
    pub(super) fn assemble(&self, assembler: &mut Assembler) -> Label {
        if let Some(intervals) = intervals::of(self) {
            return intervals.assemble(assembler);
        }
        let mut otherwise = assembler.ret(self.otherwise.0);
        for alternative in self.alternatives.iter().rev() {
            let mut then = assembler.ret(alternative.action.0);
            for condition in alternative.conditions.iter().rev() {
                then = self.condition(assembler, *condition, then, otherwise);
            }
            otherwise = then;
        }
        otherwise
    }

    fn condition(
        &self,
        assembler: &mut Assembler,
        condition: Condition,
        then: Label,
        otherwise: Label,
    ) -> Label {
        match condition.operator {
            Operator::Equal => self.masked(assembler, condition, u64::MAX, then, otherwise),
            Operator::NotEqual => self.masked(assembler, condition, u64::MAX, otherwise, then),
            Operator::MaskedEqual(mask) => self.masked(assembler, condition, mask, then, otherwise),
            Operator::Greater => self.greater(assembler, condition, Test::Greater, then, otherwise),
            Operator::LessOrEqual => self.greater(assembler, condition, Test::Greater, otherwise, then),
            Operator::GreaterOrEqual => {
                self.greater(assembler, condition, Test::GreaterOrEqual, then, otherwise)
            }
            Operator::Less => self.greater(assembler, condition, Test::GreaterOrEqual, otherwise, then),
        }
    }

    /// `(argument & mask) == value`, half by half.
    fn masked(
        &self,
        assembler: &mut Assembler,
        condition: Condition,
        mask: u64,
        then: Label,
        otherwise: Label,
    ) -> Label {
        let mut then = then;
        for half in self.halves() {
            let (mask, value) = (half.of(mask), half.of(condition.value));
            if value & !mask != 0 {
                return otherwise;
            }
            if mask == 0 {
                continue;
            }
            assembler.jump(Test::Equal, value, then, otherwise);
            if mask != u32::MAX {
                assembler.and(mask);
            }
            then = assembler.load(half.offset(condition.index));
        }
        then
    }

    /// `argument > value`, or `>=` with that as the test of the lower half.
    fn greater(
        &self,
        assembler: &mut Assembler,
        condition: Condition,
        lower: Test,
        then: Label,
        otherwise: Label,
    ) -> Label {
        assembler.jump(lower, Half::Lower.of(condition.value), then, otherwise);
        let low = assembler.load(Half::Lower.offset(condition.index));
        if self.width == Width::Bits32 {
            return low;
        }
        let high = Half::Upper.of(condition.value);
        let equal = assembler.jump(Test::Equal, high, low, otherwise);
        assembler.jump(Test::Greater, high, then, equal);
        assembler.load(Half::Upper.offset(condition.index))
    }

    /// The halves of an argument that count here, the last one to look at first.
    fn halves(&self) -> &'static [Half] {
        match self.width {
            Width::Bits32 => &[Half::Lower],
            Width::Bits64 => &[Half::Lower, Half::Upper],
        }
    }
}

/// Filters read 32 bits at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Half {
    Lower,
    Upper,
}

impl Half {
    /// This half of a value.
    #[expect(clippy::cast_possible_truncation, reason = "the half that is wanted")]
    pub(super) fn of(self, value: u64) -> u32 {
        match self {
            Self::Lower => value as u32,
            Self::Upper => (value >> 32) as u32,
        }
    }

    /// Where it is in `struct seccomp_data`, whose arguments have the machine's byte order.
    pub(super) fn offset(self, argument: u8) -> u32 {
        let second = (self == Self::Upper) == cfg!(target_endian = "little");
        ARGUMENTS + 8 * u32::from(argument) + if second { 4 } else { 0 }
    }
}
