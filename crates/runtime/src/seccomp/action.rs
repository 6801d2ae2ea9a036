//! What a filter can answer.

use barque_sys::seccomp as sys;

use crate::{Error, Result};

/// A filter's return value: an action in the upper half, its data in the lower.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Action(pub(super) u32);

const KILL_PROCESS: u32 = 0x8000_0000;
const KILL_THREAD: u32 = 0x0000_0000;
const TRAP: u32 = 0x0003_0000;
const ERRNO: u32 = 0x0005_0000;
const NOTIFY: u32 = 0x7fc0_0000;
const TRACE: u32 = 0x7ff0_0000;
const LOG: u32 = 0x7ffc_0000;
const ALLOW: u32 = 0x7fff_0000;

/// The names of the actions in a profile.
const NAMES: &[(&str, u32)] = &[
    ("SCMP_ACT_ALLOW", ALLOW),
    ("SCMP_ACT_ERRNO", ERRNO),
    ("SCMP_ACT_KILL", KILL_THREAD),
    ("SCMP_ACT_KILL_PROCESS", KILL_PROCESS),
    ("SCMP_ACT_KILL_THREAD", KILL_THREAD),
    ("SCMP_ACT_LOG", LOG),
    ("SCMP_ACT_NOTIFY", NOTIFY),
    ("SCMP_ACT_TRACE", TRACE),
    ("SCMP_ACT_TRAP", TRAP),
];

/// The largest errno the kernel returns; it clamps larger ones.
const MAX_ERRNO: u32 = 4095;

const EPERM: u32 = 1;
const ENOSYS: u32 = 38;

impl Action {
    /// The answer to a call that is newer than the profile.
    pub(super) const ENOSYS: Self = Self(ERRNO | ENOSYS);
    /// The answer to a call of an architecture that the profile does not name.
    pub(super) const KILL_THREAD: Self = Self(KILL_THREAD);

    /// The action a profile names, with its errno. The error says what is wrong with which of the two.
    pub(super) fn parse(name: &str, errno: Option<u32>) -> std::result::Result<Self, ActionError> {
        let Some((_, action)) = NAMES.iter().find(|(known, _)| *known == name) else {
            return Err(ActionError::Unknown(name.to_owned()));
        };
        let most = match *action {
            ERRNO => MAX_ERRNO,
            // The tracer gets it as 16 bits of data.
            TRACE => 0xffff,
            _ => match errno {
                Some(_) => return Err(ActionError::TakesNoErrno(name.to_owned())),
                None => return Ok(Self(*action)),
            },
        };
        match errno.unwrap_or(EPERM) {
            errno if errno > most => Err(ActionError::ErrnoTooLarge(errno, most)),
            errno => Ok(Self(action | errno)),
        }
    }

    pub(super) fn is_notify(self) -> bool {
        self.kind() == NOTIFY
    }

    /// Whether calls that the profile's author did not know are best answered like all others: those that
    /// pass, and those a tracer decides.
    pub(super) fn lets_unknown_pass(self) -> bool {
        matches!(self.kind(), ALLOW | LOG | TRACE)
    }

    /// Whether the kernel would choose this answer over another one of a second filter.
    pub(super) fn is_stricter_than(self, other: Self) -> bool {
        let rank = |action: Self| action.kind().cast_signed();
        rank(self) < rank(other)
    }

    fn kind(self) -> u32 {
        self.0 & 0xffff_0000
    }
}

/// What is wrong with an action of a profile.
pub(super) enum ActionError {
    Unknown(String),
    TakesNoErrno(String),
    ErrnoTooLarge(u32, u32),
}

impl ActionError {
    /// The error, with the profile's field of the action and that of the errno.
    pub(super) fn at(self, action: &str, errno: &str) -> Error {
        match self {
            Self::Unknown(name) => Error::invalid(format!("{action}: unknown action {name:?}"))
                .hint(format!("use one of {}", known_actions().collect::<Vec<_>>().join(", "))),
            Self::TakesNoErrno(name) => Error::invalid(format!("{errno}: {name} returns no errno"))
                .hint("leave it out, or use SCMP_ACT_ERRNO or SCMP_ACT_TRACE"),
            Self::ErrnoTooLarge(value, most) => {
                Error::invalid(format!("{errno}: {value} is larger than {most}"))
                    .hint("give an error number of errno(3)")
            }
        }
    }
}

/// The names of all actions, sorted.
pub fn known_actions() -> impl Iterator<Item = &'static str> {
    NAMES.iter().map(|(name, _)| *name)
}

/// The flags of a profile. `TSYNC` is taken and does nothing: the process that loads the filter has one thread.
const FLAGS: &[(&str, sys::Flags)] = &[
    ("SECCOMP_FILTER_FLAG_LOG", sys::Flags::LOG),
    ("SECCOMP_FILTER_FLAG_SPEC_ALLOW", sys::Flags::SPEC_ALLOW),
    ("SECCOMP_FILTER_FLAG_TSYNC", sys::Flags::empty()),
    ("SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", sys::Flags::WAIT_KILLABLE_RECV),
];

/// The names of all flags, sorted.
pub fn known_flags() -> impl Iterator<Item = &'static str> {
    FLAGS.iter().map(|(name, _)| *name)
}

/// The names of the flags that this kernel takes, sorted.
pub fn supported_flags() -> impl Iterator<Item = &'static str> {
    let available = sys::available_flags();
    FLAGS.iter().filter(move |(_, flag)| available.contains(*flag)).map(|(name, _)| *name)
}

/// The flags of a profile; without the field (as opposed to an empty one), `SPEC_ALLOW`, as runc has it.
pub(super) fn parse_flags<S: AsRef<str>>(flags: Option<&[S]>) -> Result<sys::Flags> {
    let Some(flags) = flags else { return Ok(sys::Flags::SPEC_ALLOW) };
    let mut all = sys::Flags::empty();
    for (place, flag) in flags.iter().enumerate() {
        let name = flag.as_ref();
        let Some((_, flag)) = FLAGS.iter().find(|(known, _)| *known == name) else {
            return Err(Error::invalid(format!("linux.seccomp.flags[{place}]: unknown flag {name:?}"))
                .hint(format!("use one of {}", known_flags().collect::<Vec<_>>().join(", "))));
        };
        all |= *flag;
    }
    Ok(all)
}
