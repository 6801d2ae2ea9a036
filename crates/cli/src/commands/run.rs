//! `barque run`.

use std::os::fd::OwnedFd;

use barque_runtime::container::{self, Created, Creation, Store};
use barque_runtime::execute::Trace;

use super::join::{Joined, Leaving};
use super::{Places, Prepared, Purpose, cleanup};
use crate::flags::Parsed;
use crate::oci::Foreground;
use crate::{Error, ErrorKind, Result, console};

/// Runs a command in a new container; returns the exit code.
pub fn run(flags: &Parsed, places: Places, executable: Option<OwnedFd>) -> Result<i32> {
    let mut prepared = Prepared::new(flags, places, Purpose::Run)?;
    let store = Store::new(&prepared.places.run_root);
    let ended = start_and_wait(&prepared, &store, executable);
    if let Some(image) = prepared.image.take() {
        // Before this command ends: who removes the image next must not hear that it is in use. Where that fails, the
        // end of the processes that hold it says the same.
        drop(image.release());
    }
    let leaving = prepared.joined.take().map(Joined::leave);
    match ended {
        Ok((exit, created)) => {
            // The caller has its answer when this process ends: what is left to do is done by another.
            cleanup::later(store, &prepared.request.id, created, leaving)?;
            Ok(exit)
        }
        Err(error) => {
            leaving.iter().for_each(Leaving::finish);
            Err(error)
        }
    }
}

/// From the container's first step to its end; its exit code, and what is left of it.
fn start_and_wait(prepared: &Prepared, store: &Store, executable: Option<OwnedFd>) -> Result<(i32, Created)> {
    let request = &prepared.request;
    for warning in &request.warnings {
        console::err(&format!("WARNING: {warning}\n"));
    }
    if !request.interactive {
        // Docker's meaning: without -i the command reads an empty input.
        barque_sys::process::close_input()?;
    }
    let foreground = Foreground::start()?;
    let trace = if crate::trace::from_environment() { Trace::start() } else { Trace::default() };
    let mut created = container::create(store, Creation { executable, ..prepared.creation(trace) })?;
    crate::trace::print(&created.trace);
    for warning in &created.warnings {
        console::err(&format!("WARNING: {warning}\n"));
    }
    if let Some(path) = &request.cidfile {
        write_cidfile(path, &request.id)?;
    }
    let exit = foreground
        .input(request.interactive)
        .proxy(request.sig_proxy)
        .wait(&created.child, created.console.take())?;
    if exit.code() != 0 && out_of_memory(store, &request.id) {
        console::err("barque: the kernel killed a process of the container: it was at its memory limit\n");
        console::err("hint: give it more with --memory (-m), and --memory-swap\n");
    }
    Ok((exit.code(), created))
}

/// Whether its processes were killed for lack of memory: an exit code of 137 alone does not say who sent the signal.
fn out_of_memory(store: &Store, id: &str) -> bool {
    let kills = store.open(id).and_then(|container| container.cgroup()?.oom_kills());
    kills.is_ok_and(|kills| kills > 0)
}

fn write_cidfile(path: &str, id: &str) -> Result<()> {
    let file = std::fs::OpenOptions::new().write(true).create_new(true).open(path);
    let written = file.and_then(|mut file| std::io::Write::write_all(&mut file, id.as_bytes()));
    written.map_err(|error| Error::invalid(format!("--cidfile {path:?}: {error}")))
}

/// Docker's exit codes: 127 when there is no such program, 126 when it cannot be executed, 125 for the rest.
pub fn exit_code(error: &Error) -> i32 {
    match error.kind() {
        ErrorKind::ProgramNotFound => 127,
        ErrorKind::ProgramNotExecutable => 126,
        _ => 125,
    }
}
