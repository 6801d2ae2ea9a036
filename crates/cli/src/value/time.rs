//! Points in time: RFC 3339 as images hold it, and as lists show it. Universal time only: a static binary has no time
//! zones of its own.

/// Seconds since 1970.
pub fn timestamp(text: &str) -> Option<i64> {
    let (date, rest) = text.split_at_checked(10)?;
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let (clock, rest) = rest.split_at_checked(8)?;
    let rest = match rest.strip_prefix('.') {
        Some(fraction) => fraction.trim_start_matches(|c: char| c.is_ascii_digit()),
        None => rest,
    };
    let offset = match rest {
        "" | "Z" | "z" => 0,
        _ => {
            let sign = if rest.starts_with('-') { -1 } else { 1 };
            let (hours, minutes) = rest.strip_prefix(['+', '-'])?.split_once(':')?;
            sign * (number(hours, 23)? * 3600 + number(minutes, 59)? * 60)
        }
    };
    let mut clock = clock.split(':');
    let (hour, minute, second) =
        (number(clock.next()?, 23)?, number(clock.next()?, 59)?, number(clock.next()?, 60)?);
    Some(day(date)? * 86_400 + hour * 3600 + minute * 60 + second - offset)
}

/// Days since 1970 of `2006-01-02`.
fn day(date: &str) -> Option<i64> {
    let mut parts = date.split('-');
    let (year, month, day) =
        (number(parts.next()?, 9999)?, number(parts.next()?, 12)?, number(parts.next()?, 31)?);
    if month == 0 || day == 0 || parts.next().is_some() {
        return None;
    }
    // The year begins in March, so that the day that comes and goes is its last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * month + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

fn number(text: &str, most: i64) -> Option<i64> {
    let number = text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())??;
    (number <= most).then_some(number)
}

/// `2006-01-02 15:04:05 +0000 UTC`.
pub fn date_and_time(seconds: i64) -> String {
    let (days, of_day) = (seconds.div_euclid(86_400) + 719_468, seconds.rem_euclid(86_400));
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (year, month) =
        if month < 10 { (era * 400 + year, month + 3) } else { (era * 400 + year + 1, month - 9) };
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} +0000 UTC")
}

/// `2006-01-02T15:04:05Z`.
pub fn rfc3339(seconds: i64) -> String {
    date_and_time(seconds).replacen(' ', "T", 1).replace(" +0000 UTC", "Z")
}

/// Seconds since 1970 at this moment.
pub fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// A point in time as filters take it: a distance before `now` (`24h`, `1h30m`), a date, a date with a time, or seconds.
pub fn point(text: &str, now: i64) -> Result<i64, String> {
    if let Some(seconds) = timestamp(text) {
        return Ok(seconds);
    }
    if let (10, Some(days)) = (text.len(), day(text)) {
        return Ok(days * 86_400);
    }
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        let whole = text.split('.').next().unwrap_or(text);
        return whole.parse().map_err(|_| format!("invalid time {text:?}"));
    }
    match super::duration(text) {
        Ok(distance) => Ok(now - distance.secs),
        Err(_) => Err(format!(
            "invalid time {text:?}: write 24h, 2026-01-02, 2026-01-02T15:04:05 or seconds since 1970"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        for (text, seconds, shown) in [
            ("1970-01-01T00:00:00Z", 0, "1970-01-01 00:00:00 +0000 UTC"),
            ("2023-11-14T22:13:20.123456789Z", 1_700_000_000, "2023-11-14 22:13:20 +0000 UTC"),
            ("2024-02-29T23:59:59+01:30", 1_709_245_799, "2024-02-29 22:29:59 +0000 UTC"),
            ("1969-12-31T23:59:59Z", -1, "1969-12-31 23:59:59 +0000 UTC"),
            ("2000-03-01T00:00:00", 951_868_800, "2000-03-01 00:00:00 +0000 UTC"),
        ] {
            assert_eq!(timestamp(text), Some(seconds), "{text}");
            assert_eq!(date_and_time(seconds), shown);
            assert_eq!(timestamp(&rfc3339(seconds)), Some(seconds));
        }
        for text in [
            "",
            "2024-01-01",
            "2024-13-01T00:00:00Z",
            "2024-01-01T25:00:00Z",
            "2024-01-01T00:00:00x",
            "ü024-01-01T00:00:00",
        ] {
            assert_eq!(timestamp(text), None, "{text}");
        }
    }

    #[test]
    fn points_of_filters() {
        for (text, expected) in [
            ("24h", 1_000_000 - 86_400),
            ("1970-01-02", 86_400),
            ("77", 77),
            ("77.5", 77),
            ("1970-01-01T00:01:00", 60),
        ] {
            assert_eq!(point(text, 1_000_000), Ok(expected), "{text}");
        }
        assert!(point("soon", 0).is_err() && point("", 0).is_err());
    }
}
