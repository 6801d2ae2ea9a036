//! Flags before the verb.

use super::options;
use crate::Result;
use crate::flags::{Command, Flag, Grammar, Parsed};
use crate::value::boolean;

/// The flags before the verb.
pub(super) static GLOBAL: Command = Command {
    path: "barque oci",
    usage: "[OPTIONS] COMMAND [ARG...]",
    about: "Run OCI bundles, with the commands and flags of runc.",
    sections: &[options(&[
        Flag::value("root", "DIR", "Where containers' states are kept"),
        Flag::value("log", "FILE", "Write the log to this file instead of standard error"),
        Flag::value("log-format", "text|json", "Form of the log (text)"),
        Flag::value("log-level", "LEVEL", "Least important level logged: debug, info, warning, error (info)"),
        Flag::switch("debug", "Log everything"),
        Flag::switch("systemd-cgroup", "Let systemd make the cgroups; cgroupsPath is slice:prefix:name"),
        Flag::value("cgroup-manager", "NAME", "cgroupfs, systemd or disabled"),
        Flag::value("rootless", "auto|true|false", "Go on where only root could (auto)"),
        Flag::value("criu", "PATH", ""),
        Flag::switch("version", "Print the version").short('v'),
    ])],
    grammar: Grammar::GoStopAtFirst,
    notes: "",
};

/// The flags before the verb.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Global {
    /// Where states are kept.
    pub root: Option<String>,
    /// The log file.
    pub log: Option<String>,
    /// Its form.
    pub log_format: LogFormat,
    /// The least important level that is logged.
    pub log_level: LogLevel,
    /// Who makes cgroups.
    pub cgroups: CgroupDriver,
    /// Go on where only root could; `None` decides by itself.
    pub rootless: Option<bool>,
}

/// Form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// `time="…" level=error msg="…"`.
    Text,
    /// One JSON object a line.
    Json,
}

/// Importance of a log line, most important first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// It failed.
    Error,
    /// It went on, but not quite as asked.
    Warning,
    /// Worth knowing.
    Info,
    /// For those who look for a fault.
    Debug,
}

/// Who makes cgroups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CgroupDriver {
    /// Barque, in the cgroup file system.
    Cgroupfs,
    /// systemd, asked by D-Bus.
    Systemd,
    /// Nobody: the container stays in the caller's.
    Disabled,
}

impl Global {
    pub(super) fn read(flags: &Parsed) -> Result<Self> {
        let cgroups = flags.read("cgroup-manager", driver)?.unwrap_or(CgroupDriver::Cgroupfs);
        let rootless = flags.read("rootless", |text| match text {
            "auto" | "" => Ok(None),
            _ => boolean(text).map(Some).map_err(|_| "it is auto, true or false"),
        })?;
        let level = flags.read("log-level", level)?.unwrap_or(LogLevel::Info);
        Ok(Self {
            root: flags.value("root").filter(|root| !root.is_empty()).map(str::to_owned),
            log: flags.value("log").filter(|log| !log.is_empty()).map(str::to_owned),
            log_format: flags.read("log-format", format)?.unwrap_or(LogFormat::Text),
            log_level: if flags.switch("debug") { LogLevel::Debug } else { level },
            cgroups: if flags.switch("systemd-cgroup") { CgroupDriver::Systemd } else { cgroups },
            rootless: rootless.flatten(),
        })
    }
}

fn driver(text: &str) -> std::result::Result<CgroupDriver, &'static str> {
    match text {
        "cgroupfs" => Ok(CgroupDriver::Cgroupfs),
        "systemd" => Ok(CgroupDriver::Systemd),
        "disabled" => Ok(CgroupDriver::Disabled),
        _ => Err("it is cgroupfs, systemd or disabled"),
    }
}

fn format(text: &str) -> std::result::Result<LogFormat, &'static str> {
    match text {
        "" | "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("it is text or json"),
    }
}

fn level(text: &str) -> std::result::Result<LogLevel, &'static str> {
    match text.to_ascii_lowercase().as_str() {
        "panic" | "fatal" | "error" => Ok(LogLevel::Error),
        "warn" | "warning" => Ok(LogLevel::Warning),
        "" | "info" => Ok(LogLevel::Info),
        "debug" | "trace" => Ok(LogLevel::Debug),
        _ => Err("it is debug, info, warning or error"),
    }
}
