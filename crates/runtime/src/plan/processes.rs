//! `process` of the spec, as operations: for the container's first process and for `exec`.

use super::input::Input;
use super::op::{HookPoint, Mark, Op};
use super::process::{LoadSeccomp, ProcessOp};
use super::{Plan, create, tables};
use crate::seccomp;
use crate::spec::{Process, Seccomp};
use crate::{Error, Result};

/// What the last steps of a start depend on.
pub(super) struct Ending<'a> {
    pub(super) process: &'a Process<'a>,
    pub(super) seccomp: Option<(&'a seccomp::Program, Option<&'a Seccomp<'a>>)>,
    /// Name of a new session keyring.
    pub(super) keyring: Option<String>,
    /// Whether the ids may be changed at all (a user namespace with a single id and no `setgroups`).
    pub(super) may_set_groups: bool,
}

/// The last steps of the container's first process: it changes itself, waits for `start`, and becomes the program.
pub(super) fn first(plan: &mut Plan, input: &Input<'_>) -> Result<()> {
    let Some(process) = &input.spec.process else {
        // config.md "process": required only when start is called.
        plan.init_reaches(Mark::Ready);
        plan.creator_reaches(Mark::Recorded);
        plan.init(Op::AwaitStart);
        return Ok(());
    };
    let linux = input.spec.linux.as_ref();
    let ending = Ending {
        process,
        seccomp: input
            .seccomp
            .as_ref()
            .map(|program| (program, linux.and_then(|linux| linux.seccomp.as_ref()))),
        keyring: (!input.options.no_new_keyring).then(|| input.id.to_owned()),
        may_set_groups: !input.keeps_groups()
            && !plan
                .steps
                .iter()
                .any(|step| matches!(step.op, Op::MapIds(super::IdMaps { deny_setgroups: true, .. }))),
    };
    become_process(plan, &ending, linux.and_then(|linux| linux.personality.as_ref()))?;
    if let Some(policy) = linux.and_then(|linux| linux.memory_policy.as_ref()) {
        plan.init(Op::Process(tables::memory_policy(policy)?));
    }
    if input.options.start_later {
        plan.init_reaches(Mark::Ready);
        plan.creator_reaches(Mark::Recorded);
        plan.init(Op::AwaitStart);
    } else {
        // The creator has said so long ago, see `create::let_go`: nobody waits here.
        plan.init(Op::Await(Mark::Recorded));
    }
    if let Some(hooks) = input.spec.hooks.as_ref().filter(|hooks| !hooks.start_container.is_empty()) {
        // They run in the container, and so under its filter.
        if let Some(load) = ending.load_seccomp().filter(|_| !ending.has_listener()) {
            plan.init(load);
        }
        create::run(plan, hooks, HookPoint::StartContainer);
    }
    execute(plan, &ending);
    if input.options.init.is_some() {
        let arguments = process.args.iter().skip(1).map(|argument| argument.to_string()).collect();
        plan.init(Op::ForkUnderInit { arguments });
    }
    Ok(())
}

/// What is written below `/proc/self`, while that is the host's: the container's own could be a fake, which would take
/// what is written and change nothing. Hooks that run in the container come before, as they would inherit it.
pub(super) fn through_proc(plan: &mut Plan, process: &Process<'_>) {
    let is_scored =
        plan.of(super::Actor::Init).any(|op| matches!(op, Op::Process(ProcessOp::SetOomScore { .. })));
    if let Some(value) = process.oom_score_adj.filter(|_| !is_scored) {
        plan.init(Op::Process(ProcessOp::SetOomScore { value }));
    }
    for (module, label) in [("apparmor", &process.apparmor_profile), ("selinux", &process.selinux_label)] {
        if let Some(label) = label.as_ref().filter(|label| !label.is_empty()) {
            plan.init(Op::Process(ProcessOp::SetLabel {
                module: module.to_owned(),
                label: label.to_string(),
            }));
        }
    }
}

