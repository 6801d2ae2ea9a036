//! `barque exec`.

use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use barque_engine::{Container, Containers, Places, Status, events, execs};
use barque_runtime::container::{self, Created, Execution};
use barque_runtime::execute::Trace;
use barque_runtime::spec::{ConsoleSize, Process, Str};
use barque_sys::path::Root;
use barque_sys::process;
use barque_sys::signal::Signals;

use super::streams::Streams;
use crate::flags::Parsed;
use crate::run::{Machine, exec_environment, exec_user, with_all_capabilities, without_capabilities};
use crate::terminal::{DetachKeys, Ending, FORWARDED, RawMode, Relay};
use crate::{Error, ErrorKind, Result, console};

/// Runs a command in a container that runs; returns its exit code.
pub(super) fn exec(flags: &Parsed, places: &Places, executable: Option<OwnedFd>) -> Result<i32> {
    let [name, command @ ..] = flags.positional() else { return Ok(1) };
    let container = Containers::new(places.clone()).find(name)?;
    if container.now()?.status == Status::Paused {
        return Err(Error::new(
            ErrorKind::Conflict,
            format!("container {} is paused, unpause the container before exec", container.name()),
        ));
    }
    let (tty, detached) = (flags.switch("tty"), flags.switch("detach"));
    let interactive = flags.switch("interactive") && !detached;
    if tty && interactive && !rustix::termios::isatty(rustix::stdio::stdin()) {
        return Err(Error::invalid("the input device is not a TTY")
            .hint("leave out -t when standard input is a file or a pipe"));
    }
    let keys = flags.read("detach-keys", DetachKeys::parse)?.unwrap_or_default();
    let config = container.config()?;
    let runtime = container.running()?;
    let pid = runtime.process.as_ref().map_or(0, |process| process.pid);
    let own = container.spec(&config)?.process.unwrap_or_default();
    let process = process_of(flags, &container, own, command, pid)?;
    // Before there is a process: no signal is lost, and the container's terminal is the only one that echoes.
    let raw = if tty && interactive { RawMode::enter(rustix::stdio::stdin())? } else { None };
    let signals = Signals::take(&FORWARDED)?;
    let streams = if tty || detached { Streams::none()? } else { Streams::apart(interactive)? };
    let made = container::exec(
        &runtime,
        Execution {
            process: &process,
            console_socket: None,
            preserve_fds: 0,
            sub_cgroups: &[],
            ignore_paused: false,
            executable,
            trace: if crate::trace::from_environment() { Trace::start() } else { Trace::default() },
        },
    );
    let streams = streams.restored()?;
    let created = made?;
    crate::trace::print(&created.trace);
    events::of_container(&container, &format!("exec_start: {}", command.join(" ")), &[]);
    if detached {
        let pid = created.child.pid.as_raw_nonzero().get();
        if let Err(error) = execs::record(&container, pid, command) {
            // It runs, or has ended already: only `inspect` does not know of it.
            console::err(&format!("WARNING: the command is not written down: {error}\n"));
        }
        return Ok(0);
    }
    let ending = relay(&signals, created, streams, interactive, keys)?;
    drop(raw);
    match ending {
        Some(code) => {
            events::of_container(&container, "exec_die", &[("exitCode", &code.to_string())]);
            Ok(code)
        }
        None => {
            console::err("read escape sequence\n");
            Ok(0)
        }
    }
}

/// Copies until the process has ended; none when the detach keys came.
fn relay(
    signals: &Signals,
    mut created: Created,
    streams: Streams,
    interactive: bool,
    keys: DetachKeys,
) -> Result<Option<i32>> {
    let console = created.console.take();
    let pidfd = created.child.pidfd;
    let mut relay = Relay::new(pidfd.as_fd(), signals);
    relay = match console {
        Some(main) => {
            let input = interactive.then(rustix::stdio::stdin);
            relay.terminal(main, rustix::stdio::stdout(), input, keys)?
        }
        None => streams.relayed(relay)?,
    };
    // It may have ended between the signal and us: that is no failure.
    let ending = relay.run(&mut |signal| drop(process::signal(&pidfd, signal)))?;
    match ending {
        Ending::Detached => Ok(None),
        Ending::Exited => Ok(Some(process::wait(&pidfd)?.code())),
    }
}

/// The container's own process with what the flags change.
fn process_of<'a>(
    flags: &Parsed,
    container: &Container,
    mut process: Process<'a>,
    command: &'a [String],
    pid: i32,
) -> Result<Process<'a>> {
    process.args = command.iter().map(|word| Str::from(word.as_str())).collect();
    process.terminal = flags.switch("tty");
    process.console_size = rustix::termios::tcgetwinsize(rustix::stdio::stdin())
        .ok()
        .filter(|_| process.terminal)
        .map(|size| ConsoleSize { height: size.ws_row, width: size.ws_col });
    if let Some(directory) = flags.value("workdir").filter(|directory| !directory.is_empty()) {
        if !directory.starts_with('/') {
            return Err(Error::invalid(format!(
                "the working directory '{directory}' is invalid, it needs to be an absolute path"
            )));
        }
        process.cwd = Str::from(directory.to_owned());
    }
    let none = |_: &_, _: &str| None;
    let no_images = |_: &str| Ok(Vec::new());
    let machine = Machine::new(container.places(), &none, &no_images, None);
    let base = process.env.iter().map(ToString::to_string).collect();
    let mut env = exec_environment(flags, &machine, base, container.definition.tty)?;
    if let Some(user) = flags.value("user").filter(|user| !user.is_empty()) {
        let root = Root::open_host(&PathBuf::from(format!("/proc/{pid}/root")))?;
        let read =
            |path: &str| barque_sys::file::read_regular(|flags| root.open(Path::new(path), flags)).ok();
        let (ids, home) = exec_user(user, read)?;
        process.user = ids;
        env.retain(|variable| !variable.starts_with("HOME="));
        env.push(format!("HOME={home}"));
        if process.user.uid != 0 {
            process.capabilities = process.capabilities.map(without_capabilities);
        }
    }
    if flags.switch("privileged") {
        process.capabilities = Some(with_all_capabilities());
    }
    process.env = env.into_iter().map(Str::from).collect();
    Ok(process)
}
