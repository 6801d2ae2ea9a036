//! The variables of a stage: its environment, and its arguments.

use std::collections::BTreeMap;

use crate::Result;
use crate::dockerfile::Variable;
use crate::expand::{Expanded, Variables, expand};

/// Arguments that a RUN has whether the Dockerfile declares them or not. They are in no key and no history: who is
/// behind a proxy builds the same image.
pub(super) const ALWAYS: [&str; 10] = [
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "FTP_PROXY",
    "ftp_proxy",
    "NO_PROXY",
    "no_proxy",
    "ALL_PROXY",
    "all_proxy",
];

/// Where programs are looked up in an image that does not say.
pub(super) const DEFAULT_PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Looks in two places, the first of them first.
pub(super) struct Layers<'v>(pub(super) &'v dyn Variables, pub(super) &'v dyn Variables);

impl Variables for Layers<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).or_else(|| self.1.get(name))
    }
}

/// The variables that are known at one place of a stage.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope {
    environment: BTreeMap<String, String>,
    /// Those that were declared and have a value.
    pub(super) arguments: BTreeMap<String, String>,
}

impl Variables for Scope {
    /// The environment goes before arguments of the same name.
    fn get(&self, name: &str) -> Option<&str> {
        self.environment.get(name).or_else(|| self.arguments.get(name)).map(String::as_str)
    }
}

impl Scope {
    pub(super) fn new(env: &[String], arguments: BTreeMap<String, String>) -> Self {
        let pairs = env.iter().filter_map(|text| text.split_once('='));
        let environment = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Self { environment, arguments }
    }

    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.environment.insert(name.to_owned(), value.to_owned());
    }

    pub(super) fn expand(&self, text: &str, escape: char) -> Result<String> {
        Ok(expand(text, escape, self)?.text)
    }

    pub(super) fn expanded(&self, text: &str, escape: char) -> Result<Expanded> {
        expand(text, escape, self)
    }

    /// ARG: the caller's value, else the default, else that of the ARG before the first FROM, else what the platform says.
    pub(super) fn declare(
        &mut self,
        variables: &[Variable],
        [given, global, platform]: [&BTreeMap<String, String>; 3],
        escape: char,
    ) -> Result<String> {
        let mut history = String::from("ARG");
        for variable in variables {
            let name = &variable.name;
            let value = match (given.get(name), &variable.default) {
                (Some(value), _) => Some(value.clone()),
                (None, Some(default)) => Some(self.expand(default, escape)?),
                (None, None) => global.get(name).or_else(|| platform.get(name)).cloned(),
            };
            history.push_str(&match &value {
                Some(value) => format!(" {name}={value}"),
                None => format!(" {name}"),
            });
            match value {
                Some(value) => drop(self.arguments.insert(name.clone(), value)),
                None => drop(self.arguments.remove(name)),
            }
        }
        Ok(history)
    }

    /// The arguments that a RUN gets as variables: those that the environment does not hide.
    pub(super) fn visible(&self) -> impl Iterator<Item = (&String, &String)> {
        self.arguments.iter().filter(|(name, _)| !self.environment.contains_key(*name))
    }
}
