//! The whole request.

use std::collections::BTreeMap;

use barque_engine::RestartPolicy;
use barque_engine::definition::{MountPoint, NetworkRequest, OwnFile, ScratchDirectory};
use barque_engine::volume::Wanted;
use barque_runtime::spec::{Linux, Process, Root, Spec, Str, TimeOffset};

use super::environment::{Defaults, environment};
use super::mount::{Mounts, Scene, mounts};
use super::namespaces::Namespaces;
use super::security::{Security, security};
use super::user::Identity;
use super::{
    Caller, Host, PathKind, RootSource, annotations, capabilities, cgroup, command, devices, files, health,
    identity, limits, log, network, rlimits, sysctl, user, userns,
};
use crate::flags::Parsed;
use crate::terminal::DetachKeys;
use crate::value::{duration, integer, signal_number};
use crate::{Error, Result};

/// What `barque run` is to do, as a value.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRequest {
    /// The container's id.
    pub id: String,
    /// Its name, when one was given.
    pub name: Option<String>,
    /// Where its root filesystem comes from.
    pub rootfs: RootSource,
    /// Write into the directory itself instead of a throw-away layer.
    pub rw_rootfs: bool,
    /// The configuration. `root.path` is empty until the root filesystem is prepared, and `linux.seccomp`
    /// until [`RunRequest::seccomp`] is resolved.
    pub spec: Spec<'static>,
    /// Which system call filter it gets.
    pub seccomp: SeccompChoice,
    /// Its network; none when it has its loopback only, or a network namespace of others.
    pub network: Option<NetworkRequest>,
    /// That, as it was asked for; other containers by their ids.
    pub network_mode: String,
    /// The ports it is said to listen on, as `80/tcp`.
    pub exposed: Vec<String>,
    /// Files to write into [`Caller::directory`] before the mounts.
    pub files: Vec<OwnFile>,
    /// Directories of the host that `-v` names and that must be made, with their parents.
    pub create_directories: Vec<String>,
    /// What users have mounted into it.
    pub mounts: Vec<MountPoint>,
    /// Volumes that it needs: found, or made.
    pub volumes: Vec<Wanted>,
    /// Directories for one run each.
    pub scratch_directories: Vec<ScratchDirectory>,
    /// Keep standard input open.
    pub interactive: bool,
    /// Give it a terminal.
    pub tty: bool,
    /// Remove it when it exits.
    pub rm: bool,
    /// Run an init as process 1.
    pub init: bool,
    /// Pass signals on.
    pub sig_proxy: bool,
    /// Keys that detach.
    pub detach_keys: DetachKeys,
    /// File to write the id to.
    pub cidfile: Option<String>,
    /// Signal that asks it to stop.
    pub stop_signal: i32,
    /// Seconds to wait before it is killed.
    pub stop_timeout: i64,
    /// What is done when it ends.
    pub restart: RestartPolicy,
    /// How it is seen whether it is healthy.
    pub health: Option<barque_engine::health::Check>,
    /// Seconds after which it is stopped.
    pub timeout: Option<u64>,
    /// What users say of it.
    pub labels: BTreeMap<String, String>,
    /// How many words of the command are the entrypoint's.
    pub entrypoint: usize,
    /// Where its output goes.
    pub log: barque_engine::log::Config,
    /// What the user should know, a sentence each.
    pub warnings: Vec<String>,
}

/// Which system call filter a container gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SeccompChoice {
    /// The built-in profile.
    Default,
    /// None.
    Unconfined,
    /// A profile in Docker's format, by absolute path.
    File(String),
}

/// SIGTERM.
const TERM: i32 = 15;
/// Docker's patience in seconds.
const PATIENCE: i64 = 10;

