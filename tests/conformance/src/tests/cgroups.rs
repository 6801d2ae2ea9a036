//! `cgroupsPath`, `resources.devices` and cgroup mounts.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::case::Level::{Must, Should};
use crate::case::{Case, Outcome, Verdict, case, check, fail, same};
use crate::host::{self, CgroupMode};
use crate::lab::Lab;

pub(crate) const CASES: &[Case] = &[
    case(
        "cgroups::absolute_path",
        "config-linux.md#cgroups-path",
        Must,
        "an absolute `cgroupsPath` is taken from the cgroup mount point, in every hierarchy with a controller",
        absolute_path,
    ),
    case(
        "cgroups::nested_path",
        "config-linux.md#cgroups-path",
        Must,
        "missing cgroups on the way are made",
        nested_path,
    ),
    case(
        "cgroups::relative_path",
        "config-linux.md#cgroups-path",
        Must,
        "a relative path leads to the same place every time",
        relative_path,
    ),
    case(
        "cgroups::no_path",
        "config-linux.md#cgroups-path",
        Should,
        "without a path the container gets a cgroup that is not the runtime's own",
        no_path,
    ),
    case(
        "cgroups::init_is_a_member",
        "config-linux.md#control-groups",
        Must,
        "the container's process is in the cgroup before its program runs",
        init_is_a_member,
    ),
    case(
        "cgroups::children_are_members",
        "config-linux.md#control-groups",
        Must,
        "so are processes that it and `exec` start",
        children_are_members,
    ),
    case(
        "cgroups::removed_with_children",
        "runtime.md#delete",
        Must,
        "delete removes the cgroup, also when the container made cgroups below it",
        removed_with_children,
    ),
    case(
        "cgroups::mount_v1",
        "config.md#posix-platform-mounts",
        Should,
        "a mount of type cgroup shows the v1 controllers, each at its directory, with the container's cgroup as root",
        mount_v1,
    ),
    case(
        "cgroups::mount_v2",
        "config.md#posix-platform-mounts",
        Should,
        "a mount of type cgroup is the unified hierarchy",
        mount_v2,
    ),
    case(
        "cgroups::mount_in_a_namespace",
        "config.md#posix-platform-mounts",
        Should,
        "with a cgroup namespace too",
        mount_in_a_namespace,
    ),
    case(
        "cgroups::mount_readonly",
        "config.md#posix-platform-mounts",
        Must,
        "and `ro` makes it read-only",
        mount_readonly,
    ),
    case(
        "device_rules::deny_all",
        "config-linux.md#allowed-device-list",
        Must,
        "a denied device cannot be opened, though its node is there",
        deny_all,
    ),
    case(
        "device_rules::allow_one",
        "config-linux.md#allowed-device-list",
        Must,
        "an allowed one can",
        allow_one,
    ),
    case(
        "device_rules::order",
        "config-linux.md#allowed-device-list",
        Must,
        "rules hold in the listed order: a later denial wins over an earlier allowance",
        order,
    ),
    case(
        "device_rules::access",
        "config-linux.md#allowed-device-list",
        Must,
        "r, w and m are three permissions",
        access,
    ),
    case(
        "device_rules::wildcards",
        "config-linux.md#allowed-device-list",
        Must,
        "an unset number means all",
        wildcards,
    ),
    case(
        "device_rules::default_devices",
        "config-linux.md#default-devices",
        Must,
        "the default devices can be used though all are denied",
        default_devices,
    ),
];

/// `/proc/PID/cgroup`: (controllers, path).
fn memberships(pid: u32) -> Verdict<Vec<(String, String)>> {
    let text = fs::read_to_string(format!("/proc/{pid}/cgroup"))?;
    let fields = text.lines().filter_map(|line| line.split_once(':')?.1.split_once(':'));
    Ok(fields.map(|(controllers, path)| (controllers.to_owned(), path.to_owned())).collect())
}

/// The container's paths in the hierarchies that can limit something.
fn container_paths(lab: &Lab) -> Verdict<Vec<(String, String)>> {
    let wanted = |controllers: &str| match host::cgroup_mode() {
        CgroupMode::V1 => !controllers.is_empty() && !controllers.starts_with("name="),
        CgroupMode::V2 => controllers.is_empty(),
    };
    Ok(memberships(lab.pid()?)?.into_iter().filter(|(controllers, _)| wanted(controllers)).collect())
}

fn absolute_path(lab: &Lab) -> Verdict {
    lab.create(&lab.bundle()?)?;
    let paths = container_paths(lab)?;
    check(!paths.is_empty(), || "in no cgroup".to_owned())?;
    for (controllers, path) in paths {
        // A hierarchy that this runtime does not know of is nobody's requirement.
        check(path == lab.cgroup() || ["misc", "rdma", "hugetlb"].contains(&controllers.as_str()), || {
            format!("{controllers}: in {path}, want {}", lab.cgroup())
        })?;
    }
    Ok(())
}

