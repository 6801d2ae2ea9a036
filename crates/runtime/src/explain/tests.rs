//! Representative plans, as data and as scripts. Whether the scripts do what they say is a matter for
//! `tests/equivalence`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::{Options, script, seccomp_program};
use crate::cgroup::{self, Layout};
use crate::plan::mount::{Part, RootSource, Upper};
use crate::plan::{self, CgroupTree, Host, HostFile, Input, Plan};
use crate::spec::{Resources, Spec};

/// A machine with few hierarchies, so that scripts stay short.
const HYBRID: (&str, &str, &str) = (
    "4:pids:/\n2:memory:/\n0::/\n",
    "33 23 0:33 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
36 23 0:36 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids
37 23 0:37 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
",
    "",
);

const UNIFIED: (&str, &str, &str) =
    ("0::/\n", "29 22 0:25 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n", "memory pids");

/// What a plan is made from, with the parts that the tests change.
struct Case {
    spec: Value,
    machine: (&'static str, &'static str, &'static str),
    root: RootSource,
    files: Vec<HostFile>,
    options: plan::Options,
    host: Host,
}

impl Case {
    /// The configuration that `oci spec` writes, and root on a hybrid machine.
    fn new() -> Self {
        let mut spec = serde_json::to_value(crate::spec::template(None)).unwrap();
        spec["process"]["terminal"] = json!(false);
        Self {
            spec,
            machine: HYBRID,
            root: RootSource::Directory { path: PathBuf::from("/bundle/rootfs") },
            files: Vec::new(),
            options: plan::Options::default(),
            host: Host { privileged: true, ..Host::default() },
        }
    }

    /// The same with as little as possible around what a test is about.
    fn small() -> Self {
        let mut case = Self::new();
        case.spec["mounts"] = json!([]);
        case.spec["linux"] = json!({"namespaces": [{"type": "mount"}, {"type": "pid"}]});
        case.spec["root"]["readonly"] = json!(false);
        case.spec.as_object_mut().unwrap().remove("hostname");
        case
    }

    fn plan(&self) -> Plan {
        let text = self.spec.to_string();
        let spec: Spec<'_> = serde_json::from_str(&text).unwrap();
        let layout = Layout::parse(self.machine.0, self.machine.1, self.machine.2);
        let none = Resources::default();
        let linux = spec.linux.as_ref().unwrap();
        let access = if self.host.privileged { cgroup::Access::Full } else { cgroup::Access::Delegated };
        let resources = linux.resources.as_ref().unwrap_or(&none);
        let cgroup = cgroup::plan(
            &layout,
            &cgroup::Request { cgroups_path: None, id: "box", resources, access, systemd: None },
        )
        .unwrap();
        let seccomp = linux.seccomp.as_ref().map(|profile| crate::seccomp::compile(profile).unwrap());
        plan::make(&Input {
            id: "box",
            bundle: Path::new("/bundle"),
            spec: &spec,
            root: self.root.clone(),
            cgroup_trees: CgroupTree::of(&layout, &cgroup.group),
            rdt: linux
                .intel_rdt
                .as_ref()
                .map(|config| crate::rdt::plan(config, "box", Some(Path::new("/sys/fs/resctrl"))).unwrap()),
            cgroup: self.host.privileged.then_some(cgroup),
            seccomp,
            files: self.files.clone(),
            options: self.options.clone(),
            host: self.host,
        })
        .unwrap()
    }

    /// The script, which `sh` must be able to read, inner script and all.
    fn script(&self) -> String {
        let options = Options { id: "box", seccomp_file: None };
        let text = script(&self.plan(), &options).as_str().to_owned();
        let (end, rest) = text.split_once("<<'").and_then(|(_, rest)| rest.split_once("'\n")).unwrap();
        let inner = rest.split(&format!("\n{end}\n")).next().unwrap();
        for part in [text.as_str(), inner] {
            let shell = Command::new("sh").args(["-n", "-c", part]).stderr(Stdio::piped()).output().unwrap();
            assert!(shell.status.success(), "{}", String::from_utf8_lossy(&shell.stderr));
        }
        text
    }

