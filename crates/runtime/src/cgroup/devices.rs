//! Device access: the rules, and how v1 and v2 are told.

use std::fmt::{self, Display, Write as _};

use serde::{Serialize, Serializer};

use crate::spec::DeviceRule;
use crate::{Error, Result};

/// One device access rule. Of the rules that match an access, the last one counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// Grants or denies.
    pub allow: bool,
    /// Character, block, or both.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// `None` is any.
    pub major: Option<u32>,
    /// `None` is any.
    pub minor: Option<u32>,
    /// Reading, writing, making.
    pub access: Access,
}

/// Which kind of device a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Both.
    Any,
    /// Character devices.
    Char,
    /// Block devices.
    Block,
}

/// A set of read, write and mknod, with the bits of the kernel's `BPF_DEVCG_ACC_*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access(pub(super) u8);

impl Access {
    pub(super) const MKNOD: Self = Self(1);
    pub(super) const ALL: Self = Self(7);
    const LETTERS: [(char, u8); 3] = [('r', 2), ('w', 4), ('m', 1)];

    /// Letters of `rwm`. An `a`, which the specification does not know, means all: runc takes it, and files with it exist.
    fn parse(text: &str) -> Option<Self> {
        if text.contains('a') && text.chars().all(|letter| "arwm".contains(letter)) {
            return Some(Self::ALL);
        }
        let bit = |letter| Self::LETTERS.iter().find(|(known, _)| *known == letter).map(|(_, bit)| *bit);
        let bits = text.chars().try_fold(0, |bits, letter| Some(bits | bit(letter)?))?;
        (bits != 0).then_some(Self(bits))
    }

    fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Self::LETTERS
            .iter()
            .filter(|(_, bit)| self.0 & bit != 0)
            .try_for_each(|(letter, _)| f.write_char(*letter))
    }
}

