//! Log lines and error records, as runc and crun write them for their callers (`--log`, `--log-format`).

use super::args::LogFormat;

/// One line: what `--log` gets, and what goes to standard error. `seconds` are those since 1970.
pub fn line(format: LogFormat, level: &str, message: &str, seconds: u64) -> String {
    let time = timestamp(seconds);
    // JSON's quoting is also a valid Go string literal, which is what the text form needs.
    let quoted = serde_json::Value::from(message).to_string();
    match format {
        LogFormat::Text => format!("time=\"{time}\" level={level} msg={quoted}\n"),
        LogFormat::Json => format!("{{\"level\":\"{level}\",\"msg\":{quoted},\"time\":\"{time}\"}}\n"),
    }
}

/// RFC 3339 in UTC with nanoseconds, as `state` shows times.
pub(super) fn timestamp_nanoseconds(seconds: u64, nanoseconds: u32) -> String {
    let time = timestamp(seconds);
    format!("{}.{nanoseconds:09}Z", time.trim_end_matches('Z'))
}

/// RFC 3339 in UTC: `2026-11-22T13:40:57Z`.
fn timestamp(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date(days);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", rest / 3600, rest / 60 % 60, rest % 60)
}

/// Year, month and day of a day since 1970-01-01, in the Gregorian calendar.
///
/// Years are counted from March, so that a leap day is a year's last; 146097 days are 400 years.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_both_forms() {
        assert_eq!(
            line(LogFormat::Text, "error", "say \"x\"\n", 1_795_354_857),
            "time=\"2026-11-22T13:40:57Z\" level=error msg=\"say \\\"x\\\"\\n\"\n"
        );
        assert_eq!(
            line(LogFormat::Json, "warning", "x", 0),
            "{\"level\":\"warning\",\"msg\":\"x\",\"time\":\"1970-01-01T00:00:00Z\"}\n"
        );
    }

    #[test]
    fn knows_leap_years() {
        for (days, expected) in [
            (0, (1970, 1, 1)),
            (59, (1970, 3, 1)),
            (11_016, (2000, 2, 29)),
            (11_017, (2000, 3, 1)),
            (19_782, (2024, 2, 29)),
        ] {
            assert_eq!(date(days), expected);
        }
    }
}
