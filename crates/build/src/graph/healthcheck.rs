//! HEALTHCHECK: durations as Go writes them.

use barque_image::spec::Healthcheck;

use super::describe::json;
use crate::dockerfile::{self, Command};
use crate::{Error, Result};

/// What an image says of its health, and the line of the history.
pub(super) fn read(
    check: Option<&dockerfile::Healthcheck>,
    shell: &[String],
) -> Result<(Healthcheck, String)> {
    let Some(check) = check else {
        let none = Healthcheck { test: vec!["NONE".to_owned()], ..Healthcheck::default() };
        return Ok((none, "HEALTHCHECK NONE".to_owned()));
    };
    let test: Vec<String> = match &check.command {
        Command::Exec(words) => ["CMD".to_owned()].into_iter().chain(words.iter().cloned()).collect(),
        // The shell that a container's daemon uses is its own; another one is said.
        Command::Shell(text) if *shell == super::describe::SHELL => {
            vec!["CMD-SHELL".to_owned(), text.clone()]
        }
        Command::Shell(text) => {
            let words = shell.iter().cloned().chain([text.clone()]);
            ["CMD".to_owned()].into_iter().chain(words).collect()
        }
    };
    let line = format!("HEALTHCHECK {}", json(&test));
    let mut read = Healthcheck { test, ..Healthcheck::default() };
    for flag in &check.flags {
        let text = flag.value.as_deref().unwrap_or_default();
        let wrong = |why: &str| Error::invalid(format!("invalid value {text:?} for --{}: {why}", flag.name));
        if flag.name == "retries" {
            let retries: i64 = text.parse().map_err(|_| wrong("it must be a number"))?;
            if retries < 0 {
                return Err(wrong("it cannot be negative"));
            }
            read.retries = Some(retries).filter(|retries| *retries > 0);
            continue;
        }
        let time = duration(text).ok_or_else(|| wrong("write a duration: 30s, 1m30s, 500ms"))?;
        if time != 0 && time < MILLISECOND {
            return Err(wrong("it must be at least 1ms"));
        }
        let time = Some(time).filter(|time| *time > 0);
        match flag.name.as_str() {
            "interval" => read.interval = time,
            "timeout" => read.timeout = time,
            "start-period" => read.start_period = time,
            _ => read.start_interval = time,
        }
    }
    Ok((read, line))
}

const MILLISECOND: i64 = 1_000_000;

/// `1h2m3.5s` in nanoseconds.
fn duration(text: &str) -> Option<i64> {
    const UNITS: [(&str, f64); 7] =
        [("ns", 1.0), ("us", 1e3), ("µs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 6e10), ("h", 3.6e12)];
    if text == "0" {
        return Some(0);
    }
    let mut rest = text;
    let mut total = 0.0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(end);
        let unit_end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_end);
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit)?;
        total += number.parse::<f64>().ok()? * factor;
        rest = after;
    }
    let whole = total.round();
    #[expect(clippy::cast_possible_truncation, reason = "whole, and in the range just looked at")]
    let nanoseconds = (!text.is_empty() && whole < 9e18).then_some(whole as i64);
    nanoseconds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, expected) in [
            ("0", Some(0)),
            ("30s", Some(30_000_000_000)),
            ("1m30s", Some(90_000_000_000)),
            ("1.5ms", Some(1_500_000)),
            ("1h", Some(3_600_000_000_000)),
            ("", None),
            ("30", None),
            ("x", None),
            ("-1s", None),
            ("1y", None),
        ] {
            assert_eq!(duration(text), expected, "{text}");
        }
    }
}
