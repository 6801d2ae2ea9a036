//! `--ulimit`.

use barque_runtime::spec::Rlimit;

use super::{Caller, Host};
use crate::flags::Parsed;
use crate::{Error, Result};

/// Number of `CAP_SYS_RESOURCE`.
const SYS_RESOURCE: u32 = 24;

/// Docker's names and the kernel's.
const NAMES: [(&str, &str); 16] = [
    ("as", "RLIMIT_AS"),
    ("core", "RLIMIT_CORE"),
    ("cpu", "RLIMIT_CPU"),
    ("data", "RLIMIT_DATA"),
    ("fsize", "RLIMIT_FSIZE"),
    ("locks", "RLIMIT_LOCKS"),
    ("memlock", "RLIMIT_MEMLOCK"),
    ("msgqueue", "RLIMIT_MSGQUEUE"),
    ("nice", "RLIMIT_NICE"),
    ("nofile", "RLIMIT_NOFILE"),
    ("nproc", "RLIMIT_NPROC"),
    ("rss", "RLIMIT_RSS"),
    ("rtprio", "RLIMIT_RTPRIO"),
    ("rttime", "RLIMIT_RTTIME"),
    ("sigpending", "RLIMIT_SIGPENDING"),
    ("stack", "RLIMIT_STACK"),
];

/// The process's limits; never more than the caller may give, with a warning when that is less than was asked.
pub(super) fn rlimits(
    flags: &Parsed,
    caller: &Caller,
    host: &dyn Host,
    warnings: &mut Vec<String>,
) -> Result<Vec<Rlimit<'static>>> {
    let may_raise = caller.privileged && caller.bounding & (1 << SYS_RESOURCE) != 0;
    let mut list: Vec<Rlimit<'static>> = Vec::new();
    for text in flags.all("ulimit") {
        let mut limit = parse(text).map_err(|why| flags.invalid("ulimit", text, why))?;
        let ceiling = if may_raise { None } else { host.rlimit(&limit.kind).map(|(_, hard)| hard) };
        if let Some(ceiling) = ceiling.filter(|ceiling| limit.hard > *ceiling) {
            warnings.push(format!(
                "--ulimit {text}: lowered to {ceiling}, the caller's own hard limit (no CAP_SYS_RESOURCE to raise it)"
            ));
            limit.hard = ceiling;
            limit.soft = limit.soft.min(ceiling);
        }
        list.retain(|old| old.kind != limit.kind);
        list.push(limit);
    }
    Ok(list)
}

/// `NAME=SOFT[:HARD]`; −1 means unlimited.
fn parse(text: &str) -> Result<Rlimit<'static>> {
    let invalid = || Error::invalid(format!("invalid ulimit argument: {text}"));
    let (name, values) = text.split_once('=').ok_or_else(invalid)?;
    let kind = NAMES
        .iter()
        .find(|(short, long)| *short == name || *long == name)
        .map(|(_, long)| *long)
        .ok_or_else(|| Error::invalid(format!("invalid ulimit type: {name}")))?;
    let (soft, hard) = values.split_once(':').unwrap_or((values, values));
    let number = |text: &str| match text {
        "-1" | "unlimited" => Ok(u64::MAX),
        _ => text.parse().map_err(|_| invalid()),
    };
    let (soft, hard) = (number(soft)?, number(hard)?);
    if soft > hard {
        return Err(Error::invalid(format!(
            "ulimit soft limit must be less than or equal to hard limit: {} > {}",
            shown(soft),
            shown(hard)
        )));
    }
    Ok(Rlimit { kind: kind.into(), soft, hard })
}

fn shown(limit: u64) -> String {
    if limit == u64::MAX { "-1".to_owned() } else { limit.to_string() }
}
