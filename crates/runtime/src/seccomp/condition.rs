//! Conditions on arguments.

use crate::spec;
use crate::{Error, Result};

/// How an argument is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    /// Equal in the bits of this mask.
    MaskedEqual(u64),
}

/// A condition on one argument: unsigned, 64 bits wide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Condition {
    pub(super) index: u8,
    pub(super) operator: Operator,
    pub(super) value: u64,
}

/// The names of the operators, sorted.
const OPERATORS: &[(&str, Operator)] = &[
    ("SCMP_CMP_EQ", Operator::Equal),
    ("SCMP_CMP_GE", Operator::GreaterOrEqual),
    ("SCMP_CMP_GT", Operator::Greater),
    ("SCMP_CMP_LE", Operator::LessOrEqual),
    ("SCMP_CMP_LT", Operator::Less),
    ("SCMP_CMP_MASKED_EQ", Operator::MaskedEqual(0)),
    ("SCMP_CMP_NE", Operator::NotEqual),
];

/// A system call has at most six arguments.
const ARGUMENTS: u8 = 6;

/// The names of all operators, sorted.
pub fn known_operators() -> impl Iterator<Item = &'static str> {
    OPERATORS.iter().map(|(name, _)| *name)
}

impl Condition {
    /// The condition of a profile; `field` is where it stands there.
    pub(super) fn parse(rule: &spec::ArgumentRule<'_>, field: impl Fn() -> String) -> Result<Self> {
        let Some((_, operator)) = OPERATORS.iter().find(|(known, _)| rule.op == *known) else {
            let names: Vec<_> = known_operators().collect();
            return Err(Error::invalid(format!("{}.op: unknown operator {:?}", field(), rule.op))
                .hint(format!("use one of {}", names.join(", "))));
        };
        let index = u8::try_from(rule.index).ok().filter(|index| *index < ARGUMENTS).ok_or_else(|| {
            Error::invalid(format!("{}.index: there is no argument {}", field(), rule.index))
                .hint("a system call has arguments 0 to 5")
        })?;
        Ok(match operator {
            Operator::MaskedEqual(_) => {
                Self { index, operator: Operator::MaskedEqual(rule.value), value: rule.value_two }
            }
            operator => Self { index, operator: *operator, value: rule.value },
        })
    }

    /// The condition on the lower half alone, for ABIs whose arguments have no upper one.
    pub(super) fn lower(self) -> Self {
        let low = u64::from(u32::MAX);
        let operator = match self.operator {
            Operator::MaskedEqual(mask) => Operator::MaskedEqual(mask & low),
            operator => operator,
        };
        Self { operator, value: self.value & low, ..self }
    }
}