fn nested_path(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    let path = format!("{}/a/b", lab.cgroup());
    bundle.set("/linux/cgroupsPath", json!(path));
    lab.create(&bundle)?;
    let paths = container_paths(lab)?;
    check(paths.iter().any(|(_, found)| *found == path), || format!("{paths:?}"))?;
    lab.ok(&["delete", "--force", &lab.id])?;
    remove_parents(&format!("{}/a", lab.cgroup()));
    Ok(())
}

/// What a runtime made above the container's cgroup is nobody's by the text; the audit would call it left over.
fn remove_parents(path: &str) {
    for (_, point) in host::hierarchies() {
        let mut dir = point.join(path.trim_start_matches('/'));
        while dir.starts_with(&point) && dir != point && fs::remove_dir(&dir).is_ok() {
            dir.pop();
        }
    }
}

fn relative_path(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.set("/linux/cgroupsPath", json!(format!("relative-{}", lab.id)));
    let mut seen = Vec::new();
    for _ in 0..2 {
        lab.create(&bundle)?;
        seen.push(container_paths(lab)?);
        lab.ok(&["delete", "--force", &lab.id])?;
    }
    check(seen[0].iter().any(|(_, path)| path.contains("relative-")), || format!("{:?}", seen[0]))?;
    same("the second time", &seen[1], &seen[0])
}

fn no_path(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.remove("/linux/cgroupsPath");
    lab.create(&bundle)?;
    let own = memberships(std::process::id())?;
    let paths = container_paths(lab)?;
    let shared: Vec<_> = paths
        .iter()
        .filter(|pair| pair.0 == "memory" || pair.0.is_empty())
        .filter(|pair| own.contains(pair))
        .collect();
    check(shared.is_empty(), || format!("in the runtime's own cgroup: {shared:?}"))
}

fn init_is_a_member(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    let report = lab.probe(&mut bundle, &["read=/proc/self/cgroup"])?;
    let text = report["read=/proc/self/cgroup"].as_str().unwrap_or_default().to_owned();
    check(text.contains(&lab.cgroup()), || format!("at its start the program is in {text:?}"))
}

fn children_are_members(lab: &Lab) -> Verdict {
    lab.idle(&mut lab.bundle()?)?;
    let report = crate::lab::parse(&lab.ok(&[
        "exec",
        &lab.id,
        "/probe",
        "read=/proc/self/cgroup",
        "spawn=/probe read=/proc/self/cgroup",
    ])?)?;
    check(
        report["read=/proc/self/cgroup"].as_str().is_some_and(|text| text.contains(&lab.cgroup())),
        || format!("exec: {report}"),
    )?;
    let child = &report["spawn=/probe read=/proc/self/cgroup"]["out"];
    check(child.as_str().is_some_and(|text| text.contains(&lab.cgroup())), || format!("its child: {child}"))
}

fn removed_with_children(lab: &Lab) -> Verdict {
    lab.idle(&mut lab.bundle()?)?;
    for (controllers, path) in container_paths(lab)?.iter().filter(|(_, path)| *path == lab.cgroup()) {
        let point = host::hierarchies()
            .into_iter()
            .find(|(names, _)| names == controllers || controllers.is_empty() && names == "unified");
        if let Some((_, point)) = point {
            fs::create_dir_all(point.join(path.trim_start_matches('/')).join("inner"))?;
        }
    }
    lab.ok(&["delete", "--force", &lab.id])?;
    lab.audit()
}

fn only(mode: CgroupMode) -> Verdict {
    if host::cgroup_mode() == mode {
        return Ok(());
    }
    Err(Outcome::NotApplicable(format!("this host's controllers are not on cgroup {mode:?}")))
}

fn mounted(lab: &Lab, options: &[&str], namespace: bool, facts: &[&str]) -> Verdict<Value> {
    let mut bundle = lab.bundle()?;
    bundle.mount("/sys/fs/cgroup", "cgroup", "cgroup", options);
    if namespace {
        bundle.namespace("cgroup", None);
    }
    lab.probe(&mut bundle, facts)
}

fn mount_v1(lab: &Lab) -> Verdict {
    only(CgroupMode::V1)?;
    let report = mounted(
        lab,
        &["nosuid"],
        false,
        &[
            "list=/sys/fs/cgroup",
            "read=/sys/fs/cgroup/pids/cgroup.procs",
            "exists=/sys/fs/cgroup/memory/memory.limit_in_bytes",
        ],
    )?;
    same("memory", &report["exists=/sys/fs/cgroup/memory/memory.limit_in_bytes"], &json!(true))?;
    same("members of the root that is seen", &report["read=/sys/fs/cgroup/pids/cgroup.procs"], &json!("1\n"))
}

