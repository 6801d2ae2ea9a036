//! How it is seen whether a container is healthy: `--health-…`, or what the image says.

use barque_engine::health::{Check, Endpoint, OnFailure, Probe, Url};
use barque_image::spec::Execution;

use crate::flags::Parsed;
use crate::value::{duration, integer};
use crate::{Error, Result};

/// Docker's shell, where the image names no other.
const SHELL: [&str; 2] = ["/bin/sh", "-c"];
/// Docker's shortest distance in time, in nanoseconds.
const LEAST: u64 = 1_000_000;
/// The flags that say how to ask.
const FLAGS: [&str; 9] = [
    "health-cmd",
    "health-tcp",
    "health-http",
    "health-interval",
    "health-timeout",
    "health-retries",
    "health-start-period",
    "health-start-interval",
    "health-on-failure",
];

/// The check, if there is one. What a flag does not say is as the image has it.
pub(super) fn health(flags: &Parsed, image: Option<&Execution>) -> Result<Option<Check>> {
    if flags.switch("no-healthcheck") {
        return match FLAGS.iter().any(|flag| flags.has(flag)) {
            true => Err(Error::invalid("--no-healthcheck conflicts with --health-* options")),
            false => Ok(None),
        };
    }
    let on_failure = OnFailure::parse(flags.value("health-on-failure").unwrap_or_default())?;
    if on_failure == OnFailure::Restart && flags.switch("rm") {
        return Err(Error::invalid(
            "conflicting options: cannot specify both --health-on-failure=restart and --rm",
        ));
    }
    let Some(probe) = probe(flags, image)? else {
        return match on_failure {
            OnFailure::None => Ok(None),
            _ => Err(Error::invalid("cannot set --health-on-failure action without a health check")
                .hint("add --health-cmd, --health-tcp or --health-http")),
        };
    };
    let own = image.and_then(|image| image.healthcheck.as_ref());
    let default = Check::default();
    let time = |flag: &str, what: &str, own: Option<i64>, default: u64| -> Result<u64> {
        let given = flags.read(flag, |text| nanoseconds(text, flag))?;
        match given.or(own.and_then(|own| u64::try_from(own).ok())) {
            None | Some(0) => Ok(default),
            Some(short) if short < LEAST => {
                Err(Error::invalid(format!("{what} in Healthcheck cannot be less than 1ms")))
            }
            Some(time) => Ok(time),
        }
    };
    let retries = flags.read("health-retries", retries)?;
    let retries = retries.or(own.and_then(|own| u32::try_from(own.retries?).ok()));
    Ok(Some(Check {
        probe,
        interval: time("health-interval", "Interval", own.and_then(|own| own.interval), default.interval)?,
        timeout: time("health-timeout", "Timeout", own.and_then(|own| own.timeout), default.timeout)?,
        start_period: time("health-start-period", "StartPeriod", own.and_then(|own| own.start_period), 0)?,
        start_interval: time(
            "health-start-interval",
            "StartInterval",
            own.and_then(|own| own.start_interval),
            default.start_interval,
        )?,
        retries: retries.filter(|retries| *retries > 0).unwrap_or(default.retries),
        on_failure,
    }))
}

/// What is asked.
fn probe(flags: &Parsed, image: Option<&Execution>) -> Result<Option<Probe>> {
    let given = |flag: &str| flags.value(flag).filter(|text| !text.is_empty());
    let (command, tcp, http) = (given("health-cmd"), given("health-tcp"), given("health-http"));
    if [command, tcp, http].iter().flatten().count() > 1 {
        return Err(Error::invalid(
            "conflicting options: only one of --health-cmd, --health-tcp and --health-http can be given",
        ));
    }
    if let Some(endpoint) = tcp {
        return Ok(Some(Probe::Tcp(
            Endpoint::parse(endpoint).map_err(|error| error.context("--health-tcp"))?,
        )));
    }
    if let Some(url) = http {
        return Ok(Some(Probe::Http(Url::parse(url).map_err(|error| error.context("--health-http"))?)));
    }
    let shell = image.map_or(&[][..], |image| &image.shell);
    match command {
        Some(command) => match listed(command) {
            Some(words) => test(&words, shell),
            None => test(&["CMD-SHELL".to_owned(), command.to_owned()], shell),
        },
        None => {
            test(image.and_then(|image| image.healthcheck.as_ref()).map_or(&[][..], |own| &own.test), shell)
        }
    }
}

/// A command written as JSON, as podman takes it: `["CMD", "curl", "localhost"]`.
fn listed(text: &str) -> Option<Vec<String>> {
    let words: Vec<String> = serde_json::from_str(text).ok()?;
    let known =
        ["NONE", "CMD", "CMD-SHELL"].iter().any(|form| words.first().is_some_and(|first| first == form));
    known.then_some(words)
}

