//! A profile, read and checked.

use barque_sys::seccomp::Flags;

use super::action::{self, Action};
use super::arch::Arch;
use super::condition::Condition;
use super::tables;
use crate::spec;
use crate::{Error, Result};

/// What happens to the calls that name this rule.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) action: Action,
    /// Lists of conditions, one of which must hold; none at all for a rule without conditions.
    pub(super) conditions: Vec<Vec<Condition>>,
}

/// A call that a rule names, in the profile's order.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mention<'p> {
    pub(super) name: &'p str,
    /// Its place in the tables of numbers.
    pub(super) index: usize,
    /// Its rule; `None` where that says what holds anyway.
    pub(super) rule: Option<usize>,
}

/// A profile whose every word is understood.
#[derive(Debug)]
pub(super) struct Rules<'p> {
    pub(super) default: Action,
    /// The native one first.
    pub(super) architectures: Vec<Arch>,
    pub(super) flags: Flags,
    pub(super) listener: bool,
    pub(super) rules: Vec<Rule>,
    pub(super) mentions: Vec<Mention<'p>>,
}

impl<'p> Rules<'p> {
    /// Reads a profile for a machine of the architecture `native`.
    pub(super) fn read(profile: &'p spec::Seccomp<'_>, native: Arch) -> Result<Self> {
        let default = Action::parse(&profile.default_action, profile.default_errno_ret)
            .map_err(|error| error.at("linux.seccomp.defaultAction", "linux.seccomp.defaultErrnoRet"))?;
        if default.is_notify() {
            return Err(Error::invalid("linux.seccomp.defaultAction: SCMP_ACT_NOTIFY cannot be the default")
                .hint("the listener would have to answer for the calls that hand it over; name the calls it is for"));
        }
        let mut rules = Self {
            default,
            architectures: architectures(profile, native)?,
            flags: action::parse_flags(profile.flags.as_deref())?,
            listener: false,
            rules: Vec::with_capacity(profile.syscalls.len()),
            mentions: Vec::with_capacity(profile.syscalls.iter().map(|rule| rule.names.len()).sum()),
        };
        for (place, rule) in profile.syscalls.iter().enumerate() {
            rules.add(place, rule)?;
        }
        rules.check_listener(profile)?;
        Ok(rules)
    }

    fn add(&mut self, place: usize, rule: &'p spec::SyscallRule<'_>) -> Result<()> {
        let field = |name: &str| format!("linux.seccomp.syscalls[{place}].{name}");
        let action = Action::parse(&rule.action, rule.errno_ret)
            .map_err(|error| error.at(&field("action"), &field("errnoRet")))?;
        let mut conditions = Vec::with_capacity(rule.args.len());
        for (place, argument) in rule.args.iter().enumerate() {
            conditions.push(Condition::parse(argument, || field(&format!("args[{place}]")))?);
        }
        if rule.names.is_empty() {
            return Err(Error::invalid(format!("{}: names no system call", field("names")))
                .hint("name at least one, or leave the rule out"));
        }
        if action.is_notify() {
            self.listener = true;
            if rule.names.iter().any(|name| *name == "write") {
                return Err(Error::invalid(format!(
                    "{}: SCMP_ACT_NOTIFY cannot be used for the write syscall",
                    field("action")
                ))
                .hint("the call is needed to hand the listener over; choose another action for it"));
            }
        }
        // libseccomp refuses a rule that says what the default says, so runc and crun skip it.
        let number = (action != self.default).then_some(self.rules.len());
        for (place, name) in rule.names.iter().enumerate() {
            if name.is_empty() {
                return Err(Error::invalid(format!("{}[{place}]: an empty name", field("names"))));
            }
            if let Some(index) = tables::index(name) {
                self.mentions.push(Mention { name, index, rule: number });
            }
        }
        if number.is_some() {
            self.rules.push(Rule { action, conditions: alternatives(conditions) });
        }
        Ok(())
    }

    fn check_listener(&self, profile: &spec::Seccomp<'_>) -> Result<()> {
        if self.listener && profile.listener_path.is_none() {
            return Err(Error::invalid(
                "linux.seccomp.listenerPath: missing, but a rule says SCMP_ACT_NOTIFY",
            )
            .hint("give the path of the socket on which the agent listens"));
        }
        if !self.listener && self.flags.contains(Flags::WAIT_KILLABLE_RECV) {
            return Err(Error::invalid(
                "linux.seccomp.flags: SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, but no rule says SCMP_ACT_NOTIFY",
            )
            .hint("leave the flag out: without a listener nothing is waited for"));
        }
        Ok(())
    }
}

/// The architectures of a profile, each once.
fn architectures(profile: &spec::Seccomp<'_>, native: Arch) -> Result<Vec<Arch>> {
    let mut all = vec![native];
    for (place, name) in profile.architectures.iter().enumerate() {
        let arch = Arch::from_name(name).ok_or_else(|| {
            let known: Vec<_> = Arch::all().map(Arch::name).collect();
            Error::invalid(format!("linux.seccomp.architectures[{place}]: unknown architecture {name:?}"))
                .hint(format!("use some of {}", known.join(", ")))
        })?;
        if !all.contains(&arch) {
            all.push(arch);
        }
    }
    Ok(all)
}

/// The conditions of one rule: all must hold, unless two are on the same argument. Those runc and crun always
/// took as alternatives, because libseccomp once could do no other, and profiles rely on it.
fn alternatives(conditions: Vec<Condition>) -> Vec<Vec<Condition>> {
    let mut seen = 0_u8;
    let repeated = conditions.iter().any(|condition| {
        let bit = 1 << condition.index;
        let again = seen & bit != 0;
        seen |= bit;
        again
    });
    if conditions.is_empty() {
        Vec::new()
    } else if repeated {
        conditions.into_iter().map(|condition| vec![condition]).collect()
    } else {
        vec![conditions]
    }
}
