//! What the questions have brought to light: `health.json` in the container's directory.

use std::path::Path;
use std::time::Duration;

use barque_sys::file;
use serde::{Deserialize, Serialize};

use super::Check;
use crate::{Result, Time};

/// How a container is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HealthStatus {
    /// It is not known yet.
    #[default]
    Starting,
    /// The last answer was good.
    Healthy,
    /// So many answers were not, as its check allows.
    Unhealthy,
}

impl HealthStatus {
    /// Docker's word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
        }
    }
}

/// How a container is, and why that is thought.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Health {
    /// How it is.
    pub status: HealthStatus,
    /// Failures one after another, up to now.
    pub failing_streak: u32,
    /// The last answers, the oldest first.
    pub log: Vec<Probed>,
}

/// One answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Probed {
    /// When it was asked.
    pub start: Time,
    /// When the answer was there.
    pub end: Time,
    /// 0 is good; −1: it took too long.
    pub exit_code: i32,
    /// What the probe has printed, as far as it is kept.
    pub output: String,
}

/// How many answers are kept: as many as Docker keeps.
const KEPT: usize = 5;
const FILE: &str = "health.json";

impl Health {
    /// Takes an answer in; the new status, when it is another one.
    pub fn take(&mut self, check: &Check, since_start: Duration, answer: Probed) -> Option<HealthStatus> {
        let before = self.status;
        let beginning = since_start < Duration::from_nanos(check.start_period);
        if answer.exit_code == 0 {
            (self.status, self.failing_streak) = (HealthStatus::Healthy, 0);
        } else if !(before == HealthStatus::Starting && beginning) {
            self.failing_streak = self.failing_streak.saturating_add(1);
            if self.failing_streak >= check.retries {
                self.status = HealthStatus::Unhealthy;
            }
        }
        self.log.push(answer);
        let surplus = self.log.len().saturating_sub(KEPT);
        self.log.drain(..surplus);
        Some(self.status).filter(|status| *status != before)
    }

    /// What is written in a container's directory; none when there is nothing, or nothing that can be read.
    pub fn read(directory: &Path) -> Option<Self> {
        serde_json::from_str(&file::read(&directory.join(FILE)).ok()?).ok()
    }

    /// Writes it, whole or not at all.
    pub fn write(&self, directory: &Path) -> Result<()> {
        let text = serde_json::to_vec(self).unwrap_or_default();
        let directory = file::open(directory, file::READ_DIRECTORY)?;
        Ok(file::replace(&directory, FILE, &text)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(exit_code: i32) -> Probed {
        Probed { exit_code, ..Probed::default() }
    }

    #[test]
    fn failures_count_one_after_another() {
        let check = Check { retries: 2, ..Check::default() };
        let mut health = Health::default();
        for (code, change, streak) in [
            (1, None, 1),
            (0, Some(HealthStatus::Healthy), 0),
            (1, None, 1),
            (0, None, 0),
            (7, None, 1),
            (-1, Some(HealthStatus::Unhealthy), 2),
            (1, None, 3),
            (0, Some(HealthStatus::Healthy), 0),
        ] {
            assert_eq!(health.take(&check, Duration::ZERO, answer(code)), change);
            assert_eq!(health.failing_streak, streak);
        }
        let kept: Vec<_> = health.log.iter().map(|answer| answer.exit_code).collect();
        assert_eq!(kept, [0, 7, -1, 1, 0]);
    }

    #[test]
    fn failures_of_the_beginning_do_not_count() {
        let check = Check { retries: 1, start_period: 1_000_000_000, ..Check::default() };
        let mut health = Health::default();
        assert_eq!(health.take(&check, Duration::from_millis(999), answer(1)), None);
        assert_eq!(health.failing_streak, 0);
        let mut late = health.clone();
        assert_eq!(late.take(&check, Duration::from_secs(1), answer(1)), Some(HealthStatus::Unhealthy));
        // Once it was healthy, they count at any time.
        health.take(&check, Duration::from_millis(1), answer(0));
        assert_eq!(health.take(&check, Duration::from_millis(2), answer(1)), Some(HealthStatus::Unhealthy));
    }

    #[test]
    fn is_read_as_it_was_written() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(Health::read(directory.path()), None);
        let health = Health { failing_streak: 3, log: vec![answer(4)], ..Health::default() };
        health.write(directory.path()).unwrap();
        assert_eq!(Health::read(directory.path()), Some(health));
        std::fs::write(directory.path().join(FILE), "{").unwrap();
        assert_eq!(Health::read(directory.path()), None);
    }
}
