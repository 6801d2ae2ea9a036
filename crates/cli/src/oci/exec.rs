//! `exec`.

use std::path::Path;

use barque_runtime::container::{self, Execution};
use barque_runtime::spec::{self, Capabilities, ConsoleSize, Process, Spec, Str};

use super::args::Exec;
use super::{Session, create, wait};
use crate::{Error, Result};

pub(super) fn exec(session: &Session, args: &Exec) -> Result<i32> {
    let container = session.open(&args.id)?;
    let mut spec = container.spec()?;
    let file = args.process.as_deref().map(|path| barque_sys::file::read(Path::new(path))).transpose()?;
    let process = match &file {
        Some(text) => spec::process_from_json(text).map_err(|error| {
            Error::invalid(format!("--process {:?}: {error}", args.process.as_deref().unwrap_or_default()))
        })?,
        None => from_flags(args, spec.process.take().unwrap_or_default())?,
    };
    let foreground = if args.detach { None } else { Some(wait::Foreground::start()?) };
    let console_socket = args.console_socket.as_deref().map(Path::new);
    container::check_console(process.terminal, args.detach, console_socket)?;
    let preserve_fds = create::preserved(args.preserve_fds, &mut Spec::default())?;
    let mut created = container::exec(
        &container,
        Execution {
            process: &process,
            console_socket,
            preserve_fds,
            sub_cgroups: &args.cgroups,
            ignore_paused: args.ignore_paused,
            executable: session.executable.take(),
            trace: session.trace(),
        },
    )?;
    crate::trace::print(&created.trace);
    for warning in &created.warnings {
        session.warn(warning);
    }
    if let Some(path) = &args.pid_file {
        create::write_pid(path, &created)?;
    }
    match foreground {
        Some(foreground) => Ok(foreground.wait(&created.child, created.console.take())?.code()),
        None => Ok(0),
    }
}

/// The container's own process with what the flags change.
fn from_flags<'a>(args: &'a Exec, mut process: Process<'a>) -> Result<Process<'a>> {
    if args.args.is_empty() {
        return Err(Error::invalid("exec needs a command")
            .hint("give it after the container's id, or a file with --process"));
    }
    process.args = args.args.iter().map(|argument| Str::from(argument.as_str())).collect();
    process.terminal = args.tty;
    process.console_size = args.tty.then(terminal_size).flatten();
    if let Some(cwd) = &args.cwd {
        process.cwd = Str::from(cwd.as_str());
    }
    if process.cwd.is_empty() {
        process.cwd = Str::from("/");
    }
    for variable in &args.env {
        let name = variable.split('=').next().unwrap_or_default();
        process.env.retain(|known| known.split('=').next() != Some(name));
        process.env.push(Str::from(variable.as_str()));
    }
    if let Some((uid, gid)) = args.user {
        process.user.uid = uid;
        process.user.gid = gid.unwrap_or(process.user.gid);
        process.env.retain(|variable| !variable.starts_with("HOME="));
    }
    process.user.additional_gids.extend(&args.additional_gids);
    process.no_new_privileges |= args.no_new_privs;
    if let Some(profile) = &args.apparmor {
        process.apparmor_profile = Some(Str::from(profile.as_str()));
    }
    if let Some(label) = &args.process_label {
        process.selinux_label = Some(Str::from(label.as_str()));
    }
    add_capabilities(&mut process, &args.capabilities);
    Ok(process)
}

/// Adds to the sets in which a capability has an effect; inheritable ones have none, but to leak (CVE-2022-29162).
fn add_capabilities<'a>(process: &mut Process<'a>, names: &'a [String]) {
    if names.is_empty() {
        return;
    }
    let sets = process.capabilities.get_or_insert_with(Capabilities::default);
    for name in names {
        for set in [&mut sets.bounding, &mut sets.effective, &mut sets.permitted] {
            if !set.iter().any(|known| *known == **name) {
                set.push(Str::from(name.as_str()));
            }
        }
    }
}

fn terminal_size() -> Option<ConsoleSize> {
    let size = rustix::termios::tcgetwinsize(rustix::stdio::stdin()).ok()?;
    Some(ConsoleSize { height: size.ws_row, width: size.ws_col })
}
