//! What must hold before anything is planned: errors that name the field and the cure.

use super::input::{Input, NamespacePlan};
use crate::spec::{Hook, IdMapping, NamespaceKind, Process, Spec};
use crate::{Error, Result};

/// Checks what does not depend on the host.
pub(super) fn spec(spec: &Spec<'_>) -> Result<()> {
    version(&spec.oci_version)?;
    let root =
        spec.root.as_ref().ok_or_else(|| Error::invalid("root: missing").hint("name the root filesystem"))?;
    if root.path.is_empty() {
        return Err(Error::invalid("root.path: is empty").hint("name the root filesystem's directory"));
    }
    if let Some(process) = &spec.process {
        self::process(process)?;
    }
    if let Some(hooks) = &spec.hooks {
        for point in [
            super::HookPoint::Prestart,
            super::HookPoint::CreateRuntime,
            super::HookPoint::CreateContainer,
            super::HookPoint::StartContainer,
            super::HookPoint::Poststart,
            super::HookPoint::Poststop,
        ] {
            for (index, hook) in super::create::hooks_of(hooks, point).iter().enumerate() {
                self::hook(hook)
                    .map_err(|error| error.context(format_args!("hooks.{}[{index}]", point.name())))?;
            }
        }
    }
    let Some(linux) = &spec.linux else { return Ok(()) };
    if let Some(propagation) = &linux.rootfs_propagation {
        let known =
            ["shared", "slave", "private", "unbindable", "rshared", "rslave", "rprivate", "runbindable", ""];
        if !known.contains(&propagation.as_str()) {
            return Err(Error::invalid(format!(
                "linux.rootfsPropagation: {:?} is not known",
                propagation.as_str()
            ))
            .hint("use shared, slave, private or unbindable, with an r before for all mounts below"));
        }
    }
    for (field, paths) in [("maskedPaths", &linux.masked_paths), ("readonlyPaths", &linux.readonly_paths)] {
        if let Some(path) = paths.iter().find(|path| !path.starts_with('/')) {
            return Err(Error::invalid(format!("linux.{field}: {:?} is not absolute", path.as_str())));
        }
    }
    Ok(())
}

/// Versions 1.x are read: later minor versions only add fields.
fn version(text: &str) -> Result<()> {
    let core = text.split(['-', '+']).next().unwrap_or_default();
    let parts: Vec<_> = core.split('.').collect();
    let numeric = parts.iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
    if parts.len() != 3 || !numeric {
        return Err(Error::invalid(format!("ociVersion: {text:?} is not a semantic version"))
            .hint("write the version of the runtime specification that the bundle follows, such as 1.2.0"));
    }
    if parts[0] != "1" {
        return Err(Error::unsupported(format!("ociVersion: {text:?} is not supported"))
            .hint("this runtime reads versions 1.x of the runtime specification"));
    }
    Ok(())
}

/// Checks a process, of `config.json` or of `exec`.
pub(super) fn process(process: &Process<'_>) -> Result<()> {
    if process.args.is_empty() {
        return Err(Error::invalid("process.args: is empty").hint("name the program to run"));
    }
    if !process.cwd.starts_with('/') {
        return Err(Error::invalid(format!(
            "process.cwd: {:?} is not an absolute path",
            process.cwd.as_str()
        ))
        .hint("use / where it does not matter"));
    }
    if let Some(score) = process.oom_score_adj.filter(|score| !(-1000..=1000).contains(score)) {
        return Err(Error::invalid(format!("process.oomScoreAdj: {score} is not between -1000 and 1000")));
    }
    let mut seen = Vec::new();
    for limit in &process.rlimits {
        if seen.contains(&&limit.kind) {
            return Err(Error::invalid(format!("process.rlimits: {} is listed twice", limit.kind.as_str())));
        }
        seen.push(&limit.kind);
    }
    Ok(())
}

fn hook(hook: &Hook<'_>) -> Result<()> {
    if !hook.path.starts_with('/') {
        return Err(Error::invalid(format!("path: {:?} is not absolute", hook.path.as_str())));
    }
    match hook.timeout {
        Some(timeout) if timeout <= 0 => Err(Error::invalid(format!("timeout: {timeout} is not above zero"))),
        _ => Ok(()),
    }
}

