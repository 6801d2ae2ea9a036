//! Which driver a container's output goes to, and its options: `--log-driver`, `--log-opt`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{attributes, size};
use crate::{Error, Result};

/// Where output goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Driver {
    /// Files in Docker's format.
    #[default]
    JsonFile,
    /// Files in the format of CRI.
    Local,
    /// The system's journal.
    Journald,
    /// Nowhere.
    None,
    /// The caller's own descriptors.
    Passthrough,
}

/// Their names, in the order in which they are listed.
const NAMES: [(&str, Driver); 5] = [
    ("json-file", Driver::JsonFile),
    ("local", Driver::Local),
    ("journald", Driver::Journald),
    ("none", Driver::None),
    ("passthrough", Driver::Passthrough),
];

impl Driver {
    /// As in `--log-driver`.
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(_, driver)| *driver == self).map_or("none", |(name, _)| name)
    }

    /// The options it takes, besides `mode` and `max-buffer-size`, which all take.
    fn options(self) -> &'static [&'static str] {
        match self {
            Self::JsonFile => {
                &["max-size", "max-file", "compress", "labels", "labels-regex", "env", "env-regex", "tag"]
            }
            Self::Local => &["max-size", "max-file", "compress"],
            Self::Journald => &["labels", "labels-regex", "env", "env-regex", "tag"],
            Self::None | Self::Passthrough => &[],
        }
    }
}

/// How records are written into a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Docker's: an object of JSON a line.
    Json,
    /// Kubernetes': time, stream, whether the line ends, the line as it is.
    Cri,
}

/// A driver with its options, checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// The driver.
    pub driver: Driver,
    /// Its options as they were given.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
    /// Most bytes of one file; none for no bound.
    pub(super) max_size: Option<u64>,
    /// Most files, the one written to included.
    pub(super) max_file: u32,
}

/// 20 MB and 5 files: what `local` has in Docker, and here every driver that writes files.
const MAX_SIZE: u64 = 20_000_000;
const MAX_FILE: u32 = 5;

impl Default for Config {
    fn default() -> Self {
        Self {
            driver: Driver::default(),
            options: BTreeMap::new(),
            max_size: Some(MAX_SIZE),
            max_file: MAX_FILE,
        }
    }
}

impl Config {
    /// Reads a driver's name (none: `json-file`) and `NAME=VALUE` options. Pure; messages are Docker's.
    pub fn parse<'a>(driver: Option<&str>, options: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        let driver = match driver.filter(|name| !name.is_empty()) {
            None => Driver::default(),
            Some(name) => named(name)?,
        };
        let mut given = BTreeMap::new();
        for option in options {
            let (name, value) = option
                .split_once('=')
                .ok_or_else(|| Error::invalid(format!("invalid logging opt {option:?}: write NAME=VALUE")))?;
            given.insert(name.to_owned(), value.to_owned());
        }
        let mut config = Self { driver, options: given, ..Self::default() };
        // As in Docker, whatever was given for another driver may stay there.
        if !matches!(driver, Driver::None | Driver::Passthrough) {
            config.check()?;
        }
        Ok(config)
    }

    fn check(&mut self) -> Result<()> {
        self.check_mode()?;
        let driver = self.driver.name();
        let known = self.driver.options();
        for name in self.options.keys().filter(|name| !matches!(name.as_str(), "mode" | "max-buffer-size")) {
            if !known.contains(&name.as_str()) {
                return Err(Error::invalid(format!("unknown log opt '{name}' for {driver} log driver"))
                    .hint(format!("it takes {}", known.join(", "))));
            }
        }
        self.max_size = self.read_max_size()?;
        self.max_file = self.read_max_file()?;
        let compress = self.option("compress").map(truth).transpose()?;
        if compress == Some(true) && (self.max_file < 2 || self.max_size.is_none()) {
            return Err(Error::invalid(
                "compress cannot be true when max-file is less than 2 or max-size is not set",
            ));
        }
        attributes::check(self)
    }

    fn check_mode(&self) -> Result<()> {
        let mode = self.option("mode").unwrap_or_default();
        if !matches!(mode, "" | "blocking" | "non-blocking") {
            return Err(Error::invalid(format!("logger: logging mode not supported: {mode}"))
                .hint("it is blocking or non-blocking"));
        }
        let Some(most) = self.option("max-buffer-size") else { return Ok(()) };
        if mode != "non-blocking" {
            return Err(Error::invalid(
                "logger: max-buffer-size option is only supported with 'mode=non-blocking'",
            ));
        }
        size::parse(most, 1024)
            .map(drop)
            .map_err(|why| Error::invalid(format!("error parsing option max-buffer-size: {why}")))
    }

    fn read_max_size(&self) -> Result<Option<u64>> {
        // A k is 1000 in Docker's json-file and 1024 in its local.
        let unit = if self.driver == Driver::JsonFile { 1000 } else { 1024 };
        match self.option("max-size") {
            None => Ok(Some(MAX_SIZE)),
            Some("-1") => Ok(None),
            Some(text) => match size::parse(text, unit) {
                Ok(0) => Err(Error::invalid("max-size must be a positive number")),
                Ok(bytes) => Ok(Some(bytes)),
                Err(why) => Err(Error::invalid(format!("invalid value for max-size: {text}: {why}"))),
            },
        }
    }

    fn read_max_file(&self) -> Result<u32> {
        match self.option("max-file") {
            None => Ok(MAX_FILE),
            Some(text) => match text.parse::<i64>() {
                Ok(count) if count < 1 => Err(Error::invalid("max-file cannot be less than 1")),
                Ok(count) => Ok(u32::try_from(count).unwrap_or(u32::MAX)),
                Err(_) => Err(Error::invalid(format!("invalid value for max-file: {text}: not a number"))),
            },
        }
    }

    pub(super) fn option(&self, name: &str) -> Option<&str> {
        self.options.get(name).map(String::as_str)
    }

    /// The file in a container's directory, and its format; none for drivers without files.
    pub fn file(&self, container: &Path) -> Option<(PathBuf, Format)> {
        match self.driver {
            Driver::JsonFile => Some((container.join("log/json.log"), Format::Json)),
            Driver::Local => Some((container.join("log/local.log"), Format::Cri)),
            Driver::Journald | Driver::None | Driver::Passthrough => None,
        }
    }

    /// What the user should know, a sentence each.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.option("compress").and_then(|text| truth(text).ok()) == Some(true) {
            notes.push("log-opt compress: rotated log files are kept as they are, not compressed".to_owned());
        }
        if matches!(self.driver, Driver::None | Driver::Passthrough) && !self.options.is_empty() {
            notes.push(format!("--log-opt has no meaning with the log driver {}", self.driver.name()));
        }
        notes
    }
}

