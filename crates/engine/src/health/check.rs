//! What is asked of a container, and when.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Endpoint, Health, HealthStatus, Url};
use crate::{Error, Result};

/// A health check, with Docker's meaning of each number. Distances in time are in nanoseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    /// What is asked.
    pub probe: Probe,
    /// From the end of one question to the next.
    pub interval: u64,
    /// How long an answer may take.
    pub timeout: u64,
    /// How long failures at the beginning do not count.
    #[serde(default)]
    pub start_period: u64,
    /// The interval in that time, until it is healthy.
    pub start_interval: u64,
    /// Failures one after another that make it unhealthy.
    pub retries: u32,
    /// What is done then.
    #[serde(default)]
    pub on_failure: OnFailure,
}

/// A question whose answer says whether a container is healthy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Probe {
    /// A program of the container: healthy when it returns 0.
    Command(Vec<String>),
    /// A line for the container's shell.
    Shell {
        /// The shell, with its options.
        shell: Vec<String>,
        /// The line.
        line: String,
    },
    /// Something accepts connections.
    Tcp(Endpoint),
    /// A page comes, with a status from 200 to 399.
    Http(Url),
}

/// What is done with a container that has become unhealthy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OnFailure {
    /// Nothing but to say so.
    #[default]
    None,
    /// It is killed; its restart policy goes on from there.
    Kill,
    /// It is stopped and started, whatever its restart policy.
    Restart,
    /// It is stopped, whatever its restart policy.
    Stop,
}

const SECOND: u64 = 1_000_000_000;

impl Default for Check {
    /// Docker's numbers, of a check that asks nothing yet.
    fn default() -> Self {
        Self {
            probe: Probe::Command(Vec::new()),
            interval: 30 * SECOND,
            timeout: 30 * SECOND,
            start_period: 0,
            start_interval: 5 * SECOND,
            retries: 3,
            on_failure: OnFailure::None,
        }
    }
}

impl Check {
    /// How long to wait before the next question.
    pub fn pause(&self, health: &Health, since_start: Duration) -> Duration {
        let beginning = since_start < Duration::from_nanos(self.start_period);
        match health.status {
            HealthStatus::Starting if beginning => Duration::from_nanos(self.start_interval),
            _ => Duration::from_nanos(self.interval),
        }
    }
}

impl Probe {
    /// As Docker writes it: `CMD …`, `CMD-SHELL …`; and, of our own, `TCP …`, `HTTP …`.
    pub fn words(&self) -> Vec<String> {
        match self {
            Self::Command(words) => std::iter::once("CMD".to_owned()).chain(words.iter().cloned()).collect(),
            Self::Shell { line, .. } => vec!["CMD-SHELL".to_owned(), line.clone()],
            Self::Tcp(endpoint) => vec!["TCP".to_owned(), endpoint.to_string()],
            Self::Http(url) => vec!["HTTP".to_owned(), url.to_string()],
        }
    }

    /// The program to run in the container, where one is.
    pub(crate) fn program(&self) -> Option<Vec<String>> {
        match self {
            Self::Command(words) => Some(words.clone()),
            Self::Shell { shell, line } => Some(shell.iter().chain([line]).cloned().collect()),
            Self::Tcp(_) | Self::Http(_) => None,
        }
    }
}

impl OnFailure {
    /// The value of `--health-on-failure`.
    pub fn parse(text: &str) -> Result<Self> {
        match text {
            "" | "none" => Ok(Self::None),
            "kill" => Ok(Self::Kill),
            "restart" => Ok(Self::Restart),
            "stop" => Ok(Self::Stop),
            _ => Err(Error::invalid(format!(
                "invalid on-failure action {text:?} for health checks: use 'none', 'kill', 'restart' or 'stop'"
            ))),
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Kill => "kill",
            Self::Restart => "restart",
            Self::Stop => "stop",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses() {
        let check = Check { start_period: 60 * SECOND, ..Check::default() };
        for (status, since, expected) in [
            (HealthStatus::Starting, 0, 5),
            (HealthStatus::Starting, 59, 5),
            (HealthStatus::Starting, 60, 30),
            (HealthStatus::Healthy, 1, 30),
            (HealthStatus::Unhealthy, 1, 30),
        ] {
            let health = Health { status, ..Health::default() };
            let pause = check.pause(&health, Duration::from_secs(since));
            assert_eq!(pause.as_secs(), expected, "{status:?} after {since}");
        }
        let never = Check::default();
        assert_eq!(never.pause(&Health::default(), Duration::ZERO).as_secs(), 30);
    }

    #[test]
    fn actions_have_names() {
        for action in [OnFailure::None, OnFailure::Kill, OnFailure::Restart, OnFailure::Stop] {
            assert_eq!(OnFailure::parse(action.name()).unwrap(), action);
        }
        assert!(OnFailure::parse("pray").is_err());
    }

    #[test]
    fn probes_as_words() {
        let shell = Probe::Shell { shell: vec!["/bin/sh".into(), "-c".into()], line: "a | b".into() };
        assert_eq!(shell.words(), ["CMD-SHELL", "a | b"]);
        assert_eq!(shell.program().unwrap(), ["/bin/sh", "-c", "a | b"]);
        let command = Probe::Command(vec!["a".into(), "b".into()]);
        assert_eq!(command.words(), ["CMD", "a", "b"]);
        assert_eq!(Probe::Tcp(Endpoint::parse("80").unwrap()).words(), ["TCP", "localhost:80"]);
    }
}
