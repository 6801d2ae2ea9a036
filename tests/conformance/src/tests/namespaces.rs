//! `linux.namespaces`: made, joined, inherited.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use crate::case::Level::{Must, Should};
use crate::case::{Case, Outcome, Verdict, case, check, differ, same};
use crate::lab::Lab;

pub(crate) const CASES: &[Case] = &[
    case(
        "namespaces::new",
        "config-linux.md#namespaces",
        Must,
        "a type without a path is a new namespace: pid, network, mount, ipc, uts, cgroup",
        new,
    ),
    case("namespaces::new_user", "config-linux.md#namespaces", Should, "a new user namespace", new_user),
    case("namespaces::new_time", "config-linux.md#namespaces", Should, "a new time namespace", new_time),
    case(
        "namespaces::inherited",
        "config-linux.md#namespaces",
        Must,
        "a type that is not listed is the runtime's own namespace",
        inherited,
    ),
    case(
        "namespaces::join_network",
        "config-linux.md#namespaces",
        Must,
        "`path` joins a network namespace",
        |lab| join(lab, "network", "net"),
    ),
    case("namespaces::join_uts", "config-linux.md#namespaces", Must, "`path` joins a uts namespace", |lab| {
        join(lab, "uts", "uts")
    }),
    case(
        "namespaces::join_ipc",
        "config-linux.md#namespaces",
        Must,
        "`path` joins an ipc namespace",
        |lab| join(lab, "ipc", "ipc"),
    ),
    case(
        "namespaces::join_pid",
        "config-linux.md#namespaces",
        Must,
        "`path` joins a pid namespace, where the program is not process 1",
        join_pid,
    ),
    case(
        "namespaces::join_cgroup",
        "config-linux.md#namespaces",
        Must,
        "`path` joins a cgroup namespace",
        |lab| join(lab, "cgroup", "cgroup"),
    ),
    case(
        "namespaces::join_time",
        "config-linux.md#namespaces",
        Should,
        "`path` joins a time namespace",
        |lab| join(lab, "time", "time"),
    ),
    case(
        "namespaces::join_user",
        "config-linux.md#namespaces",
        Should,
        "`path` joins a user namespace",
        join_user,
    ),
    case(
        "namespaces::join_survives_delete",
        "runtime.md#delete",
        Must,
        "delete leaves a joined namespace to its owner",
        join_survives_delete,
    ),
    case(
        "namespaces::path_of_another_type",
        "config-linux.md#namespaces",
        Must,
        "a path to a namespace of another type is an error",
        path_of_another_type,
    ),
    case(
        "namespaces::path_is_no_namespace",
        "config-linux.md#namespaces",
        Must,
        "a path to a plain file is an error",
        path_is_no_namespace,
    ),
    case(
        "namespaces::path_missing",
        "config-linux.md#namespaces",
        Must,
        "a path that does not exist is an error",
        path_missing,
    ),
    case(
        "namespaces::path_absolute",
        "config-linux.md#namespaces",
        Must,
        "the path is absolute",
        path_absolute,
    ),
    case(
        "namespaces::duplicate",
        "config-linux.md#namespaces",
        Must,
        "two entries of one type are an error",
        duplicate,
    ),
    case(
        "namespaces::network_is_empty",
        "config-linux.md#namespaces",
        Should,
        "a new network namespace has no interface of the host",
        network_is_empty,
    ),
    case(
        "namespaces::pid_sees_itself_only",
        "config-linux.md#namespaces",
        Must,
        "in a new pid namespace no process of the host is visible",
        pid_sees_itself_only,
    ),
    case(
        "namespaces::cgroup_is_root",
        "config-linux.md#namespaces",
        Should,
        "in a new cgroup namespace the process is in `/`",
        cgroup_is_root,
    ),
];

fn own() -> Verdict<Value> {
    Ok(crate::probe::namespaces()?)
}

fn new(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.namespace("cgroup", None);
    let report = lab.probe(&mut bundle, &["ns"])?;
    let own = own()?;
    for kind in ["pid", "net", "mnt", "ipc", "uts", "cgroup"] {
        differ(kind, &report["ns"][kind], &own[kind])?;
    }
    Ok(())
}

fn new_user(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.user_namespace(&[(0, 100_000, 65536)])?;
    differ("user", &lab.probe(&mut bundle, &["ns"])?["ns"]["user"], &own()?["user"])
}

fn new_time(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.namespace("time", None);
    differ("time", &lab.probe(&mut bundle, &["ns"])?["ns"]["time"], &own()?["time"])
}

fn inherited(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    for kind in ["pid", "network", "ipc", "uts"] {
        bundle.without_namespace(kind);
    }
    bundle.remove("/hostname");
    let report = lab.probe(&mut bundle, &["ns"])?;
    let own = own()?;
    for kind in ["pid", "net", "ipc", "uts", "user", "cgroup", "time"] {
        same(kind, &report["ns"][kind], &own[kind])?;
    }
    Ok(())
}

/// Starts a process with namespaces of its own; its pid.
fn holder(lab: &Lab, flags: &[&str]) -> Verdict<u32> {
    let mut command = Command::new("unshare");
    command.args(flags).args(["--fork", "--kill-child"]).arg(lab.probe_path()).arg("term");
    let (pid, out) =
        lab.spawn(command).map_err(|_| Outcome::Skip("needs unshare of util-linux".to_owned()))?;
    lab.until("the holder of namespaces", || fs::read_to_string(&out).ok()?.contains("ready").then_some(()))?;
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
    Ok(children.trim().parse()?)
}

