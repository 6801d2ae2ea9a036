//! `exec`: one more process in a container that runs.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use barque_sys::clone::Child;

use super::Container;
use super::create::{Created, send_console};
use crate::cgroup;
use crate::execute::{self, Context, Observer, Trace};
use crate::plan::{self, ExecInput, NAMESPACE_KINDS};
use crate::seccomp;
use crate::spec::{NamespaceKind, Process, Status};
use crate::{Error, ErrorKind, Result};

/// What to run, and how.
#[derive(Debug)]
pub struct Execution<'a> {
    /// The process.
    pub process: &'a Process<'a>,
    /// Where the terminal's other end goes.
    pub console_socket: Option<&'a Path>,
    /// How many descriptors beyond 2 it gets.
    pub preserve_fds: u32,
    /// Cgroups below the container's, by their path from there: of one v1 controller, or of all that are not named.
    pub sub_cgroups: &'a [(Option<String>, String)],
    /// Whether a paused container will do: the process starts when it is resumed.
    pub ignore_paused: bool,
    /// Holds the mount this program's file lies on (`barque_sys::executable`).
    pub executable: Option<OwnedFd>,
    /// Where the time goes.
    pub trace: Trace,
}

/// Runs a process in a container.
pub fn exec(container: &Container, mut execution: Execution<'_>) -> Result<Created> {
    match container.status() {
        Status::Running | Status::Created => {}
        Status::Paused if execution.ignore_paused => {}
        Status::Paused => {
            return Err(container
                .wrong_status("entered", Status::Paused)
                .context("cannot exec in a paused container")
                .hint("resume it, or use --ignore-paused"));
        }
        status => return Err(container.wrong_status("entered", status)),
    }
    let pid = container.process.as_ref().map(|process| process.pid).ok_or_else(|| container.not_running())?;
    let target = container.live_process()?.ok_or_else(|| container.not_running())?;
    let spec = container.spec()?;
    let linux = spec.linux.as_ref();
    let profile = linux.and_then(|linux| linux.seccomp.as_ref());
    let program = profile.map(seccomp::compile).transpose()?;
    let record = container.record.as_ref();
    let group = record.and_then(|record| record.cgroup.as_ref());
    let (join, clone_into) =
        group.map(|group| joins(group, execution.sub_cgroups)).transpose()?.unwrap_or_default();
    let plan = plan::make_exec(&ExecInput {
        process: execution.process,
        pid,
        namespaces: own_namespaces(pid)?,
        join,
        rdt: record
            .and_then(|record| record.rdt.as_ref())
            .map(|rdt| crate::rdt::Op::Join { file: rdt.tasks.clone() }),
        clone_into,
        seccomp: program.as_ref().map(|program| (program, profile)),
        personality: linux.and_then(|linux| linux.personality.as_ref()),
        may_set_groups: !record.is_some_and(|record| record.setgroups_denied),
        keyring: None,
    })?;
    let mut recorder = Recorder {
        console_socket: execution.console_socket,
        console: None,
        warnings: Vec::new(),
        trace: Trace::default(),
    };
    let context = Context {
        state: container.state_as(Status::Running),
        start_socket: None,
        executable: execution.executable.take(),
        target: Some(target),
        preserve_fds: execution.preserve_fds,
        trace: execution.trace.again(),
    };
    let child = execute::execute(&plan, context, &mut recorder)?;
    Ok(Created {
        child,
        console: recorder.console,
        warnings: recorder.warnings,
        trace: recorder.trace,
        mounts: None,
        users: None,
    })
}