/// The changes that come before the wait for `start`. They need rights that the program may not have, so the
/// capabilities go last ([`execute`]).
pub(super) fn become_process(
    plan: &mut Plan,
    ending: &Ending<'_>,
    personality: Option<&crate::spec::Personality<'_>>,
) -> Result<()> {
    let process = ending.process;
    let steps = &mut |op| plan.init(Op::Process(op));
    if let Some(name) = &ending.keyring {
        steps(ProcessOp::NewKeyring { name: name.clone() });
    }
    for (index, limit) in process.rlimits.iter().enumerate() {
        steps(tables::limit(limit).map_err(|error| error.context(format_args!("process.rlimits[{index}]")))?);
    }
    if let Some(scheduler) = &process.scheduler {
        steps(tables::scheduler(scheduler).map_err(|error| error.context("process.scheduler"))?);
    }
    if let Some(priority) = &process.io_priority {
        steps(tables::io_priority(priority).map_err(|error| error.context("process.ioPriority"))?);
    }
    if let Some(personality) = personality {
        steps(tables::personality(personality)?);
    }
    if let Some(keep) = capability_names(ending)?.map(|names| names.bounding) {
        steps(ProcessOp::DropBounding { keep });
    }
    if process.no_new_privileges {
        steps(ProcessOp::SetNoNewPrivileges);
    }
    let asked = &process.user.additional_gids;
    steps(ProcessOp::SetUser {
        uid: process.user.uid,
        gid: process.user.gid,
        // The group that the process has anyway needs no setgroups(2).
        groups: (ending.may_set_groups || asked.iter().any(|gid| *gid != process.user.gid))
            .then(|| asked.clone()),
        umask: process.user.umask.unwrap_or(0o022),
    });
    steps(ProcessOp::ChangeDirectory { path: process.cwd.to_string() });
    let search = process.env.iter().find_map(|variable| variable.strip_prefix("PATH=")).unwrap_or_default();
    steps(ProcessOp::FindProgram {
        name: process.args.first().map(|name| name.to_string()).unwrap_or_default(),
        search: search.to_owned(),
    });
    // The creator takes the listener's descriptor from the process and hands it over, before the exec closes it.
    if let Some(load) = ending.load_seccomp().filter(|_| ending.has_listener()) {
        plan.init(load);
        plan.init_reaches(Mark::FilterLoaded);
        plan.creator_reaches(Mark::ListenerTaken);
    }
    Ok(())
}

impl Ending<'_> {
    fn has_listener(&self) -> bool {
        self.seccomp.is_some_and(|(program, _)| program.has_listener())
    }

    fn load_seccomp(&self) -> Option<Op> {
        let (program, profile) = self.seccomp?;
        let text = |text: Option<&crate::spec::Str<'_>>| text.map(|text| text.to_string());
        Some(Op::Process(ProcessOp::LoadSeccomp(Box::new(LoadSeccomp {
            program: program.clone(),
            listener_path: text(profile.and_then(|profile| profile.listener_path.as_ref())),
            listener_metadata: text(profile.and_then(|p| p.listener_metadata.as_ref())).unwrap_or_default(),
        }))))
    }
}

/// The very last changes, and the program. Loading a filter takes either `CAP_SYS_ADMIN` or no-new-privileges: with
/// the latter the filter goes last, so that it need not allow what comes before it.
pub(super) fn execute(plan: &mut Plan, ending: &Ending<'_>) {
    let process = ending.process;
    let is_loaded = plan.steps.iter().any(|step| matches!(step.op, Op::Process(ProcessOp::LoadSeccomp(_))));
    let load = if is_loaded { None } else { ending.load_seccomp() };
    // The names were checked when the bounding set was planned.
    let capabilities = capability_names(ending).ok().flatten().unwrap_or_default();
    let set = Op::Process(ProcessOp::SetCapabilities {
        effective: capabilities.effective,
        permitted: capabilities.permitted,
        inheritable: capabilities.inheritable,
        ambient: capabilities.ambient,
    });
    let steps = if process.no_new_privileges { [Some(set), load] } else { [load, Some(set)] };
    for op in steps.into_iter().flatten() {
        plan.init(op);
    }
    plan.init(Op::Exec {
        arguments: process.args.iter().map(|argument| argument.to_string()).collect(),
        environment: process.env.iter().map(|variable| variable.to_string()).collect(),
        home_of: (!process.env.iter().any(|variable| variable.starts_with("HOME=")))
            .then_some(process.user.uid),
    });
}

/// The five sets by name.
#[derive(Default)]
struct CapabilityNames {
    bounding: Vec<String>,
    effective: Vec<String>,
    permitted: Vec<String>,
    inheritable: Vec<String>,
    ambient: Vec<String>,
}

/// The capabilities of a process, every name known; without the field, none at all.
fn capability_names(ending: &Ending<'_>) -> Result<Option<CapabilityNames>> {
    let Some(sets) = &ending.process.capabilities else { return Ok(Some(CapabilityNames::default())) };
    let names = |field: &str, set: &[crate::spec::Str<'_>]| {
        set.iter()
            .map(|name| match barque_sys::capability::number(name) {
                Some(_) => Ok(name.to_string()),
                None => {
                    Err(Error::invalid(format!("process.capabilities.{field}: {name:?} is not a capability"))
                        .hint("names are like CAP_NET_ADMIN, see capabilities(7)"))
                }
            })
            .collect::<Result<Vec<_>>>()
    };
    Ok(Some(CapabilityNames {
        bounding: names("bounding", &sets.bounding)?,
        effective: names("effective", &sets.effective)?,
        permitted: names("permitted", &sets.permitted)?,
        inheritable: names("inheritable", &sets.inheritable)?,
        ambient: names("ambient", &sets.ambient)?,
    }))
}
