//! Pauses between attempts.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::failure::Failure;
use super::settings::Timeouts;

/// Counts the attempts of one piece of work.
#[derive(Debug)]
pub(super) struct Attempts {
    left: u32,
    pause: Duration,
    first: Duration,
    patience: Duration,
    most: u32,
}

/// No pause that we choose is longer.
const LONGEST: Duration = Duration::from_secs(20);

impl Attempts {
    pub(super) fn new(most: u32, timeouts: &Timeouts) -> Self {
        let most = most.max(1);
        Self {
            left: most - 1,
            pause: timeouts.pause,
            first: timeouts.pause,
            patience: timeouts.patience,
            most,
        }
    }

    /// Work has got on: the next failure is a first one again.
    pub(super) fn refill(&mut self) {
        self.left = self.most - 1;
        self.pause = self.first;
    }

    /// How long to pause before another attempt; nothing where there is none, or the registry asks for more patience
    /// than the caller has.
    pub(super) fn after(&mut self, failure: &Failure) -> Option<Duration> {
        if !failure.transient || self.left == 0 {
            return None;
        }
        self.left -= 1;
        let own = self.pause + self.pause.mul_f64(jitter() / 2.0);
        self.pause = (self.pause * 2).min(LONGEST);
        match failure.wait {
            Some(wait) if wait > self.patience => None,
            Some(wait) => Some(wait.max(own)),
            None => Some(own),
        }
    }
}

/// Something between 0 and 1, so that many clients do not come back at once.
fn jitter() -> f64 {
    let mut byte = [0];
    // Without randomness there is no jitter, and nothing else is lost.
    drop(barque_sys::random(&mut byte));
    f64::from(byte[0]) / 255.0
}

/// What `Retry-After` says (RFC 9110, 10.2.3): seconds, or a date.
pub(super) fn retry_after(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let then = parse_date(text.trim())?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs();
    Some(Duration::from_secs(then.saturating_sub(now)))
}

/// `Sun, 06 Nov 1994 08:49:37 GMT` as seconds since 1970.
fn parse_date(text: &str) -> Option<u64> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut words = text.split_once(", ")?.1.split(' ');
    let day: u64 = words.next()?.parse().ok()?;
    let name = words.next()?;
    let month = u64::try_from(MONTHS.iter().position(|month| *month == name)?).ok()? + 1;
    let year: u64 = words.next()?.parse().ok().filter(|year| (1970..10_000).contains(year))?;
    let mut clock = words.next()?.split(':').map(|number| number.parse::<u64>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    if words.next() != Some("GMT") || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    // Days since 1 March of the year 0, in which leap days come last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    (days.checked_sub(719_468)? * 24 + hour).checked_mul(3600)?.checked_add(minute * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;

    #[test]
    fn dates() {
        for (text, expected) in [
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)),
            ("Thu, 29 Feb 2024 12:00:00 GMT", Some(1_709_208_000)),
            ("Sun, 06 Nov 1994 08:49:37", None),
            ("Sun, 06 Foo 1994 08:49:37 GMT", None),
            ("Sun, 99 Nov 1994 08:49:37 GMT", None),
            ("Sun, 06 Nov 99999999999999999999 08:49:37 GMT", None),
            ("", None),
        ] {
            assert_eq!(parse_date(text), expected, "{text}");
        }
        assert_eq!(retry_after("7"), Some(Duration::from_secs(7)));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::ZERO));
        assert_eq!(retry_after("soon"), None);
    }

    #[test]
    fn pauses_grow_and_end() {
        let timeouts = Timeouts { pause: Duration::from_millis(100), ..Timeouts::default() };
        let mut attempts = Attempts::new(4, &timeouts);
        let passing = || Failure::passing(Error::invalid("x"));
        let pauses: Vec<Duration> = std::iter::from_fn(|| attempts.after(&passing())).collect();
        assert_eq!(pauses.len(), 3);
        assert!(pauses[0] >= Duration::from_millis(100) && pauses[2] >= Duration::from_millis(400));
        attempts.refill();
        assert!(attempts.after(&Failure::lasting(Error::invalid("x"))).is_none());
        let asked = |seconds| Failure { wait: Some(Duration::from_secs(seconds)), ..passing() };
        assert_eq!(attempts.after(&asked(5)), Some(Duration::from_secs(5)));
        assert_eq!(attempts.after(&asked(3600)), None, "more than the caller has patience for");
    }
}
