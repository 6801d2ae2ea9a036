//! Logins: Docker's `config.json`, the containers projects' `auth.json`, and the programs that keep them elsewhere.
//!
//! Passwords are never part of an error or of what `{:?}` prints.

mod file;
mod program;

use std::fmt;
use std::path::PathBuf;

use crate::reference::DEFAULT_HOST;
use crate::{Context as _, Error, ErrorKind, Result};
use file::File;
use program::Programs;

/// The key that Docker keeps its own registry under.
const DOCKER_HUB_KEY: &str = "https://index.docker.io/v1/";

/// What somebody shows a registry.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential {
    /// A name and a password.
    Password {
        /// The name.
        user: String,
        /// The password.
        password: String,
    },
    /// A token that the registry has given in place of a password, good for getting others.
    Identity {
        /// The name it was given to; may be empty.
        user: String,
        /// The token.
        token: String,
    },
    /// A token that goes into requests as it is.
    Token(String),
}

impl Credential {
    /// The name, where there is one.
    pub fn user(&self) -> Option<&str> {
        match self {
            Self::Password { user, .. } | Self::Identity { user, .. } if !user.is_empty() => Some(user),
            _ => None,
        }
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::Password { .. } => "Password",
            Self::Identity { .. } => "Identity",
            Self::Token(_) => "Token",
        };
        write!(f, "{kind}({})", self.user().unwrap_or("…"))
    }
}

/// The files with logins, in the order to look.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Credentials {
    /// Files in either form; what does not exist is empty. A login is written to the first.
    pub files: Vec<PathBuf>,
    /// Where programs that keep logins are looked for; nowhere said is `PATH`.
    pub path: Vec<PathBuf>,
}

impl Credentials {
    /// The login for a repository of a registry; of entries for a part of a registry the longest wins.
    pub fn find(&self, host: &str, repository: &str) -> Result<Option<Credential>> {
        for path in &self.files {
            let file = File::read(path)?;
            let found = file.find(&self.programs(), host, repository);
            let found = found.context(|| format!("credentials of {host} in {path:?}"))?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    fn programs(&self) -> Programs<'_> {
        Programs { path: &self.path }
    }

    /// Keeps a login: in the program that the first file names for this registry, else in that file. Says where.
    pub fn store(&self, host: &str, credential: &Credential) -> Result<Kept> {
        let path =
            self.files.first().ok_or_else(|| Error::invalid("no file to keep credentials in is known"))?;
        let mut file = File::read(path)?;
        if let Some(program) = file.program(host) {
            self.programs().store(&program, key(host), credential)?;
            file.mention(key(host));
            file.write()?;
            return Ok(Kept::Program(program));
        }
        file.set(key(host), credential);
        file.write()?;
        Ok(Kept::File(path.clone()))
    }

    /// Forgets a login everywhere. Whether there was one.
    pub fn erase(&self, host: &str) -> Result<bool> {
        let mut found = false;
        for path in &self.files {
            let mut file = File::read(path)?;
            if let Some(program) = file.program(host) {
                found |= self.programs().get(&program, key(host))?.is_some();
                self.programs().erase(&program, key(host))?;
            }
            if file.erase(host) {
                found = true;
                file.write()?;
            }
        }
        Ok(found)
    }

    /// The registries that somebody is logged in to, sorted.
    pub fn hosts(&self) -> Result<Vec<String>> {
        let mut hosts = Vec::new();
        for path in &self.files {
            hosts.extend(File::read(path)?.hosts());
        }
        hosts.sort();
        hosts.dedup();
        Ok(hosts)
    }
}

/// Where a login is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// In this file, hardly hidden (base64).
    File(PathBuf),
    /// By `docker-credential-…` of this name.
    Program(String),
}

/// The key a registry is kept under.
fn key(host: &str) -> &str {
    if host == DEFAULT_HOST { DOCKER_HUB_KEY } else { host }
}

/// The registry that a key is about: older clients have written whole addresses.
fn host_of(key: &str) -> &str {
    let key = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    let host = key.split('/').next().unwrap_or(key);
    if matches!(host, "index.docker.io" | "registry-1.docker.io") { DEFAULT_HOST } else { host }
}

fn malformed(what: &str) -> Error {
    Error::new(ErrorKind::InvalidArgument, what.to_owned())
}

#[cfg(test)]
mod tests;