/// Docker's form of a check.
fn test(words: &[String], shell: &[String]) -> Result<Option<Probe>> {
    let Some((form, words)) = words.split_first() else { return Ok(None) };
    match (form.as_str(), words) {
        ("NONE", _) => Ok(None),
        ("CMD", [_, ..]) => Ok(Some(Probe::Command(words.to_vec()))),
        ("CMD-SHELL", [_, ..]) => {
            let shell = if shell.is_empty() { SHELL.map(str::to_owned).to_vec() } else { shell.to_vec() };
            Ok(Some(Probe::Shell { shell, line: words.join(" ") }))
        }
        ("CMD" | "CMD-SHELL", []) => {
            Err(Error::invalid(format!("missing command after {form} in Healthcheck")))
        }
        _ => Err(Error::invalid(format!("Unknown healthcheck type '{form}' (expected 'CMD')"))),
    }
}

fn nanoseconds(text: &str, flag: &str) -> std::result::Result<u64, String> {
    let offset = duration(text)?;
    let whole = u64::try_from(offset.secs).map_err(|_| format!("--{flag} cannot be negative"))?;
    whole
        .checked_mul(1_000_000_000)
        .and_then(|whole| whole.checked_add(offset.nanosecs.into()))
        .ok_or_else(|| "value is too large".to_owned())
}

fn retries(text: &str) -> std::result::Result<u32, String> {
    if text.starts_with('-') {
        return Err("--health-retries cannot be negative".to_owned());
    }
    integer(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::tests::fake::flags;

    fn image(test: &str, shell: &str) -> Execution {
        let text = format!(
            r#"{{"Healthcheck":{{"Test":{test},"Interval":5000000000,"Retries":7}},"Shell":{shell}}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn where_the_question_comes_from() {
        let image = image(r#"["CMD-SHELL","own"]"#, r#"["/bin/ash","-ec"]"#);
        for (line, expected) in [
            ("i", Some("CMD-SHELL own")),
            ("--health-cmd other i", Some("CMD-SHELL other")),
            (r#"--health-cmd ["CMD","a"] i"#, Some("CMD a")),
            (r#"--health-cmd ["NONE"] i"#, None),
            ("--health-tcp 80 i", Some("TCP localhost:80")),
            ("--health-http http://localhost:1/x i", Some("HTTP http://localhost:1/x")),
            ("--no-healthcheck i", None),
        ] {
            let check = health(&flags(line).unwrap(), Some(&image)).unwrap();
            assert_eq!(check.map(|check| check.probe.words().join(" ")).as_deref(), expected, "{line}");
        }
        let check = health(&flags("--health-interval 2s i").unwrap(), Some(&image)).unwrap().unwrap();
        assert_eq!((check.interval, check.retries, check.timeout), (2_000_000_000, 7, 30_000_000_000));
        assert!(matches!(&check.probe, Probe::Shell { shell, .. } if shell == &["/bin/ash", "-ec"]));
        assert_eq!(health(&flags("--health-interval 2s i").unwrap(), None).unwrap(), None);
    }

    #[test]
    fn what_an_image_may_say() {
        for (test, fine) in
            [(r#"["NONE"]"#, true), ("[]", true), (r#"["CMD"]"#, false), (r#"["curl","x"]"#, false)]
        {
            assert_eq!(health(&flags("i").unwrap(), Some(&image(test, "[]"))).is_ok(), fine, "{test}");
        }
    }

    #[test]
    fn complaints() {
        for (line, words) in [
            ("--no-healthcheck --health-cmd x i", "--no-healthcheck conflicts with --health-* options"),
            ("--health-cmd x --health-tcp 1 i", "only one of"),
            ("--health-cmd x --health-interval 1us i", "Interval in Healthcheck cannot be less than 1ms"),
            ("--health-cmd x --health-timeout=-1s i", "--health-timeout cannot be negative"),
            ("--health-cmd x --health-retries=-1 i", "--health-retries cannot be negative"),
            ("--health-on-failure kill i", "without a health check"),
            ("--health-cmd x --health-on-failure x i", "invalid on-failure action"),
            ("--rm --health-cmd x --health-on-failure restart i", "conflicting options"),
            ("--health-tcp x i", "--health-tcp: "),
            ("--health-http https://localhost i", "--health-http: "),
        ] {
            let error = health(&flags(line).unwrap(), None).unwrap_err().to_string();
            assert!(error.contains(words), "{line}: {error}");
        }
    }
}
