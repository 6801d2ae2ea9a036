//! `barque explain --bundle` beside `barque oci run`: the script, run by `sh`, makes an equal container.

use std::process::{Child, Command, Stdio};

use barque_equivalence_tests::{Bundle, Findings, can_make_containers, compare};
use serde_json::json;

/// Makes both containers, compares them, and returns what they have in common.
fn equal(bundle: &Bundle) -> Findings {
    let script = bundle.run_script();
    let barque = bundle.run();
    compare(&script, &barque);
    barque
}

#[test]
fn defaults() {
    if !can_make_containers() {
        return;
    }
    let found = equal(&Bundle::new("defaults"));
    // What was compared is what was asked for: a probe that finds nothing would make everything equal.
    assert!(found.tells("names", "barque"), "{found:?}");
    assert!(found.tells("namespaces", "pid: its own"), "{found:?}");
    assert!(found.tells("namespaces", "user: the host's"), "{found:?}");
    assert!(found.tells("network", "127.0.0.1"), "{found:?}");
    assert!(found.tells("mountinfo", "/proc/keys in /proc"), "{found:?}");
    assert!(found.tells("ids and capabilities", "CapBnd:\t0000000020000420"), "{found:?}");
}

#[test]
fn limits() {
    if !can_make_containers() {
        return;
    }
    let mut bundle = Bundle::new("limits");
    bundle.config["linux"]["resources"] = json!({
        "memory": {"limit": 67_108_864, "reservation": 33_554_432},
        "cpu": {"quota": 50_000, "period": 100_000, "shares": 512, "cpus": "0", "mems": "0"},
        "pids": {"limit": 64},
        "devices": [
            {"allow": false, "access": "rwm"},
            {"allow": true, "type": "c", "major": 10, "minor": 200, "access": "rw"},
        ],
    });
    bundle.config["process"]["oomScoreAdj"] = json!(500);
    bundle.config["process"]["rlimits"] = json!([
        {"type": "RLIMIT_NOFILE", "soft": 512, "hard": 1024},
        {"type": "RLIMIT_CORE", "soft": 0, "hard": 0},
        {"type": "RLIMIT_STACK", "soft": 4_194_304, "hard": 8_388_608},
    ]);
    let found = equal(&bundle);
    for text in ["67108864", "/cpuset.cpus: 0", "pids.max: 64"] {
        assert!(found.tells("cgroup values", text), "{text}: {found:?}");
    }
    // cgroup v2 has no list to read: its rules are a program.
    let on_v2 = found.tells("cgroup values", "memory.max");
    assert!(on_v2 || found.tells("cgroup values", "c 10:200 rw"), "{found:?}");
    assert!(found.tells("limits", "Max open files            512                  1024"), "{found:?}");
}

#[test]
fn user_namespace() {
    if !can_make_containers() {
        return;
    }
    let mut bundle = Bundle::new("user-namespace");
    bundle.own_root(100_000);
    let namespaces = bundle.config["linux"]["namespaces"].as_array_mut().unwrap();
    namespaces.push(json!({"type": "user"}));
    let mappings = json!([
        {"containerID": 0, "hostID": 100_000, "size": 1000},
        {"containerID": 1000, "hostID": 200_000, "size": 64_536},
    ]);
    bundle.config["linux"]["uidMappings"] = mappings.clone();
    bundle.config["linux"]["gidMappings"] = mappings;
    let volume = bundle.volume("volume");
    bundle
        .mount(json!({"destination": "/data", "source": volume, "type": "bind", "options": ["rbind", "ro"]}));
    let found = equal(&bundle);
    assert!(found.tells("namespaces", "user: its own"), "{found:?}");
    assert!(found.tells("ids and capabilities", "200000"), "{found:?}");
    assert!(
        found.tells("mounted files", "/data/one regular empty file")
            || found.tells("mounted files", "/data/one")
    );
}

#[test]
fn read_only_with_volumes_and_tmpfs() {
    if !can_make_containers() {
        return;
    }
    let mut bundle = Bundle::new("volumes");
    bundle.config["root"]["readonly"] = json!(true);
    let (first, second) = (bundle.volume("first"), bundle.volume("second"));
    let file = format!("{first}/one");
    for mount in [
        json!({"destination": "/data/volume", "source": first, "type": "bind", "options": ["bind", "nosuid"]}),
        json!({"destination": "/link/followed", "source": second, "type": "bind", "options": ["rbind", "rro"]}),
        json!({"destination": "/etc/extra", "source": file, "type": "bind", "options": ["bind", "ro", "noexec"]}),
        json!({"destination": "/srv", "source": "tmpfs", "type": "tmpfs",
            "options": ["size=1m", "mode=1750", "noatime", "tmpcopyup"]}),
        json!({"destination": "tmp", "source": "tmpfs", "type": "tmpfs", "options": ["nodev", "private"]}),
    ] {
        bundle.mount(mount);
    }
    bundle.config["process"]["cwd"] = json!("/data/volume");
    let found = equal(&bundle);
    assert!(found.tells("mountinfo", "/data/followed in /: "), "{found:?}");
    assert!(found.tells("mounted files", "/data/volume/one regular file"), "{found:?}");
    assert!(found.tells("mounted files", "/srv/copied regular file"), "{found:?}");
    assert!(!found.tells("mounted files", "/ can be written to"), "{found:?}");
}

