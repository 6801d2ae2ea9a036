//! The configuration that `spec` writes for a user to start from: what runc's `spec` says, in meaning.

use super::{
    Capabilities, DeviceRule, IdMapping, Linux, Mount, Namespace, NamespaceKind, Process, Resources, Rlimit,
    Root, Spec, Str, User,
};

/// Who an unprivileged user's container maps to its root: ids of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rootless {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
}

/// A shell in a read-only `rootfs`, with few capabilities; in a user namespace when `rootless`.
pub fn template(rootless: Option<Rootless>) -> Spec<'static> {
    Spec {
        // The oldest version that has all of this: crun 1.8 refuses a later one.
        oci_version: "1.0.2".into(),
        process: Some(process()),
        root: Some(Root { path: "rootfs".into(), readonly: true }),
        hostname: Some("barque".into()),
        mounts: mounts(rootless.is_some()),
        linux: Some(linux(rootless)),
        ..Spec::default()
    }
}

fn process() -> Process<'static> {
    let capabilities = || strings(&["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]);
    Process {
        terminal: true,
        user: User::default(),
        args: strings(&["sh"]),
        env: strings(&["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"]),
        cwd: "/".into(),
        // No ambient and no inheritable set: a program that changes its user must not keep them
        // (CVE-2022-29162).
        capabilities: Some(Capabilities {
            bounding: capabilities(),
            effective: capabilities(),
            permitted: capabilities(),
            ..Capabilities::default()
        }),
        rlimits: vec![Rlimit { kind: "RLIMIT_NOFILE".into(), soft: 1024, hard: 1024 }],
        no_new_privileges: true,
        ..Process::default()
    }
}

fn mounts(rootless: bool) -> Vec<Mount<'static>> {
    // The group `tty` is not mapped with a single id.
    let pts: &[&str] = &["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"];
    let pts = if rootless { &pts[..5] } else { pts };
    let sys = if rootless {
        // Without a network namespace of its own, an unprivileged user cannot mount a new sysfs.
        mount("/sys", "none", "/sys", &["rbind", "nosuid", "noexec", "nodev", "ro"])
    } else {
        mount("/sys", "sysfs", "sysfs", &["nosuid", "noexec", "nodev", "ro"])
    };
    vec![
        mount("/proc", "proc", "proc", &[]),
        mount("/dev", "tmpfs", "tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536k"]),
        mount("/dev/pts", "devpts", "devpts", pts),
        mount("/dev/shm", "tmpfs", "shm", &["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),
        mount("/dev/mqueue", "mqueue", "mqueue", &["nosuid", "noexec", "nodev"]),
        sys,
        mount("/sys/fs/cgroup", "cgroup", "cgroup", &["nosuid", "noexec", "nodev", "relatime", "ro"]),
    ]
}

fn linux(rootless: Option<Rootless>) -> Linux<'static> {
    use NamespaceKind::{Cgroup, Ipc, Mount, Network, Pid, User, Uts};
    let kinds: &[NamespaceKind] = match rootless {
        None => &[Pid, Network, Ipc, Uts, Mount, Cgroup],
        Some(_) => &[Pid, Ipc, Uts, Mount, Cgroup, User],
    };
    let one = |host_id| vec![IdMapping { container_id: 0, host_id, size: 1 }];
    let deny_all = DeviceRule { allow: false, access: Some("rwm".into()), ..DeviceRule::default() };
    Linux {
        namespaces: kinds.iter().map(|kind| Namespace { kind: *kind, path: None }).collect(),
        uid_mappings: rootless.map_or_else(Vec::new, |ids| one(ids.uid)),
        gid_mappings: rootless.map_or_else(Vec::new, |ids| one(ids.gid)),
        resources: rootless.is_none().then(|| Resources { devices: vec![deny_all], ..Resources::default() }),
        masked_paths: strings(&[
            "/proc/acpi",
            "/proc/asound",
            "/proc/kcore",
            "/proc/keys",
            "/proc/latency_stats",
            "/proc/timer_list",
            "/proc/timer_stats",
            "/proc/sched_debug",
            "/sys/firmware",
            "/proc/scsi",
        ]),
        readonly_paths: strings(&["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]),
        ..Linux::default()
    }
}

fn mount(
    destination: &'static str,
    kind: &'static str,
    source: &'static str,
    options: &[&'static str],
) -> Mount<'static> {
    Mount {
        destination: destination.into(),
        kind: Some(kind.into()),
        source: Some(source.into()),
        options: strings(options),
        ..Mount::default()
    }
}

fn strings(list: &[&'static str]) -> Vec<Str<'static>> {
    list.iter().map(|text| Str::from(*text)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(rootless: Option<Rootless>) -> String {
        serde_json::to_string_pretty(&template(rootless)).unwrap()
    }

    #[test]
    fn templates() {
        insta::assert_snapshot!("template", json(None));
        insta::assert_snapshot!("template-rootless", json(Some(Rootless { uid: 1000, gid: 100 })));
    }

    #[test]
    fn reads_back() {
        let text = json(None);
        assert_eq!(serde_json::from_str::<Spec<'_>>(&text).unwrap(), template(None));
    }
}
