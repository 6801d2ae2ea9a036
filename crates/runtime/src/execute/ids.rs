//! Id mappings of user namespaces.

use std::fmt::Write as _;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;
use std::process::{Command, Stdio};

use barque_sys::clone::{Clone, Forked};
use barque_sys::file::write_once;
use barque_sys::namespace::{self, Namespaces};
use barque_sys::process as sys_process;

use crate::spec::IdMapping;
use crate::{Error, ErrorKind, Result};

/// Gives the user namespace of a process its mappings.
pub(super) fn map(
    pid: i32,
    uids: &[IdMapping],
    gids: &[IdMapping],
    by_tools: bool,
    deny_setgroups: bool,
) -> Result<()> {
    if by_tools {
        tool("newgidmap", pid, gids)?;
        return tool("newuidmap", pid, uids);
    }
    if deny_setgroups {
        write(pid, "setgroups", "deny")?;
    }
    write(pid, "gid_map", &text(gids))?;
    write(pid, "uid_map", &text(uids))
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
        Error::new(ErrorKind::Unsupported, format!("{program}: {error}"))
            .hint("install it (Debian: package uidmap), or map only your own id")
    })?;
    if output.status.success() {
        return Ok(());
    }
    let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Error::new(ErrorKind::PermissionDenied, message)
        .hint("the ranges must be granted in /etc/subuid and /etc/subgid"))
}

/// A user namespace with mappings, as a descriptor for idmapped mounts. It lives as long as the descriptor: the process
/// that it is made with ends at once.
pub(super) fn namespace(uids: &[IdMapping], gids: &[IdMapping]) -> Result<OwnedFd> {
    let (ours, theirs) = barque_sys::channel::Channel::pair()?;
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
            let result = map(pid, uids, gids, false, false)
                .and_then(|()| Ok(namespace::open(Path::new(&format!("/proc/{pid}/ns/user")))?));
            drop(ours);
            sys_process::wait(child.pidfd.as_fd())?;
            result
        }
    }
}
