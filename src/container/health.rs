//! Health checks: what is run ([`HealthCheck`]) and what came of it ([`Health`]).
//!
//! `health.json` of a container is replaced by its supervisor when a run begins and after each check, never
//! synced. It counts where `state.json` says that the container is checked; readers ask no supervisor.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};

/// Version of the file's format.
pub const VERSION: u32 = 1;

/// Results that are kept.
const KEPT: usize = 5;

/// Docker's `HealthConfig`, in its own JSON: images and `inspect` have the same. Nanoseconds; what is zero is
/// taken from the image, or else from Docker's defaults.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct HealthCheck {
    /// `CMD` and words, `CMD-SHELL` and a line, or `NONE`.
    #[serde(deserialize_with = "null_is_empty", skip_serializing_if = "Vec::is_empty")]
    pub test: Vec<String>,
    #[serde(skip_serializing_if = "is_zero")]
    pub interval: i64,
    #[serde(skip_serializing_if = "is_zero")]
    pub timeout: i64,
    #[serde(skip_serializing_if = "is_zero")]
    pub start_period: i64,
    #[serde(skip_serializing_if = "is_zero")]
    pub start_interval: i64,
    #[serde(skip_serializing_if = "is_zero")]
    pub retries: i64,
}

fn is_zero(number: &i64) -> bool {
    *number == 0
}

fn null_is_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

impl HealthCheck {
    /// What counts where a wish and an image both say something.
    pub fn effective(wish: Option<&HealthCheck>, image: Option<&serde_json::Value>) -> Option<HealthCheck> {
        // An image whose check cannot be read has none.
        let image = image.and_then(|value| serde_json::from_value::<HealthCheck>(value.clone()).ok());
        let Some(wish) = wish else { return image };
        let image = image.unwrap_or_default();
        let number = |wish: i64, image: i64| if wish == 0 { image } else { wish };
        Some(HealthCheck {
            test: if wish.test.is_empty() { image.test } else { wish.test.clone() },
            interval: number(wish.interval, image.interval),
            timeout: number(wish.timeout, image.timeout),
            start_period: number(wish.start_period, image.start_period),
            start_interval: number(wish.start_interval, image.start_interval),
            retries: number(wish.retries, image.retries),
        })
    }

    /// What is executed; `None` when nothing is to be checked. `shell` is the image's.
    pub fn argv(&self, shell: Option<&[String]>) -> Option<Vec<String>> {
        let (kind, words) = self.test.split_first()?;
        match kind.as_str() {
            "CMD" if !words.is_empty() => Some(words.to_vec()),
            "CMD-SHELL" => {
                let default = || vec!["/bin/sh".to_owned(), "-c".to_owned()];
                let shell = shell.filter(|shell| !shell.is_empty()).map_or_else(default, <[_]>::to_vec);
                Some([&shell, words].concat())
            }
            _ => None,
        }
    }

    pub fn interval(&self) -> Duration {
        duration_or(self.interval, 30)
    }
    pub fn timeout(&self) -> Duration {
        duration_or(self.timeout, 30)
    }
    pub fn start_period(&self) -> Duration {
        duration_or(self.start_period, 0)
    }
    pub fn start_interval(&self) -> Duration {
        duration_or(self.start_interval, 5)
    }
    pub fn retries(&self) -> u32 {
        match u32::try_from(self.retries) {
            Ok(0) | Err(_) => 3,
            Ok(retries) => retries,
        }
    }
}

fn duration_or(nanoseconds: i64, seconds: u64) -> Duration {
    match u64::try_from(nanoseconds) {
        Ok(0) | Err(_) => Duration::from_secs(seconds),
        Ok(nanoseconds) => Duration::from_nanos(nanoseconds),
    }
}

/// What to do with a container that has become unhealthy (podman's words).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HealthAction {
    #[default]
    None,
    Kill,
    Restart,
    Stop,
}

impl HealthAction {
    pub fn word(self) -> &'static str {
        match self {
            HealthAction::None => "none",
            HealthAction::Kill => "kill",
            HealthAction::Restart => "restart",
            HealthAction::Stop => "stop",
        }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HealthStatus {
    #[default]
    Starting,
    Healthy,
    Unhealthy,
}

impl HealthStatus {
    pub fn word(self) -> &'static str {
        match self {
            HealthStatus::Starting => "starting",
            HealthStatus::Healthy => "healthy",
            HealthStatus::Unhealthy => "unhealthy",
        }
    }
}

/// What came of one check; -1 when it could not be made or took too long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Probe {
    pub start: Timestamp,
    pub end: Timestamp,
    pub exit_code: i32,
    pub output: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Health {
    pub version: u32,
    pub status: HealthStatus,
    pub failing_streak: u32,
    /// The last few, oldest first; those of earlier runs too.
    pub log: Vec<Probe>,
}

