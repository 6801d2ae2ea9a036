//! Device nodes and the links that programs expect in `/dev`.

use super::Plan;
use super::input::{Input, NamespacePlan};
use super::mount::{Mount, Source};
use super::op::Op;
use crate::spec::{LinuxDevice, NamespaceKind};
use crate::{Error, Result};

/// The devices every container has, config-linux.md "Default Devices": name and minor number; all of major 1 but tty.
const DEFAULT: [(&str, u32, u32); 6] = [
    ("/dev/null", 1, 3),
    ("/dev/zero", 1, 5),
    ("/dev/full", 1, 7),
    ("/dev/random", 1, 8),
    ("/dev/urandom", 1, 9),
    ("/dev/tty", 5, 0),
];

/// The links every container has, runtime-linux.md "Dev symbolic links", and `/dev/ptmx` of its own devpts.
const LINKS: [(&str, &str); 5] = [
    ("/proc/self/fd", "/dev/fd"),
    ("/proc/self/fd/0", "/dev/stdin"),
    ("/proc/self/fd/1", "/dev/stdout"),
    ("/proc/self/fd/2", "/dev/stderr"),
    ("pts/ptmx", "/dev/ptmx"),
];

/// The spec's devices as mounts, for a new user namespace: the creator makes the nodes, owned by the ids that the
/// namespace maps to those asked for.
pub(super) fn mounted(input: &Input<'_>, namespaces: &NamespacePlan) -> Result<Vec<Mount>> {
    let mut mounts = Vec::new();
    if !are_mounted(input, namespaces) || binds_host_dev(input) {
        return Ok(mounts);
    }
    for (index, device) in listed(input).iter().enumerate() {
        let op = one(device, true).map_err(|error| error.context(format_args!("linux.devices[{index}]")))?;
        let Op::MakeDevice { path, kind, major, minor, mode, uid, gid, bind: true } = op else { continue };
        let (Some(uid), Some(gid)) = (host_id(uid, input, false), host_id(gid, input, true)) else {
            return Err(Error::invalid(format!(
                "linux.devices[{index}]: its owner {uid}:{gid} is not mapped in the user namespace"
            ))
            .hint("give uid and gid that linux.uidMappings and linux.gidMappings hold"));
        };
        mounts.push(Mount::new(Source::Device { kind, major, minor, mode, uid, gid }, path));
    }
    Ok(mounts)
}

/// Whether the spec's devices come as mounts. Who joins a user namespace does not know its mappings, and without
/// privileges nobody makes nodes.
fn are_mounted(input: &Input<'_>, namespaces: &NamespacePlan) -> bool {
    namespaces.is_new(NamespaceKind::User) && input.host.privileged
}

/// What an id of the container's new user namespace is outside.
fn host_id(id: u32, input: &Input<'_>, of_group: bool) -> Option<u32> {
    let linux = input.spec.linux.as_ref()?;
    let mappings = if of_group { &linux.gid_mappings } else { &linux.uid_mappings };
    mappings.iter().find_map(|mapping| {
        let offset = id.checked_sub(mapping.container_id).filter(|offset| *offset < mapping.size)?;
        mapping.host_id.checked_add(offset)
    })
}

fn binds_host_dev(input: &Input<'_>) -> bool {
    let is_host_dev = |mount: &crate::spec::Mount<'_>| {
        let bind = mount.kind.as_deref() == Some("bind")
            || mount.options.iter().any(|o| *o == "bind" || *o == "rbind");
        bind && mount.destination.trim_end_matches('/') == "/dev"
    };
    input.spec.mounts.iter().any(is_host_dev)
}

/// Adds the default devices and links and those of the spec. Where the spec binds the host's `/dev`, nothing is made:
/// it would be made on the host.
pub(super) fn default_and_listed(
    plan: &mut Plan,
    input: &Input<'_>,
    namespaces: &NamespacePlan,
) -> Result<()> {
    let user_namespace = namespaces.is_own(NamespaceKind::User);
    if binds_host_dev(input) {
        return Ok(());
    }
    for (path, major, minor) in DEFAULT {
        let listed = listed(input).iter().any(|device| device.path == path);
        if !listed {
            plan.init(Op::MakeDevice {
                path: path.to_owned(),
                kind: 'c',
                major,
                minor,
                mode: 0o666,
                uid: 0,
                gid: 0,
                bind: user_namespace,
            });
        }
    }
    for (index, device) in listed(input).iter().enumerate() {
        let op = one(device, user_namespace)
            .map_err(|error| error.context(format_args!("linux.devices[{index}]")))?;
        let is_mounted = are_mounted(input, namespaces) && matches!(op, Op::MakeDevice { bind: true, .. });
        if !is_mounted {
            plan.init(op);
        }
    }
    for (target, path) in LINKS {
        plan.init(Op::MakeLink { target: target.to_owned(), path: path.to_owned() });
    }
    Ok(())
}

fn listed<'i>(input: &'i Input<'_>) -> &'i [LinuxDevice<'i>] {
    input.spec.linux.as_ref().map(|linux| &linux.devices[..]).unwrap_or_default()
}

fn one(device: &LinuxDevice<'_>, user_namespace: bool) -> Result<Op> {
    let kind = match &*device.kind {
        "c" | "u" => 'c',
        "b" => 'b',
        "p" => 'p',
        other => {
            return Err(Error::invalid(format!("type: {other:?} is not a kind of device"))
                .hint("use c (character), b (block), u (unbuffered character) or p (fifo)"));
        }
    };
    if !device.path.starts_with('/') {
        return Err(Error::invalid(format!("path: {:?} is not absolute", &*device.path)));
    }
    let number = |name: &str, value: i64| {
        u32::try_from(value).map_err(|_| Error::invalid(format!("{name}: {value} is not a device number")))
    };
    let fifo = kind == 'p';
    Ok(Op::MakeDevice {
        path: device.path.to_string(),
        kind,
        major: if fifo { 0 } else { number("major", device.major)? },
        minor: if fifo { 0 } else { number("minor", device.minor)? },
        mode: device.file_mode.unwrap_or(0o666),
        uid: device.uid.unwrap_or(0),
        gid: device.gid.unwrap_or(0),
        bind: user_namespace && !fifo,
    })
}
