//! Points in time as `logs` and `events` take them, to the nanosecond.

use barque_engine::log::Timestamp;

use super::{duration, scaled};

/// A distance before `now` (`10m`, `1h30m`), seconds since 1970 with any fraction, or a date with as much of a time
/// as there is. Without an offset it is universal time: a static binary has no time zones of its own.
pub fn moment(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let invalid = || format!("failed to parse value as time or duration: {text:?}");
    if text.starts_with(|c: char| c.is_ascii_digit()) && text.bytes().all(|b| b.is_ascii_digit() || b == b'.')
    {
        let nanoseconds =
            scaled(text, 9).ok().and_then(|value| i64::try_from(value).ok()).ok_or_else(invalid)?;
        return Ok(Timestamp::from_nanoseconds(nanoseconds));
    }
    if let Some(moment) = Timestamp::parse(whole(text).as_bytes()) {
        return Ok(moment);
    }
    let distance = duration(text).map_err(|_| invalid())?;
    let distance = Timestamp::from_seconds(distance.secs, distance.nanosecs);
    Ok(Timestamp::from_nanoseconds(now.nanoseconds().saturating_sub(distance.nanoseconds())))
}

/// A date and what there is of a time, made RFC 3339.
fn whole(text: &str) -> String {
    // The offset is after the date, whose parts have the same sign between them.
    let zone =
        text.get(10..).and_then(|time| time.find(['Z', 'z', '+', '-'])).map_or(text.len(), |at| at + 10);
    let (moment, zone) = text.split_at(zone);
    let missing = match moment.len() {
        10 => "T00:00:00",
        13 => ":00:00",
        16 => ":00",
        _ => "",
    };
    format!("{moment}{missing}{}", if zone.is_empty() { "Z" } else { zone })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form() {
        let now = Timestamp::from_seconds(1_700_000_000, 5);
        for (text, seconds, nanoseconds) in [
            ("10m", 1_700_000_000 - 600, 5),
            ("1h30m", 1_700_000_000 - 5400, 5),
            ("0.5s", 1_699_999_999, 500_000_005),
            ("-10s", 1_700_000_010, 5),
            ("1136073600", 1_136_073_600, 0),
            ("1136073600.000000001", 1_136_073_600, 1),
            ("1136073600.5", 1_136_073_600, 500_000_000),
            ("2006-01-01", 1_136_073_600, 0),
            ("2006-01-01T01", 1_136_077_200, 0),
            ("2006-01-01T01:02", 1_136_077_320, 0),
            ("2006-01-01T01:02:03", 1_136_077_323, 0),
            ("2006-01-01T01:02:03.25", 1_136_077_323, 250_000_000),
            ("2006-01-01T01:02:03Z", 1_136_077_323, 0),
            ("2006-01-01T01:02+01:00", 1_136_073_720, 0),
            ("2006-01-01T01:02:03.000000009-01:00", 1_136_080_923, 9),
        ] {
            assert_eq!(moment(text, now), Ok(Timestamp::from_seconds(seconds, nanoseconds)), "{text}");
        }
        for text in
            ["", "soon", "10x", "2006-13-01", "2006-01-01T1", "1.2.3", "99999999999999999999", "ü006-01-01"]
        {
            assert!(moment(text, now).is_err(), "{text}");
        }
    }
}
