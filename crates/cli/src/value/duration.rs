//! Durations: `90`, `-1.5`, `1h30m`, `2d`.

use super::scaled;

/// A signed distance in time; the nanoseconds are added to the seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offset {
    /// Whole seconds, rounded towards the past.
    pub secs: i64,
    /// 0 to 999999999.
    pub nanosecs: u32,
}

/// Nanoseconds of the units.
const UNITS: [(&str, u128); 7] = [
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];

/// Seconds (`86400`, `-0.5`), or numbers with the units d, h, m, s, ms, us, ns (`1h30m`, `-2d`).
pub fn duration(text: &str) -> Result<Offset, String> {
    let invalid = || format!("invalid duration: '{text}': give seconds (90, -0.5) or units (1h30m, 2d)");
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let mut total: u128 = 0;
    while {
        let split = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(split);
        let end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let unit = if unit.is_empty() && rest.len() == split && total == 0 { "s" } else { unit };
        let (_, nanos) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(invalid)?;
        let billionths = scaled(number, 9).map_err(|_| invalid())?;
        let part = billionths.checked_mul(*nanos).ok_or_else(invalid)? / 1_000_000_000;
        total = total.checked_add(part).ok_or_else(invalid)?;
        rest = after;
        !rest.is_empty()
    } {}
    let total = i128::try_from(total).map_err(|_| invalid())?;
    let total = if negative { -total } else { total };
    let secs = i64::try_from(total.div_euclid(1_000_000_000)).map_err(|_| invalid())?;
    let nanosecs = u32::try_from(total.rem_euclid(1_000_000_000)).map_err(|_| invalid())?;
    Ok(Offset { secs, nanosecs })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_seconds_and_units() {
        for (text, secs, nanosecs) in [
            ("0", 0, 0),
            ("86400", 86400, 0),
            ("1.5", 1, 500_000_000),
            ("-1.5", -2, 500_000_000),
            ("+3", 3, 0),
            ("1h30m", 5400, 0),
            ("-2d", -172_800, 0),
            ("250ms", 0, 250_000_000),
            ("1m0.5s", 60, 500_000_000),
        ] {
            assert_eq!(duration(text), Ok(Offset { secs, nanosecs }), "{text}");
        }
        for text in ["", "-", "x", "1x", "h", "1h30", "1..5", "99999999999999999999d"] {
            assert!(duration(text).is_err(), "{text:?}");
        }
    }
}