/// Reads the flags of `run` (or `explain`) with their meaning.
pub fn request(flags: &Parsed, caller: &Caller, host: &dyn Host) -> Result<RunRequest> {
    let root = flags.positional().first().ok_or_else(|| {
        Error::invalid(format!("{:?} requires at least 1 argument", flags.command().path))
            .hint("name an image, or a root filesystem: @host, dir:PATH or tar:FILE")
    })?;
    let rootfs = RootSource::parse(root, &caller.cwd)?;
    terminal(flags, caller)?;
    let mut warnings = Vec::new();
    let built = build(flags, caller, host, &rootfs, &mut warnings)?;
    let rw_rootfs = flags.switch("rw-rootfs");
    if rw_rootfs && !matches!(rootfs, RootSource::Directory(_)) {
        return Err(Error::invalid("conflicting options: --rw-rootfs is for dir:PATH only")
            .hint("an archive or the host's own root is never written to"));
    }
    Ok(RunRequest {
        id: caller.id.clone(),
        name: identity::name(flags)?,
        rw_rootfs,
        spec: built.spec,
        seccomp: built.seccomp,
        network: built.network,
        network_mode: built.network_mode,
        exposed: built.exposed,
        files: built.files,
        create_directories: built.create,
        mounts: built.mounts,
        volumes: built.volumes,
        scratch_directories: built.scratch,
        interactive: flags.switch("interactive"),
        tty: flags.switch("tty"),
        rm: flags.switch("rm"),
        init: flags.switch("init"),
        sig_proxy: flags.value("sig-proxy") != Some("false"),
        detach_keys: flags.read("detach-keys", DetachKeys::parse)?.unwrap_or_default(),
        cidfile: cidfile(flags, caller, host)?,
        stop_signal: stop_signal(flags, host)?,
        stop_timeout: flags.read("stop-timeout", integer::<i64>)?.unwrap_or(PATIENCE),
        restart: restart(flags)?,
        health: health::health(flags, host.image())?,
        timeout: flags.read("timeout", integer::<u64>)?.filter(|seconds| *seconds > 0),
        labels: built.labels,
        entrypoint: command::entrypoint_words(flags, host.image()),
        log: log::log(flags, host, &mut warnings)?,
        warnings,
        rootfs,
    })
}

fn terminal(flags: &Parsed, caller: &Caller) -> Result<()> {
    if flags.switch("tty") && flags.switch("interactive") && !caller.stdin_terminal {
        return Err(Error::invalid("the input device is not a TTY")
            .hint("leave out -t when standard input is a file or a pipe"));
    }
    Ok(())
}

fn cidfile(flags: &Parsed, caller: &Caller, host: &dyn Host) -> Result<Option<String>> {
    let Some(path) = flags.value("cidfile").filter(|path| !path.is_empty()) else {
        return Ok(None);
    };
    let path = super::root::absolute(path, &caller.cwd);
    if host.path_kind(&path) != PathKind::Missing {
        return Err(Error::invalid(format!(
            "container ID file found, make sure the other container isn't running or delete {path}"
        )));
    }
    Ok(Some(path))
}

fn restart(flags: &Parsed) -> Result<RestartPolicy> {
    let policy = RestartPolicy::parse(flags.value("restart").unwrap_or_default())?;
    if policy != RestartPolicy::No && flags.switch("rm") {
        return Err(Error::invalid("conflicting options: cannot specify both --restart and --rm"));
    }
    Ok(policy)
}

fn stop_signal(flags: &Parsed, host: &dyn Host) -> Result<i32> {
    let own = || host.image().and_then(|image| image.stop_signal.as_deref());
    let Some(text) = flags.value("stop-signal").or_else(own).filter(|text| !text.is_empty()) else {
        return Ok(TERM);
    };
    signal_number(text).ok_or_else(|| {
        Error::invalid(format!("invalid signal: {text}")).hint("give a name (TERM, SIGTERM) or a number (15)")
    })
}

/// What is made together, since its parts depend on one another.
struct Built {
    labels: BTreeMap<String, String>,
    spec: Spec<'static>,
    seccomp: SeccompChoice,
    files: Vec<OwnFile>,
    create: Vec<String>,
    mounts: Vec<MountPoint>,
    volumes: Vec<Wanted>,
    scratch: Vec<ScratchDirectory>,
    network: Option<NetworkRequest>,
    network_mode: String,
    exposed: Vec<String>,
}

