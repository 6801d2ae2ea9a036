//! `--restart`: what is done when a container ends.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// What is done when a container ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RestartPolicy {
    /// Nothing.
    #[default]
    No,
    /// It is started again when it failed, so many times at most; 0: any number of times.
    OnFailure(u32),
    /// It is started again, also at the next boot, unless it is being stopped.
    Always,
    /// As `Always`; one that was stopped stays so over a boot.
    UnlessStopped,
}

/// The first pause before a restart; each following one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest one.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// A container that ran so long has not failed at once: the pauses begin anew.
pub(crate) const SETTLED: Duration = Duration::from_secs(10);

impl RestartPolicy {
    /// Reads `no`, `on-failure[:N]`, `always`, `unless-stopped`.
    pub fn parse(text: &str) -> Result<Self> {
        let (name, count) = text.split_once(':').map_or((text, None), |(name, count)| (name, Some(count)));
        let policy = match name {
            "" | "no" => Self::No,
            "always" => Self::Always,
            "unless-stopped" => Self::UnlessStopped,
            "on-failure" => {
                let count = count.map_or(Ok(0), str::parse);
                return count.map(Self::OnFailure).map_err(|_| {
                    Error::invalid("invalid restart policy format: maximum retry count must be an integer")
                });
            }
            _ => {
                return Err(Error::invalid(format!("invalid restart policy: unknown policy '{name}'"))
                    .hint("use one of 'no', 'always', 'on-failure[:N]', or 'unless-stopped'"));
            }
        };
        match count {
            None => Ok(policy),
            Some(_) => Err(Error::invalid(
                "invalid restart policy: maximum retry count can only be used with 'on-failure'",
            )),
        }
    }

    /// Its name, without the count.
    pub fn name(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::OnFailure(_) => "on-failure",
            Self::Always => "always",
            Self::UnlessStopped => "unless-stopped",
        }
    }

    /// Whether a container that ended with this code, after so many restarts, is started again.
    pub fn restarts(self, code: i32, restarts: u32) -> bool {
        match self {
            Self::No => false,
            Self::OnFailure(most) => code != 0 && (most == 0 || restarts < most),
            Self::Always | Self::UnlessStopped => true,
        }
    }

    /// How long to wait before the next start, after so many failures in a row.
    pub fn pause(failures: u32) -> Duration {
        LONGEST_PAUSE.min(FIRST_PAUSE.saturating_mul(1 << failures.saturating_sub(1).min(16)))
    }
}

impl fmt::Display for RestartPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OnFailure(most @ 1..) => write!(f, "on-failure:{most}"),
            policy => f.write_str(policy.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_shows() {
        for (text, policy) in [
            ("no", RestartPolicy::No),
            ("", RestartPolicy::No),
            ("always", RestartPolicy::Always),
            ("unless-stopped", RestartPolicy::UnlessStopped),
            ("on-failure", RestartPolicy::OnFailure(0)),
            ("on-failure:3", RestartPolicy::OnFailure(3)),
        ] {
            assert_eq!(RestartPolicy::parse(text).unwrap(), policy);
            assert_eq!(policy.to_string(), if text.is_empty() { "no" } else { text });
        }
        for text in ["sometimes", "always:3", "on-failure:x", "on-failure:-1"] {
            assert!(RestartPolicy::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn when_it_restarts() {
        for (policy, code, restarts, expected) in [
            (RestartPolicy::No, 1, 0, false),
            (RestartPolicy::OnFailure(0), 0, 0, false),
            (RestartPolicy::OnFailure(0), 1, 100, true),
            (RestartPolicy::OnFailure(2), 1, 1, true),
            (RestartPolicy::OnFailure(2), 1, 2, false),
            (RestartPolicy::Always, 0, 9, true),
            (RestartPolicy::UnlessStopped, 0, 9, true),
        ] {
            assert_eq!(policy.restarts(code, restarts), expected, "{policy} {code} {restarts}");
        }
    }

    #[test]
    fn pauses_double_up_to_a_minute() {
        let pauses: Vec<_> = [1, 2, 3, 10, 11, 40].map(RestartPolicy::pause).map(|p| p.as_millis()).to_vec();
        assert_eq!(pauses, [100, 200, 400, 51_200, 60_000, 60_000]);
    }
}
