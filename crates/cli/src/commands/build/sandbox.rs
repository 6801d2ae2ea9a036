//! The container of a RUN: that of `barque run` with the same flags.

use std::path::{Path, PathBuf};

use barque_build::execute::{Command, Configured, Sandbox as Configure};
use barque_build::graph::Network;
use barque_engine::Places;
use barque_image::spec::Execution;
use barque_runtime::spec::Str;
use barque_sys::path::Root;

use crate::commands::filter::filter;
use crate::flags::{self, Outcome, Parsed, RUN};
use crate::run::{Caller, Machine, RootSource, request};
use crate::{Error, Result};

/// Flags of `build` that mean what they mean to `run`.
const PASSED: [&str; 6] = ["add-host", "shm-size", "ulimit", "cgroup-parent", "memory", "dns"];

/// Configures containers of a build.
pub(super) struct Sandbox<'a> {
    places: &'a Places,
    /// Flags of `run`.
    passed: Vec<String>,
}

impl<'a> Sandbox<'a> {
    pub(super) fn new(places: &'a Places, flags: &Parsed) -> Self {
        let given = PASSED.iter().filter(|name| flags.command().long(name).is_some());
        let passed =
            given.flat_map(|name| flags.all(name).map(move |value| format!("--{name}={value}"))).collect();
        Self { places, passed }
    }

    fn configured(&self, command: &Command<'_>) -> Result<Configured> {
        let mut words = self.passed.clone();
        words.push("--rm".to_owned());
        words.push(format!("--network={}", network(command.network)));
        if command.insecure {
            words.push("--privileged".to_owned());
        }
        let lower = command.lowers.first().map(|path| path.to_string_lossy()).unwrap_or_default();
        words.push(format!("dir:{lower}"));
        let Outcome::Args(parsed) = flags::parse(&RUN, &words)? else {
            return Err(Error::invalid("the flags of the container ask for help"));
        };
        let caller =
            Caller::discover(command.id.to_owned(), command.directory.to_string_lossy().into_owned())?;
        let image = Execution {
            user: command.user.to_owned(),
            env: command.env.to_vec(),
            cmd: command.argv.to_vec(),
            working_dir: command.working_directory.to_owned(),
            ..Execution::default()
        };
        let read = |_: &RootSource, path: &str| read(command.lowers, path);
        let none = |name: &str| Err(Error::invalid(format!("image {name} is not mounted into builds")));
        let mut request = request(&parsed, &caller, &Machine::new(self.places, &read, &none, Some(&image)))?;
        let mut spec = std::mem::take(&mut request.spec);
        if let Some(root) = &mut spec.root {
            root.path = Str::from(command.directory.join("merged").to_string_lossy().into_owned());
        }
        let filter = filter(&request.seccomp, &spec)?;
        if let Some(linux) = &mut spec.linux {
            linux.seccomp = filter;
        }
        Ok(Configured { spec, files: request.files, network: request.network })
    }
}

impl Configure for Sandbox<'_> {
    fn configure(&self, command: &Command<'_>) -> barque_build::Result<Configured> {
        Ok(self.configured(command)?)
    }
}

/// What a command of a build reaches unless it says otherwise: what this machine reaches, as packages are fetched in most
/// builds.
fn network(network: &Network) -> &str {
    match network {
        Network::Default | Network::Host => "host",
        Network::None => "none",
        Network::Named(name) => name,
    }
}

/// A text file of some layers: of the uppermost that has one.
fn read(lowers: &[PathBuf], path: &str) -> Option<String> {
    lowers.iter().find_map(|lower| {
        let root = Root::open_host(lower).ok()?;
        root.stat(Path::new(path)).ok()?;
        // What is there and is no file is a whiteout: layers below it do not count.
        Some(barque_sys::file::read_regular(|flags| root.open(Path::new(path), flags)).ok())
    })?
}