fn build(
    flags: &Parsed,
    caller: &Caller,
    host: &dyn Host,
    root: &RootSource,
    warnings: &mut Vec<String>,
) -> Result<Built> {
    let namespaces = Namespaces::read(flags, userns::user_namespace(flags, caller, host)?, host)?;
    let hostname = identity::hostname(flags, host, &namespaces, &caller.id)?;
    let exposed = network::exposed(flags, host)?;
    let network = network::network(flags, caller, &hostname, &exposed, warnings)?;
    let files = match namespaces.network.peer() {
        // Names and name servers go with the network: the files are those of the container it belongs to.
        Some(_) => Vec::new(),
        None => files::files(flags, host, &namespaces, &hostname, network.as_ref())?,
    };
    let mut sources: Vec<(String, String)> =
        files.iter().map(|file| (file.path.clone(), format!("{}/{}", caller.directory, file.name))).collect();
    sources.extend(namespaces.network.peer().into_iter().flat_map(|peer| peer.files.clone()));
    let scene = Scene { caller, host, root, namespaces: &namespaces, files: &sources };
    let mut mounts = mounts(flags, &scene)?;
    warnings.append(&mut mounts.warnings);
    let mut devices = devices::devices(flags, caller, host)?;
    mounts.list.append(&mut devices.binds);
    let security = security(flags, caller, host, warnings)?;
    let process = process(flags, &scene, &security, &hostname, warnings)?;
    let labels = annotations::labels(flags, host)?;
    let Mounts { list, create, points, volumes, scratch, .. } = mounts;
    let own_name = !namespaces.uts.is_host();
    let spec = Spec {
        oci_version: "1.2.0".into(),
        process: Some(process),
        root: Some(Root { path: Str::default(), readonly: flags.switch("read-only") }),
        hostname: own_name.then(|| hostname.into()),
        domainname: flags
            .value("domainname")
            .filter(|name| !name.is_empty())
            .map(|name| name.to_owned().into()),
        mounts: list,
        annotations: annotations::annotations(flags, &labels)?,
        linux: Some(linux(flags, &scene, &security, devices, warnings)?),
        ..Spec::default()
    };
    Ok(Built {
        labels,
        spec,
        seccomp: security.seccomp,
        files,
        create,
        mounts: points,
        volumes,
        scratch,
        network,
        network_mode: namespaces.network.name(network::chosen(flags)),
        exposed,
    })
}

fn process(
    flags: &Parsed,
    scene: &Scene<'_>,
    security: &Security,
    hostname: &str,
    warnings: &mut Vec<String>,
) -> Result<Process<'static>> {
    let identity = identity_of(flags, scene)?;
    let terminal = flags.switch("tty");
    let image = scene.host.image();
    let variables = image.map_or(&[][..], |image| &image.env);
    let defaults = Defaults { hostname, home: &identity.home, terminal, image: variables };
    Ok(Process {
        terminal,
        env: owned(environment(flags, scene.host, &defaults)?),
        args: owned(command::arguments(flags, image)?),
        cwd: command::working_directory(flags, image)?.into(),
        capabilities: Some(capabilities::capabilities(
            flags,
            scene.caller,
            scene.namespaces.user.is_foreign(),
        )?),
        rlimits: rlimits::rlimits(flags, scene.caller, scene.host, warnings)?,
        no_new_privileges: security.no_new_privileges,
        apparmor_profile: security.apparmor.clone().map(Into::into),
        selinux_label: security.labels.as_ref().map(|(process, _)| process.clone().into()),
        oom_score_adj: oom_score_adj(flags)?,
        user: identity.user,
        ..Process::default()
    })
}

/// The ids it runs as.
pub(super) fn user_of(flags: &Parsed, scene: &Scene<'_>) -> Result<(u32, u32)> {
    let identity = identity_of(flags, scene)?;
    Ok((identity.user.uid, identity.user.gid))
}