/// The kinds of namespaces in which the container's first process is not where we are. The kernel knows; the
/// configuration only knows what was asked for.
fn own_namespaces(pid: i32) -> Result<Vec<NamespaceKind>> {
    let mut kinds = Vec::with_capacity(NAMESPACE_KINDS.len());
    for kind in NAMESPACE_KINDS {
        let name = execute::file_name(kind);
        let inode = |process: &str| {
            let path = PathBuf::from(format!("/proc/{process}/ns/{name}"));
            barque_sys::Call::call(std::fs::metadata(&path), || format!("stat({path:?})"))
                .map(|stat| stat.ino())
        };
        // A kernel without this kind has no file for it.
        let Ok(ours) = inode("self") else { continue };
        if inode(&pid.to_string()).map_err(Error::from)? != ours {
            kinds.push(kind);
        }
    }
    Ok(kinds)
}

/// How the container's cgroup, or one below it, is entered: into v2 by birth, into v1 hierarchies by writing.
fn joins(
    group: &cgroup::Group,
    below: &[(Option<String>, String)],
) -> Result<(Vec<cgroup::Op>, Option<PathBuf>)> {
    let is = |hierarchy: &cgroup::V1Dir, name: &str| {
        hierarchy.controllers.iter().any(|known| known == name || known.strip_prefix("name=") == Some(name))
    };
    // `cpu,cpuacct:PATH` is for both.
    let names = |hierarchy: &cgroup::V1Dir, list: &str| list.split(',').any(|name| is(hierarchy, name));
    for name in below.iter().filter_map(|(list, _)| list.as_deref()).flat_map(|list| list.split(',')) {
        if !group.v1.iter().any(|hierarchy| is(hierarchy, name)) {
            return Err(Error::invalid(format!("--cgroup: unknown controller {name}")));
        }
    }
    let mut v1 = Vec::with_capacity(group.v1.len());
    for hierarchy in &group.v1 {
        let named = below.iter().rfind(|(name, _)| name.as_ref().is_some_and(|name| names(hierarchy, name)));
        let path = named.or_else(|| below.iter().rfind(|(name, _)| name.is_none()));
        v1.push(cgroup::Op::Join { file: sub_cgroup(&hierarchy.dir, path)?.join("tasks") });
    }
    let path = below.iter().rfind(|(name, _)| name.is_none());
    Ok((v1, group.unified.as_deref().map(|dir| sub_cgroup(dir, path)).transpose()?))
}

/// A cgroup below the container's: never one above it, whose limits are not the container's.
fn sub_cgroup(directory: &Path, below: Option<&(Option<String>, String)>) -> Result<PathBuf> {
    let Some((_, path)) = below else { return Ok(directory.to_owned()) };
    if path.split('/').any(|part| part == "..") {
        return Err(Error::invalid(format!("--cgroup: {path} is not a sub cgroup path")));
    }
    let directory = directory.join(path.trim_start_matches('/'));
    if directory.is_dir() {
        return Ok(directory);
    }
    let file = directory.join("cgroup.procs");
    Err(Error::new(
        crate::ErrorKind::NotFound,
        format!("--cgroup: adding pid to {}: no such file or directory", file.display()),
    )
    .hint("make the cgroup first"))
}

struct Recorder<'a> {
    console_socket: Option<&'a Path>,
    console: Option<OwnedFd>,
    warnings: Vec<String>,
    trace: Trace,
}

impl Observer for Recorder<'_> {
    fn cloned(&mut self, _: &Child) -> Result<()> {
        Ok(())
    }

    fn unpack(&mut self, _: &Path, _: &Path) -> Result<Vec<String>> {
        Err(Error::new(ErrorKind::Internal, "exec unpacks nothing"))
    }

    fn connect(&mut self, _: BorrowedFd<'_>, _: i32) -> Result<()> {
        Err(Error::new(ErrorKind::Internal, "exec connects nothing"))
    }

    fn console(&mut self, master: OwnedFd) -> Result<()> {
        if let Some(socket) = self.console_socket {
            return send_console(socket, &master);
        }
        self.console = Some(master);
        Ok(())
    }

    fn ready(&mut self) -> Result<()> {
        Ok(())
    }

    fn warning(&mut self, text: &str) {
        self.warnings.push(text.to_owned());
    }

    fn traced(&mut self, trace: Trace) {
        self.trace = trace;
    }
}