#[test]
fn capabilities_of_a_user() {
    if !can_make_containers() {
        return;
    }
    let mut bundle = Bundle::new("capabilities");
    let some = json!(["CAP_NET_ADMIN", "CAP_CHOWN"]);
    bundle.config["process"]["capabilities"] = json!({
        "bounding": ["CAP_NET_ADMIN", "CAP_CHOWN", "CAP_KILL"],
        "permitted": some, "effective": some, "inheritable": some, "ambient": ["CAP_NET_ADMIN"],
    });
    bundle.config["process"]["noNewPrivileges"] = json!(false);
    bundle.config["process"]["user"] =
        json!({"uid": 1000, "gid": 1000, "umask": 0o077, "additionalGids": [5, 2000]});
    let found = equal(&bundle);
    assert!(found.tells("ids and capabilities", "CapAmb:\t0000000000001000"), "{found:?}");
    assert!(found.tells("ids and capabilities", "CapInh:\t0000000000001001"), "{found:?}");
    assert!(found.tells("ids and capabilities", "Umask:\t0077"), "{found:?}");
    assert!(found.tells("environment", "HOME=/home/user"), "{found:?}");
}

/// A process that holds namespaces to be joined.
struct Holder(Child);

impl Holder {
    fn new() -> Self {
        let child = Command::new("unshare")
            .args([
                "--net",
                "--ipc",
                "--uts",
                "sh",
                "-c",
                "ip link set lo up; ip addr add 10.9.8.7/24 dev lo; echo; exec sleep 600",
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut child = child.expect("unshare");
        let output = child.stdout.as_mut().expect("a pipe");
        std::io::Read::read_exact(output, &mut [0]).expect("the namespaces are made");
        Self(child)
    }

    fn path(&self, kind: &str) -> String {
        format!("/proc/{}/ns/{kind}", self.0.id())
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn joined_namespaces_and_clocks() {
    if !can_make_containers() {
        return;
    }
    let holder = Holder::new();
    let mut bundle = Bundle::new("joined");
    bundle.config["linux"]["namespaces"] = json!([
        {"type": "network", "path": holder.path("net")},
        {"type": "ipc", "path": holder.path("ipc")},
        {"type": "mount"}, {"type": "pid"}, {"type": "uts"}, {"type": "cgroup"}, {"type": "time"},
    ]);
    bundle.config["linux"]["timeOffsets"] =
        json!({"boottime": {"secs": 86_400}, "monotonic": {"secs": 3_600}});
    let found = equal(&bundle);
    assert!(found.tells("network", "10.9.8.7"), "{found:?}");
    assert!(found.tells("process", "86400"), "{found:?}");
}

#[test]
fn the_hosts_processes_and_cgroups() {
    if !can_make_containers() {
        return;
    }
    let mut bundle = Bundle::new("shared");
    bundle.config["linux"]["namespaces"] = json!([{"type": "mount"}, {"type": "uts"}, {"type": "network"}]);
    let path = format!("/{}", bundle.id());
    let found = equal(&bundle);
    assert!(found.tells("namespaces", "pid: the host's"), "{found:?}");
    assert!(found.tells("cgroup paths", &path), "{found:?}");
}

#[test]
fn the_process_and_the_kernel() {
    if !can_make_containers() {
        return;
    }
    let mut bundle = Bundle::new("process");
    bundle.config["hostname"] = json!("a-name");
    bundle.config["domainname"] = json!("a.domain");
    bundle.config["linux"]["sysctl"] = json!({"net.ipv4.ip_forward": "1"});
    bundle.config["linux"]["rootfsPropagation"] = json!("private");
    bundle.config["linux"]["personality"] = json!({"domain": "LINUX32"});
    bundle.config["linux"]["devices"] = json!([
        {"path": "/dev/net/tun", "type": "c", "major": 10, "minor": 200, "fileMode": 0o600, "uid": 7, "gid": 8},
        {"path": "/dev/pipe", "type": "p"},
        {"path": "/dev/null", "type": "c", "major": 1, "minor": 3, "fileMode": 0o644},
    ]);
    bundle.config["process"]["scheduler"] = json!({"policy": "SCHED_BATCH", "nice": 5});
    bundle.config["process"]["ioPriority"] = json!({"class": "IOPRIO_CLASS_BE", "priority": 6});
    bundle.config["process"]["cwd"] = json!("/work/made here");
    bundle.config["process"]["env"] = json!(["PATH=/bin", "TEXT=it's \"two\"\nlines $HOME", "EMPTY="]);
    let found = equal(&bundle);
    assert!(found.tells("network", "1"), "{found:?}");
    assert!(found.tells("process", "/work/made here"), "{found:?}");
    assert!(found.tells("names", "a.domain"), "{found:?}");
}