/// Who it runs as: `--user`, or the caller itself with `--userns keep-id`, or root.
fn identity_of(flags: &Parsed, scene: &Scene<'_>) -> Result<Identity> {
    let user_namespace = &scene.namespaces.user;
    let kept = user_namespace.default_user.map(|(uid, gid)| format!("{uid}:{gid}"));
    let image = scene.host.image().map(|image| image.user.as_str()).filter(|user| !user.is_empty());
    let wanted = flags.value("user").or(kept.as_deref()).or(image).unwrap_or("");
    let read = |path: &str| scene.host.rootfs_file(scene.root, path);
    let mut identity = user::resolve(wanted, flags.all("group-add"), read)?;
    let ids = &mut identity.user;
    let user = format!("{}:{}", ids.uid, ids.gid);
    for (what, id, mapped) in
        [("uid", ids.uid, user_namespace.has_uid(ids.uid)), ("gid", ids.gid, user_namespace.has_gid(ids.gid))]
    {
        if !mapped {
            return Err(Error::invalid(format!(
                "user {user}: {what} {id} is not mapped in the user namespace"
            ))
            .hint("add a range to /etc/subuid and /etc/subgid, or map it with --userns uidmap=…"));
        }
    }
    // Groups that came from /etc/group may be unmapped; setgroups(2) would refuse them all.
    ids.additional_gids.retain(|gid| user_namespace.has_gid(*gid));
    Ok(identity)
}

fn oom_score_adj(flags: &Parsed) -> Result<Option<i32>> {
    match flags.read("oom-score-adj", integer::<i32>)? {
        Some(value) if !(-1000..=1000).contains(&value) => {
            Err(Error::invalid(format!("Invalid value {value}, range for oom score adj is [-1000, 1000]")))
        }
        value => Ok(value),
    }
}

fn linux(
    flags: &Parsed,
    scene: &Scene<'_>,
    security: &Security,
    devices: devices::Devices,
    warnings: &mut Vec<String>,
) -> Result<Linux<'static>> {
    let mut resources = limits::limits(flags, scene.caller, scene.host, warnings)?;
    resources.devices = devices.rules;
    let time_offsets = time_offsets(flags)?;
    Ok(Linux {
        namespaces: scene.namespaces.list(!time_offsets.is_empty()),
        uid_mappings: scene.namespaces.user.uids.clone(),
        gid_mappings: scene.namespaces.user.gids.clone(),
        sysctl: sysctl::sysctls(flags, scene.namespaces)?,
        cgroups_path: cgroup::path(flags, scene.caller)?.map(Into::into),
        resources: (scene.caller.cgroups != super::CgroupVersion::Unavailable).then_some(resources),
        devices: devices.nodes,
        masked_paths: owned(security.masked.clone()),
        readonly_paths: owned(security.read_only.clone()),
        mount_label: security.labels.as_ref().map(|(_, files)| files.clone().into()),
        time_offsets,
        ..Linux::default()
    })
}

/// `--time-offset CLOCK=OFFSET[,CLOCK=OFFSET]`.
fn time_offsets(flags: &Parsed) -> Result<BTreeMap<Str<'static>, TimeOffset>> {
    let mut offsets = BTreeMap::new();
    for text in flags.all("time-offset") {
        for part in text.split(',') {
            let invalid = |why: String| flags.invalid("time-offset", text, why);
            let (clock, offset) =
                part.split_once('=').ok_or_else(|| invalid("write CLOCK=OFFSET".to_owned()))?;
            if !matches!(clock, "monotonic" | "boottime") {
                return Err(invalid(format!("no clock {clock:?}: it is monotonic or boottime")));
            }
            let offset = duration(offset).map_err(invalid)?;
            offsets
                .insert(clock.to_owned().into(), TimeOffset { secs: offset.secs, nanosecs: offset.nanosecs });
        }
    }
    Ok(offsets)
}

fn owned(list: Vec<String>) -> Vec<Str<'static>> {
    list.into_iter().map(Str::from).collect()
}
