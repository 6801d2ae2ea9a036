//! `create` and `run`.

use std::path::Path;

use barque_runtime::container::{self, Created, Creation, Options};
use barque_runtime::spec::{Spec, Str};

use super::args::Create;
use super::bundle::Bundle;
use super::notify::Notify;
use super::{Session, wait};
use crate::Result;
use crate::commands::release_mounts;

/// `create`: all but the program.
pub(super) fn create(session: &Session, args: &Create) -> Result<()> {
    let bundle = Bundle::read(args)?;
    let notify = Notify::from_environment(session, &args.id)?;
    let created = make(session, args, &bundle, notify.as_ref(), true)?;
    finish(session, args, &created)
}

/// `start`: the program of a container that was created.
pub(super) fn start(session: &Session, id: &str) -> Result<()> {
    let container = session.open(id)?;
    let listening = match Notify::from_environment(session, id)? {
        Some(notify) => notify.listen()?,
        None => None,
    };
    container.start()?;
    match (listening, &container.process) {
        (Some(listening), Some(first)) => {
            listening.forward(barque_sys::process::open_raw(first.pid)?, Some(first.pid))
        }
        _ => Ok(()),
    }
}

/// `run`: `create`, `start`, wait, `delete`.
pub(super) fn run(session: &Session, args: &Create) -> Result<i32> {
    let bundle = Bundle::read(args)?;
    let waits = !args.detach;
    // Before the container is made: a signal that comes while it is belongs to it.
    let foreground = if waits { Some(wait::Foreground::start()?) } else { None };
    let notify = Notify::from_environment(session, &args.id)?;
    let mut created = make(session, args, &bundle, notify.as_ref(), false)?;
    finish(session, args, &created)?;
    let container = session.open(&args.id)?;
    let listening = match notify {
        Some(notify) => {
            let listening = notify.listen();
            // It hears the first word of the program: that is started only now.
            let started = listening.and_then(|listening| container.start().map(|()| listening));
            started.inspect_err(|_| drop(container.delete(true)))?
        }
        None => {
            container.poststart()?;
            None
        }
    };
    let Some(foreground) = foreground else {
        let pid = created.child.pid.as_raw_nonzero().get();
        listening.map_or(Ok(()), |listening| listening.forward(&created.child.pidfd, Some(pid)))?;
        return Ok(0);
    };
    if let Some(listening) = listening {
        listening.forward_beside(&created.child.pidfd)?;
    }
    let exit = foreground.wait(&created.child, created.console.take())?;
    if !args.keep {
        container.delete(true)?.iter().for_each(|warning| session.warn(warning));
    }
    release_mounts(created)?;
    Ok(exit.code())
}

fn make(
    session: &Session,
    args: &Create,
    bundle: &Bundle,
    notify: Option<&Notify>,
    is_create: bool,
) -> Result<Created> {
    let mut spec = bundle.spec()?;
    let preserve_fds = preserved(args.preserve_fds, &mut spec)?;
    let console_socket = args.console_socket.as_deref().map(Path::new);
    let terminal = spec.process.as_ref().is_some_and(|process| process.terminal);
    container::check_console(terminal, is_create || args.detach, console_socket)?;
    if let Some(notify) = notify {
        notify.add_to(&mut spec);
    }
    let result = container::create(
        &session.store,
        Creation {
            id: &args.id,
            bundle: &bundle.path,
            spec: &spec,
            config: bundle.config.as_bytes(),
            executable: session.executable.take(),
            root: None,
            files: notify.map(Notify::file).into_iter().collect(),
            unpack: container::no_archives,
            connect: None,
            console_socket,
            cgroups: session.cgroups()?,
            options: Options {
                init: None,
                connection: None,
                systemd: session.systemd()?,
                no_pivot: args.no_pivot,
                no_new_keyring: args.no_new_keyring,
                start_later: is_create || notify.is_some(),
                preserve_fds,
                map_root_ids: false,
            },
            trace: session.trace(),
        },
    )?;
    crate::trace::print(&result.trace);
    Ok(result)
}

/// What follows a container that was made: warnings, and the file with its process's id.
fn finish(session: &Session, args: &Create, created: &Created) -> Result<()> {
    for warning in &created.warnings {
        session.warn(warning);
    }
    match &args.pid_file {
        Some(path) => write_pid(path, created),
        None => Ok(()),
    }
}

/// Writes a process id as a whole or not at all: whoever waits for the file reads it as soon as it is there.
pub(super) fn write_pid(path: &str, created: &Created) -> Result<()> {
    let path = super::bundle::absolute(path)?;
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let directory =
        barque_sys::file::open(path.parent().unwrap_or(Path::new("/")), barque_sys::file::READ_DIRECTORY)?;
    let text = created.child.pid.as_raw_nonzero().to_string();
    Ok(barque_sys::file::replace_mode(&directory, &name, text.as_bytes(), 0o644)?)
}

/// How many descriptors from 3 on the program gets: those of `--preserve-fds`, and before them those of socket
/// activation (`sd_listen_fds(3)`). One that is not open may become a file of ours, which closes at the exec.
pub(super) fn preserved(asked: u32, spec: &mut Spec<'_>) -> Result<u32> {
    let activated = match std::env::var("LISTEN_FDS") {
        Ok(text) => text.parse::<u32>().unwrap_or(0),
        Err(_) => 0,
    };
    if let Some(process) = spec.process.as_mut().filter(|_| activated > 0) {
        process.env.push(Str::from(format!("LISTEN_FDS={activated}")));
        process.env.push(Str::from("LISTEN_PID=1"));
        if let Ok(names) = std::env::var("LISTEN_FDNAMES") {
            process.env.push(Str::from(format!("LISTEN_FDNAMES={names}")));
        }
    }
    let count = asked + activated;
    // All others end here: no descriptor of the caller's may reach the container or a hook (CVE-2024-21626).
    barque_sys::process::close_on_exec_from(3 + count)?;
    Ok(count)
}
