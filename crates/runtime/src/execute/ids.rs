//! Id mappings of user namespaces.

use std::fmt::Write as _;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use barque_sys::channel::Channel;
use barque_sys::clone::{Clone, Forked};
use barque_sys::file::write_once;
use barque_sys::namespace::{self, Namespaces};
use barque_sys::process as sys_process;

use super::message::Message;
use super::process;
use crate::plan::{IdMaps, Mark};
use crate::spec::IdMapping;
use crate::{Error, ErrorKind, Result};

/// Gives the user namespace of a process its mappings.
pub(super) fn map(pid: i32, maps: &IdMaps) -> Result<()> {
    if maps.by_tools {
        tool("newgidmap", pid, &maps.gids)?;
        return tool("newuidmap", pid, &maps.uids);
    }
    if maps.deny_setgroups {
        write(pid, "setgroups", "deny")?;
    }
    write(pid, "gid_map", &text(&maps.gids))?;
    write(pid, "uid_map", &text(&maps.uids))
}

fn text(mappings: &[IdMapping]) -> String {
    mappings.iter().fold(String::new(), |mut text, mapping| {
        let _ = writeln!(text, "{} {} {}", mapping.container_id, mapping.host_id, mapping.size);
        text
    })
}

fn write(pid: i32, file: &str, text: &str) -> Result<()> {
    write_once(Path::new(&format!("/proc/{pid}/{file}")), text).map_err(|error| {
        Error::from(error)
            .context("linux.uidMappings")
            .hint("ranges must not overlap, and an unprivileged user may map only its own id this way")
    })
}

/// `newuidmap(1)` and `newgidmap(1)` are set-uid: they write ranges that `/etc/subuid` and `/etc/subgid` grant.
fn tool(program: &str, pid: i32, mappings: &[IdMapping]) -> Result<()> {
    let mut command = Command::new(program);
    command.arg(pid.to_string());
    for mapping in mappings {
        command.args([mapping.container_id, mapping.host_id, mapping.size].map(|number| number.to_string()));
    }
    let output = command.stdin(Stdio::null()).output().map_err(|error| {
        let own = if program == "newuidmap" { "--uidmap 0:UID:1" } else { "--gidmap 0:GID:1" };
        Error::new(ErrorKind::Unsupported, format!("{program}: {error}")).hint(format!(
            "install it (Debian: package uidmap), or map only your own id (with barque run: {own})"
        ))
    })?;
    if output.status.success() {
        return Ok(());
    }
    let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    let message = if message.starts_with(program) { message } else { format!("{program}: {message}") };
    Err(Error::new(ErrorKind::PermissionDenied, message).hint(cure(program, mappings)))
}

/// What to do when one of the tools has refused.
fn cure(program: &str, mappings: &[IdMapping]) -> String {
    let places = ["/usr/bin", "/bin", "/usr/local/bin"].map(|place| Path::new(place).join(program));
    let privileged = |path: &Path| path.metadata().ok().map(|metadata| metadata.mode() & 0o4000 != 0);
    if let Some((path, false)) = places.iter().find_map(|path| Some((path, privileged(path)?)))
        && !barque_sys::file::has_attribute(path, "security.capability")
    {
        return format!("{path:?} is not set-user-id root, so it may no more than you: chmod u+s {path:?}");
    }
    let (file, flag) = match program {
        "newuidmap" => ("/etc/subuid", "--add-subuids"),
        _ => ("/etc/subgid", "--add-subgids"),
    };
    let ranges = mappings.iter().filter(|mapping| mapping.size > 1).map(|mapping| {
        format!(" {flag} {}-{}", mapping.host_id, mapping.host_id.saturating_add(mapping.size - 1))
    });
    let ranges: String = ranges.collect();
    format!("{file} must grant the ranges to you: as root, usermod{ranges} USER")
}

/// A user namespace with mappings, as a descriptor. It lives as long as the descriptor: the process that it is made with
/// ends at once.
pub(crate) fn namespace(maps: &IdMaps) -> Result<OwnedFd> {
    let (ours, theirs) = Channel::pair()?;
    let clone = Clone { namespaces: Namespaces::USER, ..Clone::default() };
    match clone.fork()? {
        Forked::Child => {
            drop(ours);
            // Wait until the other end closes: the namespace is open elsewhere then.
            drop(theirs.receive());
            sys_process::exit_now(0)
        }
        Forked::Parent(child) => {
            drop(theirs);
            let pid = child.pid.as_raw_nonzero().get();
            let result = map(pid, maps)
                .and_then(|()| Ok(namespace::open(Path::new(&format!("/proc/{pid}/ns/user")))?));
            drop(ours);
            sys_process::wait(child.pidfd.as_fd())?;
            result
        }
    }
}

/// Makes this process root of a user namespace. It must have one thread.
pub(crate) fn enter(users: &OwnedFd) -> Result<()> {
    namespace::join(users, Namespaces::USER)?;
    process::drop_groups()?;
    process::become_root(true)
}

/// Does something as root of a user namespace of its own; returns what it says the user should know.
pub(super) fn inside(maps: &IdMaps, work: impl FnOnce() -> Result<Vec<String>>) -> Result<Vec<String>> {
    let users = namespace(maps)?;
    let (ours, theirs) = Channel::pair()?;
    match Clone::default().fork()? {
        Forked::Child => {
            drop(ours);
            let last = match enter(&users).and_then(|()| work()) {
                Ok(notes) => {
                    notes.into_iter().for_each(|note| drop(Message::Warning(note).send(&theirs)));
                    Message::Mark(Mark::Ready)
                }
                Err(error) => Message::Failed(error),
            };
            let told = last.send(&theirs);
            sys_process::exit_now(i32::from(told.is_err()))
        }
        Forked::Parent(child) => {
            drop(theirs);
            let said = listen(&ours);
            sys_process::wait(child.pidfd.as_fd())?;
            said
        }
    }
}

fn listen(channel: &Channel) -> Result<Vec<String>> {
    let mut notes = Vec::new();
    loop {
        match Message::receive(channel)? {
            Message::Warning(note) => notes.push(note),
            Message::Mark(Mark::Ready) => return Ok(notes),
            Message::Failed(error) => return Err(error),
            other => {
                let message = format!("a process in the user namespace ended with {other:?}");
                return Err(Error::new(ErrorKind::Internal, message));
            }
        }
    }
}
