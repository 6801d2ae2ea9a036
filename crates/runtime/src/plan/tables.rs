//! Names the specification uses, and the kernel's numbers for them.

use super::process::ProcessOp;
use crate::spec::{IoPriority, MemoryPolicy, Personality, Rlimit, Scheduler};
use crate::{Error, Result};

/// Resource limits, `getrlimit(2)`: name and number.
const LIMITS: [(&str, u32); 16] = [
    ("RLIMIT_CPU", 0),
    ("RLIMIT_FSIZE", 1),
    ("RLIMIT_DATA", 2),
    ("RLIMIT_STACK", 3),
    ("RLIMIT_CORE", 4),
    ("RLIMIT_RSS", 5),
    ("RLIMIT_NPROC", 6),
    ("RLIMIT_NOFILE", 7),
    ("RLIMIT_MEMLOCK", 8),
    ("RLIMIT_AS", 9),
    ("RLIMIT_LOCKS", 10),
    ("RLIMIT_SIGPENDING", 11),
    ("RLIMIT_MSGQUEUE", 12),
    ("RLIMIT_NICE", 13),
    ("RLIMIT_RTPRIO", 14),
    ("RLIMIT_RTTIME", 15),
];

const POLICIES: [(&str, u32); 7] = [
    ("SCHED_OTHER", 0),
    ("SCHED_FIFO", 1),
    ("SCHED_RR", 2),
    ("SCHED_BATCH", 3),
    ("SCHED_ISO", 4),
    ("SCHED_IDLE", 5),
    ("SCHED_DEADLINE", 6),
];

const SCHEDULER_FLAGS: [(&str, u64); 7] = [
    ("SCHED_FLAG_RESET_ON_FORK", 0x01),
    ("SCHED_FLAG_RECLAIM", 0x02),
    ("SCHED_FLAG_DL_OVERRUN", 0x04),
    ("SCHED_FLAG_KEEP_POLICY", 0x08),
    ("SCHED_FLAG_KEEP_PARAMS", 0x10),
    ("SCHED_FLAG_UTIL_CLAMP_MIN", 0x20),
    ("SCHED_FLAG_UTIL_CLAMP_MAX", 0x40),
];

const IO_CLASSES: [(&str, u8); 3] =
    [("IOPRIO_CLASS_RT", 1), ("IOPRIO_CLASS_BE", 2), ("IOPRIO_CLASS_IDLE", 3)];

/// NUMA memory policies.
pub(crate) const MEMORY_MODES: [(&str, i32); 7] = [
    ("MPOL_DEFAULT", 0),
    ("MPOL_PREFERRED", 1),
    ("MPOL_BIND", 2),
    ("MPOL_INTERLEAVE", 3),
    ("MPOL_LOCAL", 4),
    ("MPOL_PREFERRED_MANY", 5),
    ("MPOL_WEIGHTED_INTERLEAVE", 6),
];

/// Flags of NUMA memory policies.
pub(crate) const MEMORY_FLAGS: [(&str, i32); 3] = [
    ("MPOL_F_STATIC_NODES", 1 << 15),
    ("MPOL_F_RELATIVE_NODES", 1 << 14),
    ("MPOL_F_NUMA_BALANCING", 1 << 13),
];

/// Execution domains of the specification.
const PERSONALITIES: [(&str, u32); 2] = [("LINUX", 0x0000), ("LINUX32", 0x0008)];

/// Signals by name, x86-64, arm64 and riscv64 alike.
const SIGNALS: [(&str, i32); 34] = [
    ("HUP", 1),
    ("INT", 2),
    ("QUIT", 3),
    ("ILL", 4),
    ("TRAP", 5),
    ("ABRT", 6),
    ("IOT", 6),
    ("BUS", 7),
    ("FPE", 8),
    ("KILL", 9),
    ("USR1", 10),
    ("SEGV", 11),
    ("USR2", 12),
    ("PIPE", 13),
    ("ALRM", 14),
    ("TERM", 15),
    ("STKFLT", 16),
    ("CHLD", 17),
    ("CLD", 17),
    ("CONT", 18),
    ("STOP", 19),
    ("TSTP", 20),
    ("TTIN", 21),
    ("TTOU", 22),
    ("URG", 23),
    ("XCPU", 24),
    ("XFSZ", 25),
    ("VTALRM", 26),
    ("PROF", 27),
    ("WINCH", 28),
    ("IO", 29),
    ("POLL", 29),
    ("PWR", 30),
    ("SYS", 31),
];

/// The number of a signal given as a number, a name, or a name with `SIG` before it; `RTMIN+3` and `RTMAX-1` too.
pub(crate) fn signal_number(text: &str) -> Option<i32> {
    if let Ok(number) = text.parse::<i32>() {
        return (0..=64).contains(&number).then_some(number);
    }
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let real_time = |rest: &str, base: i32| match rest {
        "" => Some(base),
        _ => rest.parse::<i32>().ok().map(|offset| base + offset),
    };
    let number = if let Some(rest) = name.strip_prefix("RTMIN") {
        real_time(rest, 34)
    } else if let Some(rest) = name.strip_prefix("RTMAX") {
        real_time(rest, 64)
    } else {
        return SIGNALS.iter().find(|(known, _)| *known == name).map(|(_, number)| *number);
    };
    number.filter(|number| (34..=64).contains(number))
}

