//! One file with logins. What it has besides stays as it is.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde_json::{Map, Value};

use super::{Credential, Programs, host_of, key, malformed};
use crate::{Error, Result};

/// More is no configuration.
const MAX_FILE: u64 = 4 << 20;

/// A file of either form, read.
#[derive(Debug)]
pub(super) struct File {
    path: PathBuf,
    document: Map<String, Value>,
}

impl File {
    /// Reads it; a file that is not there, or empty, has nothing in it.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let bytes = match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Ok(metadata) if metadata.len() > MAX_FILE => {
                return Err(Error::invalid(format!("{path:?} is larger than a configuration may be")));
            }
            _ => fs::read(path).map_err(|error| Error::from_io(error, format!("open({path:?})")))?,
        };
        let text = bytes.trim_ascii();
        let document = match serde_json::from_slice(if text.is_empty() { b"{}" } else { text }) {
            Ok(Value::Object(document)) => document,
            Ok(_) => return Err(Error::invalid(format!("{path:?} is not an object of JSON"))),
            Err(error) => return Err(Error::invalid(format!("{path:?}: {error}"))),
        };
        Ok(Self { path: path.to_owned(), document })
    }

    fn auths(&self) -> Option<&Map<String, Value>> {
        self.document.get("auths")?.as_object()
    }

    /// The program that keeps the logins of a registry, by the part of its name after `docker-credential-`.
    pub(super) fn program(&self, host: &str) -> Option<String> {
        let own = self.document.get("credHelpers").and_then(Value::as_object);
        let own = own.and_then(|own| own.iter().find(|(key, _)| host_of(key) == host).map(|(_, name)| name));
        let name = own.or_else(|| self.document.get("credsStore"))?.as_str()?;
        (!name.is_empty()).then(|| name.to_owned())
    }

    pub(super) fn find(
        &self,
        programs: &Programs,
        host: &str,
        repository: &str,
    ) -> Result<Option<Credential>> {
        if let Some(program) = self.program(host)
            && let Some(credential) = programs.get(&program, key(host))?
        {
            return Ok(Some(credential));
        }
        let Some(auths) = self.auths() else { return Ok(None) };
        // `quay.io/org` is about a part of a registry: the longest that fits wins (containers-auth.json(5)).
        let whole = format!("{host}/{repository}");
        let mut parts: Vec<&str> = vec![&whole];
        parts.extend(whole.rmatch_indices('/').map(|(at, _)| &whole[..at]));
        let exact = parts.iter().find_map(|part| auths.get(*part));
        let entry =
            exact.or_else(|| auths.iter().find(|(key, _)| is_about(key, host)).map(|(_, entry)| entry));
        entry.map_or(Ok(None), read_entry)
    }

    pub(super) fn set(&mut self, key: &str, credential: &Credential) {
        let mut entry = Map::new();
        let mut field = |name: &str, text: &str| drop(entry.insert(name.to_owned(), Value::from(text)));
        match credential {
            Credential::Password { user, password } => {
                field("auth", &STANDARD.encode(format!("{user}:{password}")));
            }
            Credential::Identity { user, token } => {
                field("auth", &STANDARD.encode(format!("{user}:")));
                field("identitytoken", token);
            }
            Credential::Token(token) => field("registrytoken", token),
        }
        self.put(key, entry);
    }

    /// Notes that there is a login that a program keeps: `logout` and others look here for names.
    pub(super) fn mention(&mut self, key: &str) {
        self.put(key, Map::new());
    }

    fn put(&mut self, key: &str, entry: Map<String, Value>) {
        let mut auths = match self.document.remove("auths") {
            Some(Value::Object(auths)) => auths,
            _ => Map::new(),
        };
        auths.insert(key.to_owned(), Value::Object(entry));
        self.document.insert("auths".to_owned(), Value::Object(auths));
    }

    pub(super) fn erase(&mut self, host: &str) -> bool {
        let Some(auths) = self.document.get_mut("auths").and_then(Value::as_object_mut) else { return false };
        let before = auths.len();
        auths.retain(|key, _| !is_about(key, host));
        auths.len() < before
    }

    pub(super) fn hosts(&self) -> Vec<String> {
        let auths = self.auths().into_iter().flat_map(Map::keys);
        auths.map(|key| if is_about(key, host_of(key)) { host_of(key) } else { key }.to_owned()).collect()
    }

    /// Replaces the file; nobody else may read it.
    pub(super) fn write(&self) -> Result<()> {
        // A link to a file kept elsewhere stays a link: the file it leads to is replaced.
        let path = fs::read_link(&self.path).map_or_else(
            |_| self.path.clone(),
            |target| self.path.parent().map_or_else(|| target.clone(), |parent| parent.join(&target)),
        );
        let (Some(directory), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str()))
        else {
            return Err(Error::invalid(format!("{path:?} is no path of a file")));
        };
        let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
        barque_sys::file::make_directories(directory, 0o700)?;
        let handle = barque_sys::file::open(directory, barque_sys::file::READ_DIRECTORY)?;
        let mut text = serde_json::to_vec_pretty(&self.document)
            .map_err(|error| Error::invalid(format!("{path:?}: {error}")))?;
        text.push(b'\n');
        barque_sys::file::replace(&handle, name, &text)?;
        Ok(())
    }
}

/// Whether a key is about all of a registry.
fn is_about(key: &str, host: &str) -> bool {
    let bare = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://"));
    let path = bare.unwrap_or(key).split_once('/').map_or("", |(_, path)| path).trim_end_matches('/');
    host_of(key) == host && matches!(path, "" | "v1" | "v2")
}

fn read_entry(entry: &Value) -> Result<Option<Credential>> {
    let field = |name: &str| entry.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let (mut user, mut password) = (String::new(), String::new());
    if let Some(auth) = field("auth") {
        let bytes = STANDARD_NO_PAD.decode(auth.trim_end_matches('=')).ok();
        let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
        let text = text.ok_or_else(|| malformed("\"auth\" is not base64"))?;
        let (name, secret) =
            text.split_once(':').ok_or_else(|| malformed("\"auth\" has no colon after the user's name"))?;
        name.clone_into(&mut user);
        // Some clients pad with NUL.
        secret.trim_end_matches('\0').clone_into(&mut password);
    } else if let Some(name) = field("username") {
        name.clone_into(&mut user);
        field("password").unwrap_or("").clone_into(&mut password);
    }
    if let Some(token) = field("identitytoken") {
        return Ok(Some(Credential::Identity { user, token: token.to_owned() }));
    }
    if let Some(token) = field("registrytoken") {
        return Ok(Some(Credential::Token(token.to_owned())));
    }
    Ok((!user.is_empty()).then_some(Credential::Password { user, password }))
}