/// Checks what depends on which namespaces there are.
pub(super) fn namespaces(input: &Input<'_>, namespaces: &NamespacePlan) -> Result<()> {
    let spec = input.spec;
    let needs = |field: &str, kind: NamespaceKind| {
        Err(Error::invalid(format!(
            "{field}: needs a {} namespace of the container's own",
            super::namespace_name(kind)
        ))
        .hint(format!("add {{\"type\": {:?}}} to linux.namespaces", super::namespace_name(kind))))
    };
    if spec.hostname.is_some() && !namespaces.is_own(NamespaceKind::Uts) {
        return needs("hostname", NamespaceKind::Uts);
    }
    if spec.domainname.is_some() && !namespaces.is_own(NamespaceKind::Uts) {
        return needs("domainname", NamespaceKind::Uts);
    }
    if !namespaces.is_own(NamespaceKind::Mount) {
        return needs("root", NamespaceKind::Mount);
    }
    let Some(linux) = &spec.linux else { return Ok(()) };
    let mapped = !linux.uid_mappings.is_empty() || !linux.gid_mappings.is_empty();
    if namespaces.is_new(NamespaceKind::User) {
        mappings("linux.uidMappings", &linux.uid_mappings)?;
        mappings("linux.gidMappings", &linux.gid_mappings)?;
    } else if mapped && !namespaces.is_joined(NamespaceKind::User) {
        return needs("linux.uidMappings", NamespaceKind::User);
    }
    if !linux.time_offsets.is_empty() && !namespaces.is_new(NamespaceKind::Time) {
        return needs("linux.timeOffsets", NamespaceKind::Time);
    }
    if let Some(clock) =
        linux.time_offsets.keys().find(|clock| !matches!(clock.as_str(), "monotonic" | "boottime"))
    {
        return Err(Error::invalid(format!("linux.timeOffsets: {:?} is not a clock", clock.as_str()))
            .hint("a time namespace has the clocks monotonic and boottime"));
    }
    if !linux.net_devices.is_empty() && !namespaces.is_own(NamespaceKind::Network) {
        return needs("linux.netDevices", NamespaceKind::Network);
    }
    rootless(input, namespaces)
}

fn mappings(field: &str, mappings: &[IdMapping]) -> Result<()> {
    if mappings.is_empty() {
        return Err(Error::invalid(format!("{field}: is empty, and the container has a new user namespace"))
            .hint("map at least one id, such as {\"containerID\": 0, \"hostID\": 100000, \"size\": 65536}"));
    }
    if mappings.len() > 340 {
        return Err(Error::invalid(format!("{field}: {} ranges, the kernel takes 340", mappings.len())));
    }
    for (index, mapping) in mappings.iter().enumerate() {
        let overflows = |first: u32| u64::from(first) + u64::from(mapping.size) > u64::from(u32::MAX);
        if mapping.size == 0 || overflows(mapping.container_id) || overflows(mapping.host_id) {
            return Err(Error::invalid(format!("{field}[{index}]: {mapping:?} is not a range of ids")));
        }
    }
    Ok(())
}

fn rootless(input: &Input<'_>, namespaces: &NamespacePlan) -> Result<()> {
    if input.host.privileged || namespaces.is_own(NamespaceKind::User) {
        return Ok(());
    }
    Err(Error::new(
        crate::ErrorKind::PermissionDenied,
        "linux.namespaces: an unprivileged caller needs a user namespace",
    )
    .hint("add {\"type\": \"user\"} with uidMappings and gidMappings (`spec --rootless` writes such a file)"))
}

/// A kernel parameter must belong to a namespace of the container's own: others would change the host.
pub(super) fn sysctl(key: &str, namespaces: &NamespacePlan) -> Result<()> {
    let dotted = key.replace('/', ".");
    let needs = |kind: NamespaceKind| {
        if namespaces.is_own(kind) {
            return Ok(());
        }
        Err(Error::invalid(format!(
            "linux.sysctl: {key:?} needs a {} namespace of the container's own",
            super::namespace_name(kind)
        ))
        .hint("without one it would change the host"))
    };
    const IPC: [&str; 7] = [
        "kernel.msgmax",
        "kernel.msgmnb",
        "kernel.msgmni",
        "kernel.sem",
        "kernel.shmall",
        "kernel.shmmax",
        "kernel.shmmni",
    ];
    if IPC.contains(&dotted.as_str())
        || dotted == "kernel.shm_rmid_forced"
        || dotted.starts_with("fs.mqueue.")
    {
        return needs(NamespaceKind::Ipc);
    }
    if dotted.starts_with("net.") {
        return needs(NamespaceKind::Network);
    }
    match dotted.as_str() {
        "kernel.domainname" => needs(NamespaceKind::Uts),
        "kernel.hostname" => Err(Error::invalid("linux.sysctl: \"kernel.hostname\" conflicts with hostname")
            .hint("use the field hostname")),
        _ => Err(Error::invalid(format!("linux.sysctl: {key:?} does not belong to a namespace"))
            .hint("it would change the host; known are net.*, fs.mqueue.*, kernel.msg*, kernel.sem, kernel.shm* and kernel.domainname")),
    }
}
