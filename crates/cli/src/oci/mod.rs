//! `barque oci …`: an OCI runtime with runc's verbs.
//!
//! One file for each group of verbs; [`execute`] finds the one asked for. What goes wrong is told on standard error,
//! and, for callers that give `--log`, in the form they read.

pub mod args;
pub(crate) mod bundle;
mod create;
mod events;
mod exec;
mod features;
mod life;
pub mod log;
mod look;
mod notify;
mod update;
mod wait;

use std::cell::RefCell;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use barque_runtime::cgroup::Systemd;
use barque_runtime::container::{Container, Store};
use barque_runtime::execute::{Sink, Trace};

pub(crate) use look::host_ps;

use self::args::{CgroupDriver, Global, Invocation, LogLevel, Verb};
use crate::console;
use crate::{Error, ErrorKind, Result};

/// What every verb has at hand.
#[derive(Debug)]
struct Session {
    global: Global,
    store: Store,
    /// Holds the mount this program's file lies on, until a container is about to be entered.
    executable: RefCell<Option<OwnedFd>>,
}

/// Does what was asked for; returns the exit code.
pub fn execute(invocation: Invocation, executable: Option<OwnedFd>) -> i32 {
    let Invocation { global, verb } = invocation;
    let store = Store::new(global.root.clone().map_or_else(default_root, PathBuf::from));
    let session = Session { global, store, executable: RefCell::new(executable) };
    // What `exec` runs may end with 1 itself: callers tell the two apart by runc's code.
    let failed = if matches!(verb, Verb::Exec(_)) { 255 } else { 1 };
    if session.global.log_level >= LogLevel::Debug {
        let command: Vec<_> = std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
        debug(&session.global, &format!("command: {command:?}"));
    }
    let code = session.run(verb).unwrap_or_else(|error| {
        session.fail(&error);
        failed
    });
    debug(&session.global, &format!("exit code: {code}"));
    code
}

/// Tells the log of a command line that is wrong, where that much of it was understood.
pub fn log_refusal(args: &[String], error: &Error) {
    let Some(global) = args::global(args) else { return };
    let session = Session { global, store: Store::new(""), executable: RefCell::default() };
    session.log(LogLevel::Error, "error", &error.to_string());
}

impl Session {
    fn run(&self, verb: Verb) -> Result<i32> {
        let done = |result: Result<()>| result.map(|()| 0);
        match verb {
            Verb::Create(args) => done(create::create(self, &args)),
            Verb::Run(args) => create::run(self, &args),
            Verb::Start(id) => done(create::start(self, &id)),
            Verb::State(id) => done(look::state(self, &id)),
            Verb::Kill(args) => done(life::kill(self, &args)),
            Verb::Delete(args) => done(life::delete(self, &args)),
            Verb::Exec(args) => exec::exec(self, &args),
            Verb::List(args) => done(look::list(self, &args)),
            Verb::Ps(args) => done(look::ps(self, &args)),
            Verb::Pause(id) => done(self.open(&id)?.pause()),
            Verb::Resume(id) => done(self.open(&id)?.resume()),
            Verb::Update(args) => done(update::update(self, args)),
            Verb::Events(args) => done(events::events(self, &args)),
            Verb::Spec(args) => done(bundle::spec(&args)),
            Verb::Features => done(features::features()),
            Verb::Checkpoint(_) | Verb::Restore(_) => {
                Err(Error::unsupported("checkpoint and restore are not there yet")
                    .hint("they need CRIU; stop and start the container instead"))
            }
        }
    }

    fn open(&self, id: &str) -> Result<Container> {
        self.store.open(id)
    }

    /// Whether containers get a cgroup of their own.
    fn cgroups(&self) -> Result<bool> {
        match self.global.cgroups {
            CgroupDriver::Cgroupfs => Ok(true),
            CgroupDriver::Disabled => Ok(false),
            CgroupDriver::Systemd if Path::new("/run/systemd/system").exists() => Ok(true),
            CgroupDriver::Systemd => {
                Err(Error::unsupported("--systemd-cgroup: systemd is not running on this host")
                    .hint("leave the option out: cgroups are then made in the cgroup file system"))
            }
        }
    }

    /// The systemd that makes the cgroup: the machine's for root, else the user's own.
    fn systemd(&self) -> Result<Option<Systemd>> {
        if self.global.cgroups != CgroupDriver::Systemd {
            return Ok(None);
        }
        if rustix::process::geteuid().is_root() {
            return Systemd::system().map(Some);
        }
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).unwrap_or_default();
        Systemd::user(&runtime).map(Some)
    }

    fn warn(&self, text: &str) {
        self.log(LogLevel::Warning, "warning", text);
        if self.global.log.is_none() && self.global.log_level >= LogLevel::Warning {
            console::err(&format!("barque: warning: {text}\n"));
        }
    }

    /// The steps of a start go to the log, where that is to have everything.
    fn trace(&self) -> Trace {
        if self.global.log_level >= LogLevel::Debug {
            let global = self.global.clone();
            return Trace::told_to(Sink::new(move |step| {
                debug(&global, &format!("{} {} ({} µs)", step.by, step.what, step.microseconds));
            }));
        }
        if crate::trace::from_environment() { Trace::start() } else { Trace::default() }
    }

    fn fail(&self, error: &Error) {
        let text = match error.cure() {
            Some(cure) => format!("{error} ({cure})"),
            None => error.to_string(),
        };
        self.log(LogLevel::Error, "error", &text);
        console::err(&console::complaint(error, None));
    }

    /// Adds a line to the log file, if the caller wants one. A log that cannot be written stops nothing.
    fn log(&self, level: LogLevel, name: &str, text: &str) {
        if let (Some(path), true) = (&self.global.log, level <= self.global.log_level) {
            append(path, &line(&self.global, name, text));
        }
    }
}

/// A line for those who look for a fault: in the log file, or on standard error.
fn debug(global: &Global, text: &str) {
    if global.log_level < LogLevel::Debug {
        return;
    }
    let line = line(global, "debug", text);
    match &global.log {
        Some(path) => append(path, &line),
        None => console::err(&line),
    }
}

fn line(global: &Global, level: &str, text: &str) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    log::line(global.log_format, level, text, now.as_secs())
}

fn append(path: &str, line: &str) {
    let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
    drop(file.and_then(|mut file| std::io::Write::write_all(&mut file, line.as_bytes())));
}

/// Where states are kept when the caller does not say: for root below `/run`, else below the user's run directory.
fn default_root() -> PathBuf {
    let run = match rustix::process::geteuid().is_root() {
        true => PathBuf::from("/run"),
        false => std::env::var_os("XDG_RUNTIME_DIR").map_or_else(
            || PathBuf::from(format!("/tmp/barque-{}", rustix::process::geteuid().as_raw())),
            PathBuf::from,
        ),
    };
    run.join("barque-oci")
}

/// The kind of error that says that something is not there.
fn is_missing(error: &Error) -> bool {
    error.kind() == ErrorKind::NotFound
}
