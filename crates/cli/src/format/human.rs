//! Sizes and times for people, in Docker's words.

/// Names of powers of 1000.
const UNITS: [&str; 9] = ["B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"];

/// `1.234MiB`: binary units, four significant digits.
pub fn binary_size(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a few digits are shown")]
    let mut size = bytes as f64;
    let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let mut unit = 0;
    while unit + 1 < units.len() && size >= 1024.0 {
        size /= 1024.0;
        unit += 1;
    }
    format!("{}{}", significant(size, 4), units[unit])
}

/// `1.23GB`: decimal units, so many significant digits (Docker: 3 in lists, 4 in totals).
pub fn human_size(bytes: u64, digits: usize) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a few digits are shown")]
    let mut size = bytes as f64;
    let mut unit = 0;
    // Rounded first: 999.9 kB with three digits is 1 MB, not 1000 kB.
    while unit + 1 < UNITS.len() && significant(size, digits).parse::<f64>().is_ok_and(|size| size >= 1000.0)
    {
        size /= 1000.0;
        unit += 1;
    }
    format!("{}{}", significant(size, digits), UNITS[unit])
}

/// C's `%.Ng` for numbers up to a thousand.
fn significant(number: f64, digits: usize) -> String {
    let whole = format!("{}", number.trunc()).len();
    let text = format!("{number:.*}", digits.saturating_sub(whole));
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// `5 minutes ago`, for a distance in seconds.
pub fn ago(seconds: i64) -> String {
    format!("{} ago", duration(seconds))
}

fn duration(seconds: i64) -> String {
    // Hours are rounded, everything else is cut.
    let hours = (seconds + HOUR / 2) / HOUR;
    match seconds {
        ..1 => "Less than a second".to_owned(),
        1 => "1 second".to_owned(),
        2..MINUTE => format!("{seconds} seconds"),
        MINUTE..120 => "About a minute".to_owned(),
        120..HOUR => format!("{} minutes", seconds / MINUTE),
        _ if hours == 1 => "About an hour".to_owned(),
        _ if hours < 48 => format!("{hours} hours"),
        _ if hours < 24 * 14 => format!("{} days", hours / 24),
        _ if hours < 24 * 60 => format!("{} weeks", hours / 24 / 7),
        _ if hours < 24 * 365 * 2 => format!("{} months", hours / 24 / 30),
        _ => format!("{} years", seconds / DAY / 365),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (bytes, digits, expected) in [
            (0, 3, "0B"),
            (999, 3, "999B"),
            (1000, 3, "1kB"),
            (1234, 3, "1.23kB"),
            (77_800_000, 3, "77.8MB"),
            (187_654_321, 3, "188MB"),
            (187_654_321, 4, "187.7MB"),
            (1_200_000_000, 3, "1.2GB"),
            (999_999, 3, "1MB"),
            (u64::MAX, 3, "18.4EB"),
        ] {
            assert_eq!(human_size(bytes, digits), expected, "{bytes}");
        }
    }

    #[test]
    fn binary_sizes() {
        for (bytes, expected) in
            [(0, "0B"), (1023, "1023B"), (1024, "1KiB"), (1_293_943, "1.234MiB"), (8 << 30, "8GiB")]
        {
            assert_eq!(binary_size(bytes), expected);
        }
    }

    #[test]
    fn times() {
        for (seconds, expected) in [
            (-5, "Less than a second ago"),
            (0, "Less than a second ago"),
            (1, "1 second ago"),
            (59, "59 seconds ago"),
            (60, "About a minute ago"),
            (150, "2 minutes ago"),
            (3600, "About an hour ago"),
            (2 * HOUR, "2 hours ago"),
            (47 * HOUR, "47 hours ago"),
            (3 * DAY, "3 days ago"),
            (15 * DAY, "2 weeks ago"),
            (90 * DAY, "3 months ago"),
            (800 * DAY, "2 years ago"),
        ] {
            assert_eq!(ago(seconds), expected, "{seconds}");
        }
    }
}