fn named(name: &str) -> Result<Driver> {
    NAMES.iter().find(|(known, _)| *known == name).map(|(_, driver)| *driver).ok_or_else(|| {
        Error::invalid(format!("logger: no log driver named '{name}' is registered"))
            .hint(format!("there are {}", NAMES.map(|(name, _)| name).join(", ")))
    })
}

/// Go's `strconv.ParseBool`.
fn truth(text: &str) -> Result<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(Error::invalid(format!("invalid value for compress: {text}: write true or false"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(driver: &str, options: &[&str]) -> Result<Config> {
        Config::parse(Some(driver), options.iter().copied())
    }

    #[test]
    fn bounded_by_default() {
        let config = Config::parse(None, []).unwrap();
        assert_eq!(
            (config.driver, config.max_size, config.max_file),
            (Driver::JsonFile, Some(20_000_000), 5)
        );
        assert_eq!(config, Config::default());
    }

    #[test]
    fn sizes_and_counts() {
        for (driver, options, size, files) in [
            ("json-file", &["max-size=10m", "max-file=3"][..], Some(10_000_000), 3),
            ("local", &["max-size=10m"], Some(10 << 20), 5),
            ("json-file", &["max-size=-1"], None, 5),
            ("json-file", &["mode=non-blocking", "max-buffer-size=4m", "max-file=1"], Some(20_000_000), 1),
        ] {
            let config = parse(driver, options).unwrap();
            assert_eq!((config.max_size, config.max_file), (size, files), "{options:?}");
            let text = serde_json::to_string(&config).unwrap();
            assert_eq!(serde_json::from_str::<Config>(&text).unwrap(), config);
        }
    }

    #[test]
    fn refuses_with_dockers_words() {
        for (driver, options, why) in [
            ("splunk", &[][..], "logger: no log driver named 'splunk' is registered"),
            ("json-file", &["a=b"], "unknown log opt 'a' for json-file log driver"),
            ("local", &["tag=x"], "unknown log opt 'tag' for local log driver"),
            ("journald", &["max-size=1m"], "unknown log opt 'max-size' for journald log driver"),
            ("json-file", &["max-size"], "invalid logging opt \"max-size\": write NAME=VALUE"),
            ("json-file", &["max-size=0"], "max-size must be a positive number"),
            ("json-file", &["max-size=x"], "invalid value for max-size: x: invalid size: 'x'"),
            ("json-file", &["max-file=0"], "max-file cannot be less than 1"),
            ("json-file", &["max-file=two"], "invalid value for max-file: two: not a number"),
            ("json-file", &["mode=fast"], "logger: logging mode not supported: fast"),
            (
                "json-file",
                &["max-buffer-size=1m"],
                "logger: max-buffer-size option is only supported with 'mode=non-blocking'",
            ),
            (
                "local",
                &["compress=true", "max-file=1"],
                "compress cannot be true when max-file is less than 2 or max-size is not set",
            ),
            ("json-file", &["compress=maybe"], "invalid value for compress: maybe: write true or false"),
        ] {
            assert_eq!(parse(driver, options).unwrap_err().to_string(), why, "{driver} {options:?}");
        }
    }

    #[test]
    fn says_what_has_no_effect() {
        assert_eq!(parse("json-file", &["compress=true"]).unwrap().notes().len(), 1);
        assert_eq!(parse("none", &["max-size=1m"]).unwrap().notes().len(), 1);
        assert!(parse("local", &["max-size=1m"]).unwrap().notes().is_empty());
    }
}
