//! Moments, as log files hold them: RFC 3339 with nanoseconds, in universal time.

use serde::{Deserialize, Serialize};

/// Nanoseconds since 1970; until the year 2262.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

const SECOND: i64 = 1_000_000_000;
/// `2006-01-02T15:04:05.000000000Z`.
const FIXED: usize = 30;

impl Timestamp {
    /// This moment.
    pub fn now() -> Self {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
    }

    /// Of nanoseconds since 1970.
    pub const fn from_nanoseconds(nanoseconds: i64) -> Self {
        Self(nanoseconds)
    }

    /// Of seconds since 1970 and nanoseconds after them; the last moment there is when it is out of range.
    pub fn from_seconds(seconds: i64, nanoseconds: u32) -> Self {
        Self(seconds.saturating_mul(SECOND).saturating_add(i64::from(nanoseconds)))
    }

    /// Nanoseconds since 1970.
    pub const fn nanoseconds(self) -> i64 {
        self.0
    }

    /// With all nine digits, as `logs --timestamps` shows it.
    pub fn fixed(self) -> [u8; FIXED] {
        let (days, of_day) = (self.0.div_euclid(86_400 * SECOND), self.0.rem_euclid(86_400 * SECOND));
        let (year, month, day) = date(days);
        let (seconds, nanoseconds) = (of_day / SECOND, of_day % SECOND);
        let mut text = *b"0000-00-00T00:00:00.000000000Z";
        digits(&mut text[0..4], year);
        digits(&mut text[5..7], month);
        digits(&mut text[8..10], day);
        digits(&mut text[11..13], seconds / 3600);
        digits(&mut text[14..16], seconds / 60 % 60);
        digits(&mut text[17..19], seconds % 60);
        digits(&mut text[20..29], nanoseconds);
        text
    }

    /// Without zeros at the end of the fraction, as Go's `RFC3339Nano`: the text and how much of it counts.
    pub(super) fn trimmed(self) -> ([u8; FIXED], usize) {
        let mut text = self.fixed();
        let mut end = FIXED - 1;
        while text[end - 1] == b'0' && end > 20 {
            end -= 1;
        }
        if text[end - 1] == b'.' {
            end -= 1;
        }
        text[end] = b'Z';
        (text, end + 1)
    }

    /// Reads RFC 3339: any fraction, any offset.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let (head, mut rest) = text.split_at_checked(19)?;
        let punctuation = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
        if punctuation.iter().any(|(at, byte)| head[*at].to_ascii_uppercase() != *byte) {
            return None;
        }
        let days = day(number(&head[..4])?, number(&head[5..7])?, number(&head[8..10])?)?;
        let (hour, minute, second) = (number(&head[11..13])?, number(&head[14..16])?, number(&head[17..19])?);
        if hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let mut nanoseconds = 0;
        if let Some(fraction) = rest.strip_prefix(b".") {
            let end = fraction.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(fraction.len());
            let counted = &fraction[..end.min(9)];
            nanoseconds = number(counted)? * 10_i64.pow(u32::try_from(9 - counted.len()).ok()?);
            rest = &fraction[end..];
        }
        let seconds = days * 86_400 + hour * 3600 + minute * 60 + second - offset(rest)?;
        Some(Self(seconds.checked_mul(SECOND)?.checked_add(nanoseconds)?))
    }
}

impl std::fmt::Display for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(std::str::from_utf8(&self.fixed()).unwrap_or_default())
    }
}

/// Seconds east of Greenwich: `Z`, `+01:00`.
fn offset(text: &[u8]) -> Option<i64> {
    match text {
        b"Z" | b"z" => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (number(&[*h1, *h2])?, number(&[*m1, *m2])?);
            let seconds = hours * 3600 + minutes * 60;
            (hours < 24 && minutes < 60).then_some(if *sign == b'-' { -seconds } else { seconds })
        }
        _ => None,
    }
}

/// A number that is digits only.
fn number(text: &[u8]) -> Option<i64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0_i64, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0')))
}

fn digits(text: &mut [u8], mut value: i64) {
    for digit in text.iter_mut().rev() {
        *digit = b'0' + u8::try_from(value % 10).unwrap_or(0);
        value /= 10;
    }
}

/// Days since 1970. The year begins in March, so that the day that comes and goes is its last.
fn day(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * month + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

/// Year, month and day of a day since 1970; the inverse of [`day`].
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (year, month) = if month < 10 { (year, month + 3) } else { (year + 1, month - 9) };
    (era * 400 + year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        for (text, nanoseconds, fixed) in [
            ("1970-01-01T00:00:00Z", 0, "1970-01-01T00:00:00.000000000Z"),
            ("2023-11-14T22:13:20.123456789Z", 1_700_000_000_123_456_789, "2023-11-14T22:13:20.123456789Z"),
            ("2024-02-29T23:59:59.5Z", 1_709_251_199_500_000_000, "2024-02-29T23:59:59.500000000Z"),
            ("1969-12-31T23:59:59.999999999Z", -1, "1969-12-31T23:59:59.999999999Z"),
        ] {
            let time = Timestamp::parse(text.as_bytes()).unwrap();
            assert_eq!((time.nanoseconds(), time.to_string().as_str()), (nanoseconds, fixed), "{text}");
            let (trimmed, end) = time.trimmed();
            assert_eq!(std::str::from_utf8(&trimmed[..end]).unwrap(), text);
        }
    }

    #[test]
    fn other_forms() {
        for (text, nanoseconds) in [
            ("2024-02-29T23:59:59+01:30", 1_709_245_799_000_000_000),
            ("2000-03-01t00:00:00z", 951_868_800_000_000_000),
            ("1970-01-01T00:00:00.0000000019Z", 1),
            ("1970-01-01T00:00:01-00:01", 61_000_000_000),
        ] {
            assert_eq!(
                Timestamp::parse(text.as_bytes()).map(Timestamp::nanoseconds),
                Some(nanoseconds),
                "{text}"
            );
        }
        for text in [
            "",
            "2024-01-01",
            "2024-13-01T00:00:00Z",
            "2024-01-01T25:00:00Z",
            "2024-01-01T00:00:00",
            "2024-01-01T00:00:00.Z",
            "2024-01-01T00:00:00+1:00",
            "2024-01-01T00:00:00Zx",
            "9999-01-01T00:00:00Z",
        ] {
            assert_eq!(Timestamp::parse(text.as_bytes()), None, "{text}");
        }
    }
}
