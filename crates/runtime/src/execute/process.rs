//! Changes of the process itself.

use std::path::Path;

use barque_sys::capability::{self, Capabilities};
use barque_sys::process::{self as sys, SchedulerAttributes};

use super::init::Init;
use super::message::Message;
use super::{program, seccomp};
use crate::error::Context as _;
use crate::plan::ProcessOp;
use crate::{Error, ErrorKind, Result};

/// Does one change.
pub(super) fn change(init: &mut Init<'_, '_>, op: &ProcessOp) -> Result<()> {
    match op {
        ProcessOp::NewKeyring { name } => new_keyring(name),
        ProcessOp::SetOomScore { value } => set_oom_score(*value),
        ProcessOp::SetLimit { name, resource, soft, hard } => set_limit(init, name, *resource, *soft, *hard),
        ProcessOp::SetScheduler { policy, flags, nice, priority, deadline } => {
            set_scheduler(SchedulerAttributes {
                policy: *policy,
                flags: *flags,
                nice: *nice,
                priority: *priority,
                runtime: deadline[0],
                deadline: deadline[1],
                period: deadline[2],
                size: 0,
            })
        }
        ProcessOp::SetIoPriority { class, level } => {
            sys::set_io_priority(*class, *level).context(|| "process.ioPriority")
        }
        ProcessOp::SetAffinity { cpus } => sys::set_affinity(cpus).context(|| "process.execCPUAffinity"),
        ProcessOp::SetMemoryPolicy { mode, nodes } => {
            sys::set_memory_policy(*mode, nodes).context(|| "linux.memoryPolicy")
        }
        ProcessOp::SetPersonality { persona } => {
            sys::set_personality(*persona).context(|| "linux.personality")
        }
        ProcessOp::SetLabel { module, label } => set_label(module, label),
        ProcessOp::SetUser { uid, gid, groups, umask } => {
            set_user(init, *uid, *gid, groups.as_deref(), *umask)
        }
        ProcessOp::ChangeDirectory { path } => change_directory(path),
        ProcessOp::FindProgram { name, search } => {
            init.program = Some(program::find(name, search)?);
            Ok(())
        }
        ProcessOp::DropBounding { keep } => drop_bounding(init, keep),
        ProcessOp::SetCapabilities { effective, permitted, inheritable, ambient } => {
            set_capabilities([effective, permitted, inheritable, ambient])
        }
        ProcessOp::SetNoNewPrivileges => Ok(sys::set_no_new_privileges()?),
        ProcessOp::LoadSeccomp(load) => seccomp::load(init, load),
    }
}

/// A kernel without keyrings, or a filter around us that forbids them, has no keys to keep apart.
fn new_keyring(name: &str) -> Result<()> {
    match sys::new_session_keyring(name) {
        Err(error) if matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::PermissionDenied) => Ok(()),
        // The user's quota of keys is used up: as good as none for this purpose, and no reason not to start.
        Err(error) if error.kind() == ErrorKind::Unavailable => Ok(()),
        result => Ok(result?),
    }
}

fn set_oom_score(value: i32) -> Result<()> {
    let file = Path::new("/proc/self/oom_score_adj");
    barque_sys::file::write_once(file, &value.to_string()).map_err(|error| {
        let denied = error.kind() == ErrorKind::PermissionDenied;
        let error = Error::from(error).context("process.oomScoreAdj");
        if denied { error.hint("a value below the caller's own takes CAP_SYS_RESOURCE") } else { error }
    })
}

/// Without `CAP_SYS_RESOURCE` the hard limit cannot be raised. An engine's default of a million open files would then
/// make every start fail on such a host, where what can be had will do: it is given, and said.
fn set_limit(init: &Init<'_, '_>, name: &str, resource: u32, soft: u64, hard: u64) -> Result<()> {
    let denied = match sys::set_limit(resource, soft, hard) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => error,
        result => return result.context(|| format!("process.rlimits: {name}")),
    };
    let (_, ceiling) = sys::limit(resource)?;
    if hard <= ceiling {
        return Err(Error::from(denied).context(format_args!("process.rlimits: {name}")));
    }
    sys::set_limit(resource, soft.min(ceiling), ceiling).context(|| format!("process.rlimits: {name}"))?;
    let text = format!(
        "{name}: the hard limit stays at {ceiling} instead of {hard}, because raising it takes CAP_SYS_RESOURCE"
    );
    Message::Warning(text).send(&init.channel)
}

fn set_scheduler(attributes: SchedulerAttributes) -> Result<()> {
    sys::set_scheduler(attributes).map_err(|error| {
        Error::from(error)
            .context("process.scheduler")
            .hint("real-time policies take CAP_SYS_NICE, and cgroup v1 a cpu.rt_runtime_us")
    })
}

fn set_label(module: &str, label: &str) -> Result<()> {
    let enabled = match module {
        "apparmor" => Path::new("/sys/module/apparmor/parameters/enabled"),
        _ => Path::new("/sys/fs/selinux/enforce"),
    };
    let field = if module == "apparmor" { "process.apparmorProfile" } else { "process.selinuxLabel" };
    let on = barque_sys::file::read(enabled).is_ok_and(|text| module != "apparmor" || text.starts_with('Y'));
    if !on {
        return Err(Error::unsupported(format!("{field} {label:?}: {module} is not enabled on this host"))
            .hint("leave the field out, or enable the security module"));
    }
    let own = format!("/proc/self/attr/{module}/exec");
    let file = if Path::new(&own).exists() { own } else { "/proc/self/attr/exec".to_owned() };
    let text = if module == "apparmor" { format!("exec {label}") } else { label.to_owned() };
    barque_sys::file::write_once(Path::new(&file), &text).map_err(|error| {
        Error::from(error)
            .context(format_args!("{field} {label:?}"))
            .hint("the profile must be loaded on the host")
    })
}

