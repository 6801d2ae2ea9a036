//! Names of signals.

/// Names in the order of their numbers, from 1 (`signal(7)`; the numbers of x86, arm and riscv).
const NAMES: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE",
    "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ",
    "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
];
/// Other names of the same signals.
const ALIASES: [(&str, i32); 4] = [("IOT", 6), ("CLD", 17), ("POLL", 29), ("UNUSED", 31)];
/// First and last real-time signal, as glibc counts them.
const RTMIN: i32 = 34;
const RTMAX: i32 = 64;

/// The number of a signal given as `9`, `KILL`, `SIGKILL`, `kill`, `RTMIN+3` or `RTMAX-1`.
pub fn signal_number(text: &str) -> Option<i32> {
    if let Ok(number) = text.parse::<i32>() {
        return (1..=RTMAX).contains(&number).then_some(number);
    }
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    if let Some(index) = NAMES.iter().position(|known| *known == name) {
        return i32::try_from(index + 1).ok();
    }
    if let Some((_, number)) = ALIASES.iter().find(|(known, _)| *known == name) {
        return Some(*number);
    }
    let number = match (name.strip_prefix("RTMIN"), name.strip_prefix("RTMAX")) {
        (Some(""), _) => RTMIN,
        (_, Some("")) => RTMAX,
        (Some(plus), _) => RTMIN + plus.strip_prefix('+')?.parse::<i32>().ok()?,
        (_, Some(minus)) => RTMAX - minus.strip_prefix('-')?.parse::<i32>().ok()?,
        _ => return None,
    };
    (RTMIN..=RTMAX).contains(&number).then_some(number)
}

/// The name of a signal, with `SIG` before.
pub fn signal_name(number: i32) -> Option<String> {
    if (RTMIN..=RTMAX).contains(&number) {
        return Some(format!("SIGRTMIN+{}", number - RTMIN));
    }
    let index = usize::try_from(number).ok()?.checked_sub(1)?;
    NAMES.get(index).map(|name| format!("SIG{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_every_spelling() {
        for (text, number) in [
            ("9", Some(9)),
            ("KILL", Some(9)),
            ("SIGKILL", Some(9)),
            ("sigterm", Some(15)),
            ("SYS", Some(31)),
            ("IOT", Some(6)),
            ("RTMIN", Some(34)),
            ("SIGRTMIN+3", Some(37)),
            ("RTMAX-1", Some(63)),
            ("RTMAX", Some(64)),
            ("RTMIN+31", None),
            ("0", None),
            ("65", None),
            ("SIG", None),
            ("", None),
            ("NOPE", None),
        ] {
            assert_eq!(signal_number(text), number, "{text:?}");
        }
        assert_eq!(signal_name(15).as_deref(), Some("SIGTERM"));
        assert_eq!(signal_name(34).as_deref(), Some("SIGRTMIN+0"));
        assert_eq!(signal_name(0), None);
    }
}
