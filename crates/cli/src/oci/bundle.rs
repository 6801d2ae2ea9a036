//! Bundles: the directory with `config.json`.

use std::path::{Path, PathBuf};

use barque_runtime::cgroup::{Layout, Mode};
use barque_runtime::spec::{self, NamespaceKind, Rootless, Spec};

use super::args::{Create, SpecFile};
use crate::{Error, ErrorKind, Result};

/// A bundle that was read.
#[derive(Debug)]
pub(crate) struct Bundle {
    /// Absolute path.
    pub(crate) path: PathBuf,
    /// The text of its configuration.
    pub(crate) config: String,
    name: PathBuf,
}

impl Bundle {
    /// Reads the bundle that `create` or `run` names.
    pub(super) fn read(args: &Create) -> Result<Self> {
        Self::open(args.bundle.as_deref().unwrap_or("."), args.config.as_deref().unwrap_or("config.json"))
    }

    /// Reads the bundle in a directory.
    pub(crate) fn open(directory: &str, config: &str) -> Result<Self> {
        let path = absolute(directory)?;
        let name = path.join(config);
        let config = barque_sys::file::read(&name).map_err(|error| {
            let missing = error.kind() == ErrorKind::NotFound;
            let error = Error::from(error);
            if missing {
                return error.hint("a bundle is a directory with a config.json; `spec` writes one, -b names another directory");
            }
            error
        })?;
        Ok(Self { path, config, name })
    }

    /// The configuration; an error names the line, the column and the field.
    pub(crate) fn spec(&self) -> Result<Spec<'_>> {
        spec::spec_from_json(&self.config).map_err(|error| self.broken(&error))
    }

    fn broken(&self, error: &serde_json::Error) -> Error {
        Error::invalid(format!("{:?}: {error}", self.name))
            .hint("the format is that of the OCI runtime specification's config.md")
    }
}

/// A path from the root, as the kernel would follow it: nothing is resolved.
pub(super) fn absolute(path: &str) -> Result<PathBuf> {
    std::path::absolute(path).map_err(|error| Error::invalid(format!("{path:?}: {error}")))
}

/// `spec`: writes a configuration to start from.
pub(super) fn spec(args: &SpecFile) -> Result<()> {
    let path = Path::new(args.bundle.as_deref().unwrap_or(".")).join("config.json");
    let ids = Rootless { uid: rustix::process::geteuid().as_raw(), gid: rustix::process::getegid().as_raw() };
    let mut template = spec::template(args.rootless.then_some(ids));
    // As runc's, whose users add this namespace by themselves where cgroups are on v1.
    let unified = Layout::read().is_ok_and(|layout| layout.mode() == Mode::Unified);
    if let Some(linux) = template.linux.as_mut().filter(|_| !unified) {
        linux.namespaces.retain(|namespace| namespace.kind != NamespaceKind::Cgroup);
    }
    let text = crate::json::indented(&template, "\t");
    let file = std::fs::OpenOptions::new().write(true).create_new(true).open(&path);
    let written = file.and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()));
    written.map_err(|error| {
        let told = Error::invalid(format!("{path:?}: {error}"));
        match error.kind() {
            std::io::ErrorKind::AlreadyExists => told.hint("remove it first: it is never overwritten"),
            _ => told,
        }
    })
}