impl Serialize for Access {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Allowed in every container, whatever its own rules say, as every runtime does: making any node (it gives no
/// access), null, zero, full, random, urandom, tty, console, ptmx, and the pseudo-terminals.
const DEFAULTS: [Rule; 11] = [
    Rule { allow: true, kind: Kind::Char, major: None, minor: None, access: Access::MKNOD },
    Rule { allow: true, kind: Kind::Block, major: None, minor: None, access: Access::MKNOD },
    character(1, Some(3)),
    character(1, Some(5)),
    character(1, Some(7)),
    character(1, Some(8)),
    character(1, Some(9)),
    character(5, Some(0)),
    character(5, Some(1)),
    character(5, Some(2)),
    character(136, None),
];

const fn character(major: u32, minor: Option<u32>) -> Rule {
    Rule { allow: true, kind: Kind::Char, major: Some(major), minor, access: Access::ALL }
}

impl Rule {
    pub(super) const fn everything(allow: bool) -> Self {
        Self { allow, kind: Kind::Any, major: None, minor: None, access: Access::ALL }
    }

    fn is_everything(&self) -> bool {
        *self == Self::everything(self.allow)
    }

    fn from_spec(rule: &DeviceRule<'_>, index: usize) -> Result<Self> {
        let field = |name: &str| format!("linux.resources.devices[{index}].{name}");
        let kind = match rule.kind.as_deref() {
            None | Some("" | "a") => Kind::Any,
            Some("c" | "u") => Kind::Char,
            Some("b") => Kind::Block,
            Some(other) => {
                return Err(Error::invalid(format!("{} is {other:?}", field("type")))
                    .hint("use \"a\", \"b\" or \"c\""));
            }
        };
        let number = |name: &str, value: Option<i64>| match value {
            None | Some(-1) => Ok(None),
            // The BPF comparison takes a signed operand; Linux majors have 12 bits, minors 20.
            Some(number) => {
                i32::try_from(number).ok().and_then(|number| u32::try_from(number).ok()).map(Some).ok_or_else(
                    || {
                        Error::invalid(format!("{} is {number}", field(name)))
                            .hint("use -1 for any, or a device number")
                    },
                )
            }
        };
        let access = match rule.access.as_deref() {
            None => Access::ALL,
            Some(text) => Access::parse(text).ok_or_else(|| {
                Error::invalid(format!("{} is {text:?}", field("access"))).hint("use letters of \"rwm\"")
            })?,
        };
        let (major, minor) = (number("major", rule.major)?, number("minor", rule.minor)?);
        Ok(Self { allow: rule.allow, kind, major, minor, access })
    }

    /// Whether some device and access fall under both.
    fn overlaps(&self, other: &Self) -> bool {
        let kinds = self.kind == Kind::Any || other.kind == Kind::Any || self.kind == other.kind;
        let numbers = |a: Option<u32>, b: Option<u32>| a.is_none() || b.is_none() || a == b;
        kinds
            && numbers(self.major, other.major)
            && numbers(self.minor, other.minor)
            && self.access.0 & other.access.0 != 0
    }

    /// Whether every device of the other is one of this one's.
    fn covers(&self, other: &Self) -> bool {
        let numbers = |a: Option<u32>, b: Option<u32>| a.is_none() || a == b;
        (self.kind == Kind::Any || self.kind == other.kind)
            && numbers(self.major, other.major)
            && numbers(self.minor, other.minor)
    }
}

/// What the container may use: nothing, then its own rules in order, then the devices every container has.
pub(super) fn policy(rules: &[DeviceRule<'_>]) -> Result<Vec<Rule>> {
    let mut policy = vec![Rule::everything(false)];
    for (index, rule) in rules.iter().enumerate() {
        policy.push(Rule::from_spec(rule, index)?);
    }
    let base = policy.iter().rposition(Rule::is_everything).unwrap_or(0);
    policy.drain(..base);
    if policy != [Rule::everything(true)] {
        policy.extend(DEFAULTS);
    }
    Ok(policy)
}

/// The same policy as v1 can keep it: one rule for everything, then only exceptions from it.
///
/// The kernel's v1 list takes back an exception only when it is named exactly, and silently ignores a rule that
/// would cut a hole into a wider exception. What can be computed is; a hole is refused rather than left open.
pub(super) fn for_v1(policy: &[Rule]) -> Result<Vec<Rule>> {
    let Some((base, rest)) = policy.split_first() else { return Ok(Vec::new()) };
    let mut exceptions: Vec<Rule> = Vec::new();
    for rule in rest {
        if rule.allow != base.allow {
            exceptions.push(*rule);
            continue;
        }
        for exception in exceptions.iter_mut().filter(|exception| rule.overlaps(exception)) {
            if !rule.covers(exception) {
                return Err(Error::unsupported(format!(
                    "linux.resources.devices: cgroup v1 cannot keep \"{rule}\" inside the wider \"{exception}\""
                ))
                .hint("name the single devices instead of the wider rule, or use cgroup v2"));
            }
            exception.access = exception.access.without(rule.access);
        }
        exceptions.retain(|exception| !exception.access.is_empty());
    }
    Ok(std::iter::once(*base).chain(exceptions).collect())
}

impl Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = if self.allow { "allow" } else { "deny" };
        self.lines().enumerate().try_for_each(|(index, line)| {
            if index > 0 { write!(f, ", {line}") } else { write!(f, "{verb} {line}") }
        })
    }
}

impl Rule {
    /// As v1's files take it. `a` there is everything, so a narrower rule for both kinds becomes two lines.
    fn lines(self) -> impl Iterator<Item = String> {
        let number = |number: Option<u32>| number.map_or_else(|| "*".to_owned(), |number| number.to_string());
        let (all, kinds): (bool, &'static [char]) = match self.kind {
            Kind::Any if self.is_everything() => (true, &['a']),
            Kind::Any => (false, &['c', 'b']),
            Kind::Char => (false, &['c']),
            Kind::Block => (false, &['b']),
        };
        kinds.iter().map(move |kind| match all {
            true => kind.to_string(),
            false => format!("{kind} {}:{} {}", number(self.major), number(self.minor), self.access),
        })
    }
}

/// The lines to write on v1, each with the name of its file.
pub(super) fn v1_lines(rules: &[Rule]) -> impl Iterator<Item = (&'static str, String)> {
    rules.iter().flat_map(|rule| {
        let file = if rule.allow { "devices.allow" } else { "devices.deny" };
        rule.lines().map(move |line| (file, line))
    })
}

#[cfg(test)]
#[path = "devices_tests.rs"]
pub(super) mod tests;