    /// The inner script from the first line that contains `start`.
    fn script_from(&self, start: &str) -> String {
        let text = self.script();
        let at = text.lines().position(|line| line.contains(start)).unwrap();
        text.lines().skip(at).collect::<Vec<_>>().join("\n")
    }
}

#[test]
fn defaults() {
    insta::assert_snapshot!(Case::new().script());
}

#[test]
fn a_plan_is_data() {
    insta::assert_snapshot!(serde_json::to_string_pretty(&Case::small().plan()).unwrap());
}

#[test]
fn an_init() {
    let mut case = Case::small();
    case.spec["process"]["args"] = json!(["/run/init", "sh", "-c", "echo a b"]);
    case.options.init = Some("/run/init".to_owned());
    insta::assert_snapshot!(case.script_from("/run/init"));
}

#[test]
fn shares_of_cache_and_bandwidth() {
    let mut case = Case::small();
    case.spec["linux"]["intelRdt"] =
        json!({"l3CacheSchema": "L3:0=f;1=f", "memBwSchema": "MB:0=20", "enableMonitoring": true});
    let script = case.script();
    let (head, rest) = script.split_once("exec unshare").unwrap();
    insta::assert_snapshot!(head);
    assert!(rest.contains("\nrmdir /sys/fs/resctrl/box/mon_groups/box /sys/fs/resctrl/box\n"), "{rest}");
}

#[test]
fn limits() {
    let mut case = Case::small();
    case.spec["linux"]["resources"] = json!({"memory": {"limit": 67_108_864}, "pids": {"limit": 32}});
    case.spec["process"]["rlimits"] = json!([{"type": "RLIMIT_CORE", "soft": 0, "hard": u64::MAX}]);
    case.spec["process"]["oomScoreAdj"] = json!(500);
    insta::assert_snapshot!("limits", case.script());
    case.machine = UNIFIED;
    insta::assert_snapshot!("limits-on-v2", case.script());
}

fn with_user_namespace(mut case: Case, mappings: &Value) -> Case {
    let kinds = ["mount", "pid", "user", "ipc"].map(|kind| json!({"type": kind}));
    case.spec["linux"]["namespaces"] = json!(kinds);
    case.spec["linux"]["uidMappings"] = mappings.clone();
    case.spec["linux"]["gidMappings"] = mappings.clone();
    case
}

#[test]
fn user_namespace() {
    let mappings = json!([
        {"containerID": 0, "hostID": 100_000, "size": 1000},
        {"containerID": 1000, "hostID": 200_000, "size": 1000},
    ]);
    let mut case = with_user_namespace(Case::small(), &mappings);
    case.spec["mounts"] = json!([
        {"destination": "/data", "source": "/srv/data", "type": "bind", "options": ["rbind", "ro"]},
        {"destination": "/mapped", "source": "/srv/mapped", "type": "bind", "options": ["bind", "idmap"],
            "uidMappings": mappings, "gidMappings": mappings},
    ]);
    insta::assert_snapshot!(case.script());
}

#[test]
fn users_without_rights() {
    let own = json!([{"containerID": 0, "hostID": 1000, "size": 1}]);
    let mut case = with_user_namespace(Case::small(), &own);
    case.host = Host { uid: 1000, gid: 1000, ..Host::default() };
    insta::assert_snapshot!("one-id", case.script_from("A process that holds"));
    let many = json!([
        {"containerID": 0, "hostID": 1000, "size": 1},
        {"containerID": 1, "hostID": 100_000, "size": 65_535},
    ]);
    let mut case = with_user_namespace(Case::small(), &many);
    case.host = Host { uid: 1000, gid: 1000, ..Host::default() };
    assert!(case.script().contains("newuidmap \"$holder\" 0 1000 1 1 100000 65535 || exit\n"));
}

#[test]
fn read_only_with_volumes_and_tmpfs() {
    let mut case = Case::small();
    case.spec["root"]["readonly"] = json!(true);
    case.spec["mounts"] = json!([
        {"destination": "/data", "source": "/srv/it's data", "type": "bind", "options": ["rbind", "rro", "rslave"]},
        {"destination": "/etc/hosts", "source": "hosts", "type": "bind", "options": ["bind", "ro", "nosuid"]},
        {"destination": "/cache", "source": "tmpfs", "type": "tmpfs", "options": ["size=1m", "tmpcopyup"]},
        {"destination": "/data", "options": ["remount", "noexec"]},
    ]);
    insta::assert_snapshot!(case.script());
}

#[test]
fn volumes() {
    let mut case = Case::small();
    case.spec["mounts"] = json!([
        {"destination": "/data", "source": "/v/data", "options": ["rbind", "X-barque.copyup", "X-barque.chown=33:34"]},
        {"destination": "/part", "source": "/v/it's", "options": ["bind", "X-mount.subdir=a/b", "ro"]},
    ]);
    let script = case.script_from("An empty volume");
    insta::assert_snapshot!(script.split("\n\n# Device").next().unwrap_or(&script));
}

#[test]
fn a_writable_layer() {
    let mut case = Case::small();
    case.files = vec![
        HostFile::Shared(PathBuf::from("/srv/new")),
        HostFile::Directory {
            path: PathBuf::from("/var/lib/barque/box"),
            mode: 0o711,
            owner: Some((100_000, 100_000)),
            kept: false,
        },
        HostFile::Directory {
            path: PathBuf::from("/var/lib/barque/box/merged"),
            mode: 0o711,
            owner: None,
            kept: false,
        },
        HostFile::File(PathBuf::from("/var/lib/barque/box/hosts"), "127.0.0.1 localhost\n".to_owned()),
    ];
    case.root = RootSource::Overlay {
        lower: vec![PathBuf::from("/layers/two:2"), PathBuf::from("/layers/one")],
        upper: Upper::Directory { path: PathBuf::from("/var/lib/barque/box"), volatile: true },
        mount_point: PathBuf::from("/var/lib/barque/box/merged"),
    };
    insta::assert_snapshot!(case.script());
}

#[test]
fn a_root_of_parts() {
    let own = json!([{"containerID": 0, "hostID": 1000, "size": 1}]);
    let mut case = with_user_namespace(Case::small(), &own);
    case.host = Host { uid: 1000, gid: 1000, ..Host::default() };
    case.root = RootSource::Composed {
        parts: vec![
            Part::Link { path: "/bin".into(), target: "usr/bin".to_owned() },
            Part::Directory { path: "/mnt".into(), mode: 0o1777 },
            Part::Overlay { path: "/mnt/a b".into(), mode: 0o755, lower: "/mnt/a b".into() },
            Part::File { path: "/note".into(), source: "/note".into() },
        ],
        mount_point: PathBuf::from("/home/u/merged"),
    };
    let script = case.script_from("The root filesystem, in memory");
    insta::assert_snapshot!(script.split("\n\n").next().unwrap_or(&script));
}

#[test]
fn capabilities_of_a_user() {
    let mut case = Case::small();
    let some = json!(["CAP_NET_ADMIN"]);
    case.spec["process"]["capabilities"] = json!({
        "bounding": ["CAP_NET_ADMIN", "CAP_CHOWN"],
        "permitted": some, "effective": some, "inheritable": some, "ambient": some,
    });
    case.spec["process"]["user"] = json!({"uid": 1000, "gid": 1000, "umask": 0o077, "additionalGids": [5]});
    insta::assert_snapshot!(case.script_from("cd /usr"));
}

#[test]
fn the_process_and_the_kernel() {
    let mut case = Case::small();
    case.spec["domainname"] = json!("a.domain");
    case.spec["linux"] = json!({
        "namespaces": [
            {"type": "mount"}, {"type": "uts"}, {"type": "time"}, {"type": "network", "path": "/run/netns/one"},
            {"type": "pid", "path": "/proc/7/ns/pid"},
        ],
        "timeOffsets": {"boottime": {"secs": 60, "nanosecs": 5}},
        "sysctl": {"net.ipv4.ip_forward": "1"},
        "netDevices": {"eth1": {"name": "net0"}},
        "rootfsPropagation": "shared",
        "personality": {"domain": "LINUX32"},
        "seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["chdir"], "action": "SCMP_ACT_ERRNO"}]},
    });
    case.spec["process"]["scheduler"] = json!({"policy": "SCHED_FIFO", "priority": 7, "nice": 0});
    case.spec["process"]["ioPriority"] = json!({"class": "IOPRIO_CLASS_BE", "priority": 6});
    case.spec["process"]["env"] = json!(["HOME=/", "TEXT=two\nlines"]);
    case.spec["hooks"] = json!({"createContainer": [{"path": "/bin/hook", "args": ["hook", "a word"]}]});
    case.options.no_pivot = true;
    insta::assert_snapshot!(case.script());
    assert!(seccomp_program(&case.plan()).is_some_and(|bytes| !bytes.is_empty() && bytes.len() % 8 == 0));
}

#[test]
fn a_line_of_the_plan_cannot_end_the_inner_script() {
    let mut case = Case::small();
    case.spec["process"]["args"] = json!(["echo", "one\nINSIDE\ntwo"]);
    let text = case.script_from("sh -euc");
    assert!(text.starts_with("    sh -euc \"$(cat <<'INSIDE_'\n"), "{text}");
    assert!(text.contains("\nINSIDE_\n)\"\n"), "{text}");
}
