//! The plan of `exec`: one more process in a container that runs.

use super::op::Op;
use super::processes::{self, Ending};
use super::tables::number_list;
use super::{Plan, ProcessOp, validate};
use crate::cgroup;
use crate::seccomp;
use crate::spec::{NamespaceKind, Personality, Process, Seccomp};
use crate::{Error, Result};

/// Everything the plan of an `exec` depends on.
#[derive(Debug)]
pub struct ExecInput<'a> {
    /// The process to run.
    pub process: &'a Process<'a>,
    /// The container's first process, as the caller numbers it.
    pub pid: i32,
    /// The kinds of namespaces the container does not share with the caller.
    pub namespaces: Vec<NamespaceKind>,
    /// How the container's cgroups are joined.
    pub join: Vec<cgroup::Op>,
    /// How the container's group of cache and memory bandwidth is joined.
    pub rdt: Option<crate::rdt::Op>,
    /// cgroup v2 directory the process starts in.
    pub clone_into: Option<std::path::PathBuf>,
    /// The compiled system call filter with its profile.
    pub seccomp: Option<(&'a seccomp::Program, Option<&'a Seccomp<'a>>)>,
    /// The container's execution domain.
    pub personality: Option<&'a Personality<'a>>,
    /// Whether groups may be set in the container's user namespace.
    pub may_set_groups: bool,
    /// Name of a new session keyring.
    pub keyring: Option<String>,
}

/// Makes the plan of an `exec`. Pure.
pub fn make_exec(input: &ExecInput<'_>) -> Result<Plan> {
    let process = input.process;
    validate::process(process)?;
    let mut plan = Plan::default();
    let affinity = |list: Option<&crate::spec::Str<'_>>| {
        list.map(|list| number_list(list).map(|cpus| Op::Process(ProcessOp::SetAffinity { cpus })))
            .transpose()
            .map_err(|error: Error| error.context("process.execCPUAffinity"))
    };
    let cpus = process.exec_cpu_affinity.as_ref();
    let initial = affinity(cpus.and_then(|cpus| cpus.initial.as_ref()))?;
    let last = affinity(cpus.and_then(|cpus| cpus.final_.as_ref()))?;
    let joins_pid = input.namespaces.contains(&NamespaceKind::Pid);
    let joins_user = input.namespaces.contains(&NamespaceKind::User);
    if joins_pid && !joins_user {
        plan.creator(Op::JoinProcess { pid: input.pid, kinds: vec![NamespaceKind::Pid] });
    }
    plan.creator(Op::ReleaseExecutable);
    plan.creator(Op::Clone { namespaces: Vec::new(), cgroup: input.clone_into.clone() });
    if let Some(op) = initial {
        plan.init(op);
    }
    for op in &input.join {
        plan.init(Op::Cgroup(op.clone()));
    }
    if let Some(op) = &input.rdt {
        plan.init(Op::Rdt(op.clone()));
    }
    if let Some(op) = last {
        plan.init(op);
    }
    processes::through_proc(&mut plan, process);
    join_namespaces(&mut plan, input, joins_user, joins_pid);
    if process.terminal {
        plan.init(Op::MakeConsole { size: process.console_size.map(|size| (size.height, size.width)) });
    }
    let ending = Ending {
        process,
        seccomp: input.seccomp,
        keyring: input.keyring.clone(),
        may_set_groups: input.may_set_groups,
    };
    processes::become_process(&mut plan, &ending, input.personality)?;
    processes::execute(&mut plan, &ending);
    Ok(plan)
}

/// All at once, but that a pid namespace below a user namespace is joined with the rights that one gives.
fn join_namespaces(plan: &mut Plan, input: &ExecInput<'_>, joins_user: bool, joins_pid: bool) {
    use NamespaceKind::{Pid, User};
    let pid = input.pid;
    if joins_user {
        plan.init(Op::DropGroups);
    }
    if joins_user && joins_pid {
        plan.init(Op::JoinProcess { pid, kinds: vec![User, Pid] });
        plan.init(Op::CloneAgain { new_pid_namespace: false });
    }
    let early = |kind: &NamespaceKind| *kind == Pid || (*kind == User && joins_pid);
    let kinds: Vec<_> = input.namespaces.iter().copied().filter(|kind| !early(kind)).collect();
    if !kinds.is_empty() {
        plan.init(Op::JoinProcess { pid, kinds });
    }
    if joins_user {
        plan.init(Op::DropGroups);
        plan.init(Op::BecomeRoot);
    }
}