fn lookup<T: Copy>(table: &[(&str, T)], name: &str, field: &str) -> Result<T> {
    table.iter().find(|(known, _)| *known == name).map(|(_, value)| *value).ok_or_else(|| {
        let known: Vec<_> = table.iter().map(|(known, _)| *known).collect();
        Error::invalid(format!("{field}: {name:?} is not known"))
            .hint(format!("known are {}", known.join(", ")))
    })
}

pub(super) fn limit(limit: &Rlimit<'_>) -> Result<ProcessOp> {
    let resource = lookup(&LIMITS, &limit.kind, "type")?;
    if limit.soft > limit.hard {
        return Err(Error::invalid(format!(
            "soft: {} is above the hard limit {} of {}",
            limit.soft, limit.hard, &*limit.kind
        )));
    }
    Ok(ProcessOp::SetLimit {
        name: limit.kind.trim_start_matches("RLIMIT_").to_ascii_lowercase(),
        resource,
        soft: limit.soft,
        hard: limit.hard,
    })
}

pub(super) fn scheduler(scheduler: &Scheduler<'_>) -> Result<ProcessOp> {
    let policy = lookup(&POLICIES, &scheduler.policy, "policy")?;
    let mut flags = 0;
    for flag in &scheduler.flags {
        flags |= lookup(&SCHEDULER_FLAGS, flag, "flags")?;
    }
    let nice = scheduler.nice.unwrap_or(0);
    if !(-20..=19).contains(&nice) {
        return Err(Error::invalid(format!("nice: {nice} is not between -20 and 19")));
    }
    let priority = u32::try_from(scheduler.priority.unwrap_or(0))
        .map_err(|_| Error::invalid(format!("priority: {:?} is negative", scheduler.priority)))?;
    let deadline = [scheduler.runtime, scheduler.deadline, scheduler.period].map(Option::unwrap_or_default);
    Ok(ProcessOp::SetScheduler { policy, flags, nice, priority, deadline })
}

pub(super) fn io_priority(priority: &IoPriority<'_>) -> Result<ProcessOp> {
    let class = lookup(&IO_CLASSES, &priority.class, "class")?;
    let level = u8::try_from(priority.priority).ok().filter(|level| *level <= 7);
    let level = level
        .ok_or_else(|| Error::invalid(format!("priority: {} is not between 0 and 7", priority.priority)))?;
    Ok(ProcessOp::SetIoPriority { class, level })
}

pub(super) fn personality(personality: &Personality<'_>) -> Result<ProcessOp> {
    if let Some(flag) = personality.flags.first() {
        return Err(Error::invalid(format!(
            "linux.personality.flags: {flag:?} is not known, none is defined"
        )));
    }
    Ok(ProcessOp::SetPersonality {
        persona: lookup(&PERSONALITIES, &personality.domain, "linux.personality.domain")?,
    })
}

pub(super) fn memory_policy(policy: &MemoryPolicy<'_>) -> Result<ProcessOp> {
    let mut mode = lookup(&MEMORY_MODES, &policy.mode, "linux.memoryPolicy.mode")?;
    for flag in &policy.flags {
        mode |= lookup(&MEMORY_FLAGS, flag, "linux.memoryPolicy.flags")?;
    }
    let nodes = number_list(policy.nodes.as_deref().unwrap_or_default())
        .map_err(|error| error.context("linux.memoryPolicy.nodes"))?;
    Ok(ProcessOp::SetMemoryPolicy { mode, nodes })
}

/// A list of numbers as the kernel writes them: `0-3,7`.
pub(crate) fn number_list(text: &str) -> Result<Vec<usize>> {
    let mut numbers = Vec::new();
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let number = |text: &str| text.trim().parse::<usize>().ok().filter(|number| *number < 65536);
        match (number(first), number(last)) {
            (Some(first), Some(last)) if first <= last => numbers.extend(first..=last),
            _ => {
                return Err(Error::invalid(format!("{part:?} is not a range of numbers")).hint("write 0-3,7"));
            }
        }
    }
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_by_number_and_name() {
        for (text, number) in [
            ("9", Some(9)),
            ("KILL", Some(9)),
            ("SIGKILL", Some(9)),
            ("sigterm", Some(15)),
            ("SIGRTMIN+3", Some(37)),
            ("RTMAX-1", Some(63)),
            ("RTMAX+1", None),
            ("65", None),
            ("SIGFOO", None),
        ] {
            assert_eq!(signal_number(text), number, "{text}");
        }
    }

    #[test]
    fn number_lists() {
        assert_eq!(number_list("0-3,7").unwrap(), [0, 1, 2, 3, 7]);
        assert_eq!(number_list("").unwrap(), [0_usize; 0]);
        for bad in ["3-1", "a", "1-", "99999"] {
            assert!(number_list(bad).is_err(), "{bad}");
        }
    }
}