/// Gives up supplementary groups.
pub(super) fn drop_groups() -> Result<()> {
    match sys::set_groups(&[]) {
        // An unprivileged caller may not, nor may anybody in its user namespace with one id: it keeps its own.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(()),
        result => Ok(result?),
    }
}

/// Takes on user and group 0 of a new user namespace, with all the capabilities in it.
pub(super) fn become_root(may_be_seen: bool) -> Result<()> {
    for result in [sys::set_group(0), sys::set_user(0)] {
        match result {
            // Id 0 is not mapped: the process goes on as nobody (65534), with the namespace's capabilities.
            Err(error) if error.kind() == ErrorKind::InvalidArgument => {}
            result => result?,
        }
    }
    // A change of user id makes a process non-dumpable by itself; as a rule so it must stay.
    Ok(sys::set_dumpable(may_be_seen)?)
}

fn set_user(init: &mut Init<'_, '_>, uid: u32, gid: u32, groups: Option<&[u32]>, umask: u32) -> Result<()> {
    let unmapped = |error: Error, what: &str| {
        let invalid = error.kind() == ErrorKind::InvalidArgument;
        let error = error.context(format_args!("process.user.{what}"));
        if invalid { error.hint("the id is not mapped in the container's user namespace") } else { error }
    };
    if let Some(terminal) = init.terminal.take() {
        sys::take_terminal(&terminal, uid)?;
    } else {
        sys::give_stdio_to(uid);
    }
    sys::set_umask(umask);
    if let Some(groups) = groups {
        match sys::set_groups(groups) {
            // A user namespace that was joined may deny it for good (`/proc/self/setgroups`); a privileged caller has
            // given its groups up before ([`crate::plan::Op::DropGroups`]).
            Err(error) if error.kind() == ErrorKind::PermissionDenied && groups.is_empty() => {}
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                return Err(unmapped(error.into(), "additionalGids").hint(
                    "setgroups is denied in a user namespace that an unprivileged user made with one id",
                ));
            }
            result => result.map_err(|error| unmapped(error.into(), "additionalGids"))?,
        }
    }
    sys::set_group(gid).map_err(|error| unmapped(error.into(), "gid"))?;
    sys::keep_capabilities(true)?;
    sys::set_user(uid).map_err(|error| unmapped(error.into(), "uid"))?;
    sys::keep_capabilities(false)?;
    // The change of user has emptied the effective set.
    let [_, permitted, inheritable] = capability::sets()?;
    Ok(capability::set(permitted, permitted, inheritable)?)
}

/// Goes to the working directory. It must lie below the root: a descriptor of the host's left open, or a `/proc/self/fd`
/// path in the configuration, could make it a directory outside (CVE-2024-21626), which the kernel then shows with
/// `(unreachable)` before it.
fn change_directory(path: &str) -> Result<()> {
    let what = || format!("process.cwd {path:?}");
    sys::change_directory(Path::new(path)).map_err(|error| {
        let missing = error.kind() == ErrorKind::NotFound;
        let error = Error::from(error).context(what());
        if missing { error.hint("it does not exist in the container, and could not be made") } else { error }
    })?;
    let here = sys::current_directory().context(what)?;
    if here.starts_with('/') {
        return Ok(());
    }
    Err(Error::new(ErrorKind::PermissionDenied, format!("{}: it is outside of the container's root", what())))
}

fn set_of(names: &[String]) -> Capabilities {
    let mut set = Capabilities::default();
    for number in names.iter().filter_map(|name| capability::number(name)) {
        set.insert(number);
    }
    set
}

fn drop_bounding(init: &Init<'_, '_>, keep: &[String]) -> Result<()> {
    let wanted = set_of(keep);
    let missing = Capabilities(wanted.0 & !capability::in_bounding(wanted).0);
    if missing != Capabilities::default() {
        let names: Vec<_> = missing.names().collect();
        let text = format!("the caller itself has no {}: the container does without", names.join(", "));
        Message::Warning(text).send(&init.channel)?;
    }
    capability::drop_bounding(wanted).context(|| "process.capabilities.bounding")
}

fn set_capabilities(names: [&[String]; 4]) -> Result<()> {
    let [effective, permitted, inheritable, ambient] = names.map(set_of);
    let [_, own, _] = capability::sets()?;
    let permitted = permitted.intersection(own);
    // What the thread does not have it may make inheritable only if the bounding set has it.
    let beyond = Capabilities(inheritable.0 & !own.0);
    let inheritable = inheritable.intersection(Capabilities(own.0 | capability::in_bounding(beyond).0));
    capability::set(effective.intersection(permitted), permitted, inheritable)
        .context(|| "process.capabilities")?;
    capability::set_ambient(ambient.intersection(permitted).intersection(inheritable))
        .context(|| "process.capabilities.ambient")
}