fn mount_v2(lab: &Lab) -> Verdict {
    only(CgroupMode::V2)?;
    let report = mounted(lab, &["nosuid"], true, &["mounts", "read=/sys/fs/cgroup/cgroup.procs"])?;
    let kind = host::mount_at(&report["mounts"], "/sys/fs/cgroup").map(|mount| mount["type"].clone());
    same("type", kind, Some(json!("cgroup2")))?;
    same("members", &report["read=/sys/fs/cgroup/cgroup.procs"], &json!("1\n"))
}

fn mount_in_a_namespace(lab: &Lab) -> Verdict {
    let file = if host::cgroup_mode() == CgroupMode::V1 {
        "/sys/fs/cgroup/pids/cgroup.procs"
    } else {
        "/sys/fs/cgroup/cgroup.procs"
    };
    let fact = format!("read={file}");
    let report = mounted(lab, &[], true, &[&fact])?;
    same("members", &report[&fact], &json!("1\n"))
}

fn mount_readonly(lab: &Lab) -> Verdict {
    let dir = if host::cgroup_mode() == CgroupMode::V1 {
        "/sys/fs/cgroup/pids/made"
    } else {
        "/sys/fs/cgroup/made"
    };
    let fact = format!("mkdir={dir}");
    let report = mounted(lab, &["ro"], false, &[&fact])?;
    same("mkdir", &report[&fact]["error"], &json!("EROFS"))
}

/// A node for /dev/fuse (10:229), which opens for everybody where the driver is, under these rules.
fn fuse(lab: &Lab, rules: &[Value], facts: &[&str]) -> Verdict<Value> {
    if !Path::new("/dev/fuse").exists() {
        return Err(Outcome::Skip("needs the fuse driver".to_owned()));
    }
    let mut bundle = lab.bundle()?;
    let names = json!(["CAP_MKNOD"]);
    bundle
        .push(
            "/linux/devices",
            json!({"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229, "fileMode": 0o666}),
        )
        .set("/linux/resources/devices", json!(rules))
        .set("/process/capabilities", json!({"bounding": names, "permitted": names, "effective": names}));
    lab.probe(&mut bundle, facts)
}

const OPEN: &str = "device=/dev/fuse";

fn rule(allow: bool, minor: Option<u32>, access: &str) -> Value {
    let mut rule = json!({"allow": allow, "type": "c", "major": 10, "access": access});
    if let Some(minor) = minor {
        rule["minor"] = json!(minor);
    }
    rule
}

fn denied() -> Value {
    json!({"allow": false, "access": "rwm"})
}

fn opened(report: &Value, want: bool) -> Verdict {
    if want {
        same("open", &report[OPEN], &json!(true))
    } else {
        same("open", &report[OPEN]["error"], &json!("EPERM"))
    }
}

fn deny_all(lab: &Lab) -> Verdict {
    opened(&fuse(lab, &[denied()], &[OPEN])?, false)
}

fn allow_one(lab: &Lab) -> Verdict {
    opened(&fuse(lab, &[denied(), rule(true, Some(229), "rwm")], &[OPEN])?, true)
}

fn order(lab: &Lab) -> Verdict {
    opened(
        &fuse(lab, &[denied(), rule(true, Some(229), "rwm"), rule(false, Some(229), "rwm")], &[OPEN])?,
        false,
    )
}

fn access(lab: &Lab) -> Verdict {
    let facts = [OPEN, "append=/dev/fuse", "mknod=/tmp/node:c:10:229"];
    let report = fuse(lab, &[denied(), rule(true, Some(229), "w")], &facts)?;
    opened(&report, false)?;
    same("writing only", &report["append=/dev/fuse"], &json!(true))?;
    let report = fuse_again(lab, &[denied(), rule(true, Some(229), "m")], &facts)?;
    same("mknod", &report["mknod=/tmp/node:c:10:229"], &json!(true))?;
    same("writing after mknod", &report["append=/dev/fuse"]["error"], &json!("EPERM"))
}

/// A second run of the same test: the bundle of the first is in the way.
fn fuse_again(lab: &Lab, rules: &[Value], facts: &[&str]) -> Verdict<Value> {
    fs::rename(lab.path("bundle"), lab.path("first"))?;
    fuse(lab, rules, facts)
}

fn wildcards(lab: &Lab) -> Verdict {
    opened(&fuse(lab, &[denied(), rule(true, None, "rwm")], &[OPEN])?, true)
}

fn default_devices(lab: &Lab) -> Verdict {
    let report = fuse(
        lab,
        &[denied()],
        &["write=/dev/null", "device=/dev/zero", "device=/dev/urandom", "device=/dev/ptmx"],
    )?;
    let failed: Vec<_> = report
        .as_object()
        .map(|facts| facts.iter().filter(|(_, value)| *value != true).collect())
        .unwrap_or_default();
    if failed.is_empty() { Ok(()) } else { fail(format!("{failed:?}")) }
}
