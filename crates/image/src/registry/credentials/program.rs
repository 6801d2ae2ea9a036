//! Programs that keep logins: `docker-credential-NAME get|store|erase`, asked over their standard input.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use serde::{Deserialize, Serialize};

use super::Credential;
use crate::registry::failure::plain;
use crate::{Error, ErrorKind, Result};

/// The name that means the secret is a token.
const TOKEN_USER: &str = "<token>";
/// What a program says when it has nothing.
const NOT_FOUND: &str = "credentials not found in native keychain";
/// More is no answer.
const MAX_ANSWER: u64 = 1 << 20;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Login {
    #[serde(rename = "ServerURL", default)]
    server_url: String,
    username: String,
    secret: String,
}

/// Programs of some directories.
#[derive(Debug, Clone, Copy)]
pub(super) struct Programs<'a> {
    pub(super) path: &'a [PathBuf],
}

impl Programs<'_> {
    /// Asks for the login of a server.
    pub(super) fn get(self, name: &str, server: &str) -> Result<Option<Credential>> {
        let answer = match self.run(name, "get", server.as_bytes()) {
            Err(error) if error.to_string().contains(NOT_FOUND) => return Ok(None),
            answer => answer?,
        };
        let login: Login = serde_json::from_slice(&answer)
            .map_err(|_| Error::invalid(format!("docker-credential-{name} get: its answer is no login")))?;
        Ok(Some(if login.username == TOKEN_USER {
            Credential::Identity { user: String::new(), token: login.secret }
        } else {
            Credential::Password { user: login.username, password: login.secret }
        }))
    }

    /// Gives it a login to keep.
    pub(super) fn store(self, name: &str, server: &str, credential: &Credential) -> Result<()> {
        let (username, secret) = match credential {
            Credential::Password { user, password } => (user.as_str(), password),
            Credential::Identity { token, .. } | Credential::Token(token) => (TOKEN_USER, token),
        };
        let login = Login { server_url: server.into(), username: username.into(), secret: secret.clone() };
        let text = serde_json::to_vec(&login)
            .map_err(|error| Error::new(ErrorKind::Internal, format!("docker-credential-{name}: {error}")))?;
        self.run(name, "store", &text).map(drop)
    }

    /// Makes it forget a login.
    pub(super) fn erase(self, name: &str, server: &str) -> Result<()> {
        match self.run(name, "erase", server.as_bytes()) {
            Err(error) if !error.to_string().contains(NOT_FOUND) => Err(error),
            _ => Ok(()),
        }
    }

    fn run(self, name: &str, verb: &str, input: &[u8]) -> Result<Vec<u8>> {
        let program = format!("docker-credential-{name}");
        if name.contains('/') {
            return Err(Error::invalid(format!("{program:?} is no name of a program")));
        }
        let found = self.path.iter().map(|directory| directory.join(&program)).find(|path| path.is_file());
        if found.is_none() && !self.path.is_empty() {
            return Err(missing(&program));
        }
        let output = talk(&found.unwrap_or_else(|| PathBuf::from(&program)), verb, input);
        let (status, answer) = output.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => missing(&program),
            _ => Error::from_io(error, format!("execve({program:?})")),
        })?;
        if status.success() {
            return Ok(answer);
        }
        let words = plain(String::from_utf8_lossy(&answer).trim());
        Err(Error::new(ErrorKind::PermissionDenied, format!("{program} {verb}: {words} ({status})")))
    }
}

fn missing(program: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("{program}: no such program"))
        .hint("install it, or take its name out of credsStore and credHelpers in config.json")
}

fn talk(program: &Path, verb: &str, input: &[u8]) -> io::Result<(ExitStatus, Vec<u8>)> {
    let mut child = Command::new(program)
        .arg(verb)
        .stdin(filled(input)?)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let mut answer = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        stdout.take(MAX_ANSWER).read_to_end(&mut answer)?;
    }
    Ok((child.wait()?, answer))
}

/// Its input as a file, in memory: a program that ends without reading its input says with its status what it thinks of it,
/// where writing to a pipe then would end us (`SIGPIPE`).
fn filled(input: &[u8]) -> io::Result<Stdio> {
    Ok(barque_sys::file::in_memory("login", input).map_err(io::Error::other)?.into())
}