impl Health {
    /// A run begins.
    pub fn begin(&mut self) {
        self.status = HealthStatus::Starting;
        self.failing_streak = 0;
    }

    /// Takes a result in; the check was begun `age` after the run. The status, when it has become another.
    pub fn judge(&mut self, probe: Probe, check: &HealthCheck, age: Duration) -> Option<HealthStatus> {
        let before = self.status;
        let passed = probe.exit_code == 0;
        self.log.push(probe);
        let surplus = self.log.len().saturating_sub(KEPT);
        self.log.drain(..surplus);
        if passed {
            self.failing_streak = 0;
            self.status = HealthStatus::Healthy;
        } else if before != HealthStatus::Starting || age >= check.start_period() {
            self.failing_streak += 1;
            if self.failing_streak >= check.retries() {
                self.status = HealthStatus::Unhealthy;
            }
        }
        (self.status != before).then_some(self.status)
    }

    /// How long after a check, or the begin of the run, the next one comes, `age` after that begin.
    pub fn pause(&self, check: &HealthCheck, age: Duration) -> Duration {
        match self.status {
            HealthStatus::Starting if age < check.start_period() => check.start_interval(),
            _ => check.interval(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use HealthStatus::*;
    use serde_json::json;

    const SECOND: Duration = Duration::from_secs(1);

    fn probe(exit_code: i32) -> Probe {
        Probe { start: Timestamp::UNIX_EPOCH, end: Timestamp::UNIX_EPOCH, exit_code, output: String::new() }
    }

    #[test]
    fn a_wish_comes_before_the_image_field_by_field() {
        let image = json!({ "Test": ["CMD", "a", "b"], "Interval": 7, "Retries": 9 });
        let wish = HealthCheck { interval: 5, ..HealthCheck::default() };
        let both = HealthCheck::effective(Some(&wish), Some(&image)).unwrap();
        assert_eq!(
            serde_json::to_value(&both).unwrap(),
            json!({ "Test": ["CMD", "a", "b"], "Interval": 5, "Retries": 9 })
        );
        assert_eq!(HealthCheck::effective(None, Some(&image)).unwrap().interval, 7);
        assert_eq!(HealthCheck::effective(None, None), None);
        // null is what Go writes for no list; nonsense is no check.
        let empty = HealthCheck::effective(None, Some(&json!({ "Test": null }))).unwrap();
        assert_eq!(empty.argv(None), None);
        assert_eq!(HealthCheck::effective(None, Some(&json!({ "Interval": "soon" }))), None);
    }

    #[test]
    fn what_is_executed() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let argv = |test: &str, shell: Option<&[String]>| {
            HealthCheck { test: words(test), ..HealthCheck::default() }.argv(shell)
        };
        assert_eq!(argv("CMD a b", None), Some(words("a b")));
        assert_eq!(argv("CMD-SHELL x", None), Some(words("/bin/sh -c x")));
        assert_eq!(argv("CMD-SHELL x", Some(&words("/bin/bash -ec"))), Some(words("/bin/bash -ec x")));
        for nothing in ["NONE", "CMD", "WHAT a"] {
            assert_eq!(argv(nothing, None), None, "{nothing}");
        }
    }

    #[test]
    fn so_many_failures_in_a_row_are_unhealthy_and_one_success_is_healthy() {
        let check = HealthCheck { retries: 2, ..HealthCheck::default() };
        let mut health = Health::default();
        let mut judge = |code| health.judge(probe(code), &check, SECOND);
        assert_eq!(
            [0, 1, 0, 1, 1, 1, 0].map(&mut judge),
            [Some(Healthy), None, None, None, Some(Unhealthy), None, Some(Healthy)]
        );
        assert_eq!((health.log.len(), health.failing_streak), (5, 0));
        health.begin();
        assert_eq!((health.status, health.log.len()), (Starting, 5));
    }

    #[test]
    fn failures_of_the_start_period_do_not_count_until_the_first_success() {
        let check = HealthCheck { retries: 1, start_period: 10_000_000_000, ..HealthCheck::default() };
        let mut health = Health::default();
        assert_eq!(health.judge(probe(1), &check, SECOND), None);
        assert_eq!(health.failing_streak, 0);
        assert_eq!(health.pause(&check, SECOND), 5 * SECOND);
        assert_eq!(health.pause(&check, 10 * SECOND), 30 * SECOND);
        assert_eq!(health.judge(probe(1), &check, 10 * SECOND), Some(Unhealthy));
        health.begin();
        health.judge(probe(0), &check, SECOND);
        assert_eq!(health.pause(&check, SECOND), 30 * SECOND);
        assert_eq!(health.judge(probe(-1), &check, SECOND), Some(Unhealthy));
    }
}