const ALL: &[&str] = &["--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--time"];

fn join(lab: &Lab, kind: &str, file: &str) -> Verdict {
    let path = format!("/proc/{}/ns/{file}", holder(lab, ALL)?);
    let mut bundle = lab.bundle()?;
    bundle.namespace(kind, Some(&path));
    if kind == "uts" {
        bundle.remove("/hostname");
    }
    let report = lab.probe(&mut bundle, &["ns"])?;
    let theirs = fs::read_link(path)?;
    same(kind, &report["ns"][file], &json!(theirs))
}

fn join_pid(lab: &Lab) -> Verdict {
    let path = format!("/proc/{}/ns/pid", holder(lab, ALL)?);
    let mut bundle = lab.bundle()?;
    bundle.namespace("pid", Some(&path));
    let report = lab.probe(&mut bundle, &["ns", "pid"])?;
    same("namespace", &report["ns"]["pid"], &json!(fs::read_link(path)?))?;
    check(report["pid"]["pid"].as_u64().is_some_and(|pid| pid > 1), || format!("pid is {}", report["pid"]))
}

fn join_user(lab: &Lab) -> Verdict {
    let pid = holder(lab, &["--user", "--map-root-user", "--net", "--ipc"])?;
    let mut bundle = lab.bundle()?;
    bundle.namespace("user", Some(&format!("/proc/{pid}/ns/user")));
    // A network namespace of the host cannot carry a sysfs of this user namespace.
    bundle.namespace("network", Some(&format!("/proc/{pid}/ns/net")));
    let report = lab.probe(&mut bundle, &["ns"])?;
    same("user", &report["ns"]["user"], &json!(fs::read_link(format!("/proc/{pid}/ns/user"))?))
}

fn join_survives_delete(lab: &Lab) -> Verdict {
    let path = format!("/proc/{}/ns/net", holder(lab, ALL)?);
    let mut bundle = lab.bundle()?;
    bundle.namespace("network", Some(&path));
    lab.create(&bundle)?;
    let before = fs::read_link(&path)?;
    same("the container's", fs::read_link(format!("/proc/{}/ns/net", lab.pid()?))?, &*before)?;
    lab.ok(&["delete", "--force", &lab.id])?;
    same("namespace", fs::read_link(&path)?, before)
}

fn refused(lab: &Lab, why: &str, kind: &str, path: &str) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.namespace(kind, Some(path)).remove("/hostname");
    lab.create_refused(why, &bundle).map(drop)
}

fn path_of_another_type(lab: &Lab) -> Verdict {
    let path = format!("/proc/{}/ns/net", holder(lab, ALL)?);
    refused(lab, "the path is of a network namespace, the type ipc", "ipc", &path)
}

fn path_is_no_namespace(lab: &Lab) -> Verdict {
    refused(lab, "the path is a plain file", "network", &lab.file("plain", "")?)
}

fn path_missing(lab: &Lab) -> Verdict {
    refused(lab, "the path does not exist", "network", &lab.text("nowhere"))
}

fn path_absolute(lab: &Lab) -> Verdict {
    lab.control()?;
    let mut bundle = lab.bundle()?;
    bundle.namespace("network", Some("proc/self/ns/net"));
    let path = bundle.write()?;
    let mut command = lab.command(&["create", "--bundle", &path, &lab.id]);
    command.current_dir("/");
    let done = lab.finish(command)?;
    check(done.code != 0, || "a relative path was accepted".to_owned())
}

fn duplicate(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.push("/linux/namespaces", json!({"type": "ipc"}));
    lab.create_refused("there are two ipc namespaces", &bundle).map(drop)
}

fn network_is_empty(lab: &Lab) -> Verdict {
    let report = lab.probe(&mut lab.bundle()?, &["net"])?;
    let host = fs::read_to_string("/proc/net/dev")?;
    for name in report["net"].as_array().cloned().unwrap_or_default() {
        let name = name.as_str().unwrap_or_default().to_owned();
        // Tunnel modules put fallback devices into every namespace.
        let fallback = [
            "lo", "tunl0", "sit0", "gre0", "gretap0", "erspan0", "ip6tnl0", "ip6gre0", "ip_vti0", "ip6_vti0",
        ];
        let stray = !fallback.contains(&name.as_str()) && host.contains(&format!("{name}:"));
        check(!stray, || format!("{name} of the host is there"))?;
    }
    Ok(())
}

fn pid_sees_itself_only(lab: &Lab) -> Verdict {
    let report = lab.probe(&mut lab.bundle()?, &["list=/proc"])?;
    let names = report["list=/proc"].as_array().cloned().unwrap_or_default();
    let pids: Vec<u32> = names.iter().filter_map(|name| name.as_str()?.parse().ok()).collect();
    same("processes", pids, [1])
}

fn cgroup_is_root(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.namespace("cgroup", None);
    let report = lab.probe(&mut bundle, &["read=/proc/self/cgroup"])?;
    let text = report["read=/proc/self/cgroup"].as_str().unwrap_or_default().to_owned();
    let wrong: Vec<&str> = text
        .lines()
        .filter(|line| line.contains("pids") || line.contains("memory"))
        .filter(|line| !line.ends_with(":/"))
        .collect();
    check(wrong.is_empty(), || format!("{wrong:?}"))
}
