//! `barque run` and `barque create`.

use std::os::fd::OwnedFd;

use barque_engine::life::{self, Removal};
use barque_engine::monitor::{self, Launch, Streams};
use barque_engine::start::Purpose;
use barque_engine::{Container, Places};

use super::attached::{Attached, Session};
use crate::commands::Prepared;
use crate::flags::Parsed;
use crate::{Error, ErrorKind, Result, console};

/// Runs a command in a new container; returns the exit code.
pub(super) fn run(flags: &Parsed, places: &Places, executable: Option<OwnedFd>) -> Result<i32> {
    let mut prepared = Prepared::new(flags, places, Purpose::Run)?;
    let detached = flags.switch("detach");
    let streams = streams(flags, &prepared, detached)?;
    warn(&prepared.request.warnings);
    // Before there is a process: no signal is lost.
    let typed = streams.input && prepared.request.tty;
    let session = (!detached).then(|| Session::begin(typed)).transpose()?;
    let (container, claim) = written_down(flags, places, &mut prepared)?;
    let launch = Launch {
        container: &container,
        spec: &prepared.spec,
        config: &prepared.config,
        executable,
        streams,
        traced: crate::trace::from_environment(),
    };
    let client = monitor::launch(launch)?;
    let started = client.started();
    drop(claim);
    let (started, input) = started?;
    crate::trace::print_steps(&started.trace, started.total);
    warn(&started.warnings);
    let Some(session) = session else {
        console::out(&format!("{}\n", container.id()));
        return Ok(0);
    };
    let attached = Attached {
        client,
        input,
        reads: streams.input,
        terminal: container.definition.tty,
        proxy: prepared.request.sig_proxy,
        keys: prepared.request.detach_keys.clone(),
    };
    session.last(attached)
}

/// Makes a container that is not started.
pub(super) fn create(flags: &Parsed, places: &Places) -> Result<i32> {
    let mut prepared = Prepared::new(flags, places, Purpose::Run)?;
    warn(&prepared.request.warnings);
    let (container, _claim) = written_down(flags, places, &mut prepared)?;
    console::out(&format!("{}\n", container.id()));
    Ok(0)
}

/// Writes the container down, and its id to `--cidfile`.
fn written_down(
    flags: &Parsed,
    places: &Places,
    prepared: &mut Prepared,
) -> Result<(Container, barque_engine::Claim)> {
    if let (true, Some(name)) = (flags.switch("replace"), &prepared.request.name) {
        super::rm::replaced(places, name)?;
    }
    let (container, claim) = prepared.commit(places)?;
    if let Some(path) = &prepared.request.cidfile {
        // It may have come to be there since that was looked at; or the disk is full.
        if let Err(error) = write_cidfile(path, container.id()) {
            drop(claim);
            drop(life::remove(&container, Removal { force: true, volumes: true }));
            return Err(error);
        }
    }
    Ok((container, claim))
}

/// Which streams the caller gets: those of `--attach`, else output and error, and input with `-i`; none with `-d`.
fn streams(flags: &Parsed, prepared: &Prepared, detached: bool) -> Result<Streams> {
    let wanted: Vec<&str> = flags.all("attach").collect();
    if detached {
        return match wanted.is_empty() {
            true => Ok(Streams::default()),
            false => Err(Error::invalid("Conflicting options: -a and -d")),
        };
    }
    let interactive = prepared.request.interactive;
    if wanted.is_empty() {
        return Ok(Streams { input: interactive, output: true, error: true });
    }
    let mut streams = Streams::default();
    for name in wanted {
        match name.to_ascii_lowercase().as_str() {
            "stdin" => streams.input = interactive,
            "stdout" => streams.output = true,
            "stderr" => streams.error = true,
            _ => {
                return Err(flags.invalid("attach", name, "valid streams are STDIN, STDOUT and STDERR"));
            }
        }
    }
    Ok(streams)
}

fn warn(warnings: &[String]) {
    for warning in warnings {
        console::err(&format!("WARNING: {warning}\n"));
    }
}

fn write_cidfile(path: &str, id: &str) -> Result<()> {
    let file = std::fs::OpenOptions::new().write(true).create_new(true).open(path);
    let written = file.and_then(|mut file| std::io::Write::write_all(&mut file, id.as_bytes()));
    written.map_err(|error| Error::invalid(format!("--cidfile {path:?}: {error}")))
}

/// Docker's exit codes: 127 when there is no such program, 126 when it cannot be executed, else that of the command.
pub fn exit_code(error: &Error, otherwise: i32) -> i32 {
    match error.kind() {
        ErrorKind::ProgramNotFound => 127,
        ErrorKind::ProgramNotExecutable => 126,
        _ => otherwise,
    }
}
