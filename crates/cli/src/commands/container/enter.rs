//! `barque enter`, `barque debug`: this machine's programs in a container's namespaces, and over its files.

use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;

use barque_engine::enter::{self, Place};
use barque_engine::files::Opened;
use barque_engine::{Container, Containers, ErrorKind, Places};
use barque_sys::process;
use barque_sys::signal::Signals;

use crate::commands::image::{self, Images};
use crate::flags::Parsed;
use crate::terminal::Relay;
use crate::{Error, Result, console};

/// Where `debug` shows the files: a directory that every machine has for this (hier(7)).
const FILES: &str = "/mnt";

/// Runs a program of this machine in namespaces of a container; returns its exit code.
pub(super) fn enter(flags: &Parsed, places: &Places, executable: Option<OwnedFd>) -> Result<i32> {
    let _held = executable;
    let [name, command @ ..] = flags.positional() else { return Ok(1) };
    let container = Containers::new(places.clone()).find(name)?;
    let wanted = flags.value("ns").map(enter::namespaces).transpose()?;
    run(Place::within(&container, wanted)?, command)
}

/// Runs a program of this machine with the files of a container or of an image beside it; returns its exit code.
pub(super) fn debug(flags: &Parsed, places: &Places, executable: Option<OwnedFd>) -> Result<i32> {
    let _held = executable;
    let [name, command @ ..] = flags.positional() else { return Ok(1) };
    match Containers::new(places.clone()).find(name) {
        Ok(container) => debug_container(&container, command),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            debug_image(name, places, command).map_err(|error| match error.kind() {
                ErrorKind::NotFound => Error::new(
                    ErrorKind::NotFound,
                    format!("there is no container and no image of the name {name}"),
                )
                .hint("see `barque ps -a` and `barque images`"),
                _ => error,
            })
        }
        Err(error) => Err(error),
    }
}

fn debug_container(container: &Container, command: &[String]) -> Result<i32> {
    let up = container.now()?.status.is_up();
    let place = if up { Place::within(container, None)? } else { Place::default() };
    let opened = Opened::new(container)?;
    tell(container.name());
    let code = run(place.with_files(opened.tree()?, Path::new(FILES)), command)?;
    opened.close()?;
    Ok(code)
}

fn debug_image(name: &str, places: &Places, command: &[String]) -> Result<i32> {
    let images = Images::open(places)?;
    let _lease = images.store.lease().map_err(image::told)?;
    let lowers = images.store.rootfs(&images.find(name)?).map_err(image::told)?;
    let tree = image::detached(&lowers)?;
    tell(name);
    run(Place::default().with_files(tree, Path::new(FILES)), command)
}

fn tell(name: &str) {
    if rustix::termios::isatty(rustix::stdio::stderr()) {
        console::err(&format!("The files of {name} are in {FILES}; all else is this machine's.\n"));
    }
}

/// Without a command: the user's shell.
fn run(place: Place, command: &[String]) -> Result<i32> {
    let shell = || vec![std::env::var("SHELL").unwrap_or_else(|_| "/bin/sh".to_owned())];
    let command = if command.is_empty() { shell() } else { command.to_vec() };
    // Before there is a process: no signal is lost.
    let signals = Signals::take(&PASSED_ON)?;
    let child = place.start(&command)?;
    let relay = Relay::new(child.pidfd.as_fd(), &signals);
    relay.run(&mut |signal| {
        // The terminal sends its own to both.
        if !FROM_TERMINAL.contains(&signal) {
            // It may have ended between the signal and us.
            drop(process::signal(&child.pidfd, signal));
        }
    })?;
    Ok(process::wait(&child.pidfd)?.code())
}

/// HUP, INT, QUIT, USR1, USR2, TERM.
const PASSED_ON: [i32; 6] = [1, 2, 3, 10, 12, 15];
/// INT, QUIT.
const FROM_TERMINAL: [i32; 2] = [2, 3];
