//! Bundles: the files, the root filesystem, and configurations that are wrong.

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::{Value, json};

use crate::bundle::Bundle;
use crate::case::Level::{Must, Should};
use crate::case::{Case, Verdict, case, check, same};
use crate::lab::Lab;

pub(crate) const CASES: &[Case] = &[
    case(
        "bundle::config_is_required",
        "bundle.md#container-format",
        Must,
        "config.json must be in the bundle's root under that name",
        config_is_required,
    ),
    case(
        "bundle::broken_json",
        "config.md#configuration",
        Must,
        "a configuration that is not JSON is an error",
        broken_json,
    ),
    case(
        "bundle::empty_config",
        "config.md#specification-version",
        Must,
        "`ociVersion` is required",
        empty_config,
    ),
    case(
        "bundle::version_is_semver",
        "config.md#specification-version",
        Must,
        "`ociVersion` is a SemVer version",
        version_is_semver,
    ),
    case(
        "bundle::version_of_the_same_major",
        "config.md#specification-version",
        Must,
        "older versions of the same major number are accepted",
        older_versions,
    ),
    case(
        "bundle::unknown_properties",
        "config.md#extensibility",
        Must,
        "unknown properties are ignored",
        unknown_properties,
    ),
    case(
        "bundle::wrong_types",
        "config.md#valid-values",
        Must,
        "values of a wrong type are errors",
        wrong_types,
    ),
    case(
        "bundle::invalid_values",
        "config.md#valid-values",
        Must,
        "invalid values are errors",
        invalid_values,
    ),
    case(
        "bundle::root_is_required",
        "config.md#root",
        Must,
        "`root` and its `path` are required",
        root_is_required,
    ),
    case(
        "bundle::root_must_exist",
        "config.md#root",
        Must,
        "a directory must exist at `root.path`",
        root_must_exist,
    ),
    case(
        "bundle::root_must_be_a_directory",
        "config.md#root",
        Must,
        "`root.path` must be a directory",
        root_must_be_a_directory,
    ),
    case(
        "bundle::root_relative",
        "config.md#root",
        Must,
        "a relative `root.path` is relative to the bundle, not to the caller's directory",
        root_relative,
    ),
    case(
        "bundle::root_absolute",
        "config.md#root",
        Must,
        "an absolute `root.path` may be anywhere",
        root_absolute,
    ),
    case(
        "bundle::root_readonly",
        "config.md#root",
        Must,
        "with `root.readonly` the root filesystem is read-only inside the container, mounts on it are not",
        root_readonly,
    ),
    case(
        "bundle::root_writable",
        "config.md#root",
        Must,
        "`root.readonly` defaults to false, and writes reach the bundle's rootfs",
        root_writable,
    ),
    case(
        "bundle::root_is_isolated",
        "config.md#root",
        Should,
        "the process sees the root filesystem as `/`, and nothing of the host above it",
        root_is_isolated,
    ),
    case(
        "bundle::mounts_may_be_absent",
        "config.md#mounts",
        Must,
        "`mounts` is optional: without it there are none",
        mounts_may_be_absent,
    ),
    case(
        "bundle::minimal",
        "config.md#configuration",
        Should,
        "the optional properties may be absent",
        minimal,
    ),
];

fn config_is_required(lab: &Lab) -> Verdict {
    let bundle = lab.bundle()?;
    let path = bundle.write()?;
    fs::rename(bundle.dir.join("config.json"), bundle.dir.join("Config.json"))?;
    lab.refused("there is no config.json", &["create", "--bundle", &path, &lab.id])?;
    same("status", lab.status()?.as_str(), "gone")
}

fn broken_json(lab: &Lab) -> Verdict {
    let bundle = lab.bundle()?;
    let path = bundle.write()?;
    let whole = serde_json::to_string(&bundle.config)?;
    for text in ["", "{", "[]", "null", &whole[..whole.len() / 2]] {
        fs::write(bundle.dir.join("config.json"), text)?;
        lab.refused(&format!("config.json is {text:.10?}…"), &["create", "--bundle", &path, &lab.id])?;
        same("status", lab.status()?.as_str(), "gone")?;
    }
    Ok(())
}

fn empty_config(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.remove("/ociVersion");
    lab.create_refused("ociVersion is missing", &bundle)?;
    bundle.config = json!({});
    lab.create_refused("the configuration is empty", &bundle).map(drop)
}

fn version_is_semver(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    for version in ["", "1", "1.0.bad", "latest"] {
        bundle.set("/ociVersion", json!(version));
        lab.create_refused(&format!("ociVersion is {version:?}"), &bundle)?;
    }
    Ok(())
}

fn older_versions(lab: &Lab) -> Verdict {
    for version in ["1.0.0", "1.0.1", "1.0.2", "1.0.2-dev"] {
        let mut bundle = lab.bundle_named(&format!("bundle-{version}"))?;
        bundle.set("/ociVersion", json!(version));
        lab.probe(&mut bundle, &[])?;
    }
    Ok(())
}

fn unknown_properties(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    for pointer in [
        "/unknown",
        "/process/unknown",
        "/process/user/unknown",
        "/root/unknown",
        "/linux/unknown",
        "/linux/resources/unknown",
        "/mounts/0/unknown",
        "/linux/namespaces/0/unknown",
    ] {
        bundle.set(pointer, json!({"some": ["thing", 1]}));
    }
    lab.probe(&mut bundle, &[]).map(drop)
}

/// Each value in turn must make `create` fail.
fn each_refused(lab: &Lab, values: &[(&str, Value)]) -> Verdict {
    lab.control()?;
    let original = lab.bundle()?;
    let mut accepted = Vec::new();
    for (pointer, value) in values {
        let mut bundle = Bundle { dir: original.dir.clone(), config: original.config.clone() };
        bundle.set(pointer, value.clone());
        let done = lab.call(&["create", "--bundle", &bundle.write()?, &lab.id])?;
        if done.code == 0 {
            accepted.push(format!("{pointer} = {value}"));
            lab.ok(&["delete", "--force", &lab.id])?;
        }
    }
    check(accepted.is_empty(), || format!("accepted: {}", accepted.join("; ")))
}

fn wrong_types(lab: &Lab) -> Verdict {
    each_refused(
        lab,
        &[
            ("/ociVersion", json!(1)),
            ("/process", json!([])),
            ("/process/args", json!("probe")),
            ("/process/env", json!({"A": "b"})),
            ("/process/user/uid", json!("root")),
            ("/root", json!("rootfs")),
            ("/hostname", json!(7)),
            ("/mounts", json!({})),
            ("/linux/namespaces", json!("pid")),
            ("/linux/resources/memory", json!([])),
            ("/hooks", json!([])),
            ("/annotations", json!({"a": 1})),
        ],
    )
}

fn invalid_values(lab: &Lab) -> Verdict {
    each_refused(
        lab,
        &[
            ("/process/rlimits", json!([{"type": "RLIMIT_NO_SUCH", "soft": 1, "hard": 1}])),
            ("/process/user/uid", json!(-1)),
            ("/linux/namespaces", json!([{"type": "mount"}, {"type": "no-such-namespace"}])),
            ("/linux/seccomp", json!({"defaultAction": "SCMP_ACT_NO_SUCH"})),
            ("/linux/rootfsPropagation", json!("no-such-propagation")),
            ("/linux/devices", json!([{"type": "x", "path": "/dev/x", "major": 1, "minor": 3}])),
        ],
    )
}

fn root_is_required(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.remove("/root");
    lab.create_refused("`root` is missing", &bundle)?;
    bundle.set("/root", json!({}));
    lab.create_refused("`root.path` is missing", &bundle).map(drop)
}

fn root_must_exist(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    for path in ["nowhere".to_owned(), lab.text("nowhere")] {
        bundle.set("/root/path", json!(path));
        lab.create_refused("root.path does not exist", &bundle)?;
        check(!lab.path("nowhere").exists() && !bundle.dir.join("nowhere").exists(), || {
            "create made the directory".to_owned()
        })?;
    }
    Ok(())
}

fn root_must_be_a_directory(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.set("/root/path", json!(lab.file("file", "")?));
    lab.create_refused("root.path is a file", &bundle).map(drop)
}

fn root_relative(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    fs::create_dir(bundle.dir.join("deep"))?;
    fs::rename(bundle.root("/"), bundle.dir.join("deep/root"))?;
    bundle.set("/root/path", json!("deep/root")).probe(&["read=/etc/issue"]);
    let mut command = lab.command(&["run", "--bundle", &bundle.write()?, &lab.id]);
    command.current_dir("/");
    let done = lab.finish(command)?;
    check(done.code == 0, || done.told())?;
    same("a file", &crate::lab::parse(&done)?["read=/etc/issue"], &json!("the root filesystem\n"))
}

fn root_absolute(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    fs::rename(bundle.root("/"), lab.path("elsewhere"))?;
    bundle.set("/root/path", json!(lab.text("elsewhere")));
    let report = lab.probe(&mut bundle, &["read=/etc/issue"])?;
    same("a file", &report["read=/etc/issue"], &json!("the root filesystem\n"))
}

fn root_readonly(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.set("/root/readonly", json!(true)).mount("/tmp", "tmpfs", "tmpfs", &[]);
    let report = lab.probe(
        &mut bundle,
        &[
            "create=/made",
            "write=/etc/issue",
            "mkdir=/data/made",
            "create=/tmp/made",
            "create=/dev/shm/made",
            "vfs=/",
        ],
    )?;
    for attempt in ["create=/made", "write=/etc/issue", "mkdir=/data/made"] {
        same(attempt, &report[attempt]["error"], &json!("EROFS"))?;
    }
    same("on a tmpfs", &report["create=/tmp/made"], &json!(true))?;
    same("on /dev/shm", &report["create=/dev/shm/made"], &json!(true))?;
    same("the mount", &report["vfs=/"]["readonly"], &json!(true))?;
    // The host's own view must not have become read-only.
    Ok(fs::write(bundle.root("/host-can-write"), "")?)
}

fn root_writable(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    let report = lab.probe(&mut bundle, &["create=/made:content", "mkdir=/data/made"])?;
    same("create", &report["create=/made:content"], &json!(true))?;
    same("what the host sees", fs::read_to_string(bundle.root("/made"))?.as_str(), "content")
}

fn root_is_isolated(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    symlink(&lab.dir, bundle.root("/escape"))?;
    let secret = lab.file("secret", "of the host")?;
    let report = lab.probe(
        &mut bundle,
        &["list=/", "read=/../../../../../etc/issue", &format!("read={secret}"), "list=/escape", "mounts"],
    )?;
    same("`..` of the root", &report["read=/../../../../../etc/issue"], &json!("the root filesystem\n"))?;
    same("a host's file", &report[format!("read={secret}")]["error"], &json!("ENOENT"))?;
    same("a link to the host", &report["list=/escape"]["error"], &json!("ENOENT"))?;
    let mounts = report["mounts"].as_array().cloned().unwrap_or_default();
    let stray: Vec<_> = mounts
        .iter()
        .filter(|mount| mount["point"].as_str().is_some_and(|point| point.contains("bconf")))
        .collect();
    check(stray.is_empty(), || format!("mounts of the host are visible: {stray:?}"))
}

fn minimal(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.config = json!({
        "ociVersion": "1.0.2", "root": {"path": "rootfs"},
        "process": {"cwd": "/", "args": ["/probe"], "user": {"uid": 0, "gid": 0}},
        "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
        "linux": {"namespaces": [{"type": "mount"}, {"type": "pid"}], "cgroupsPath": lab.cgroup()},
    });
    lab.probe(&mut bundle, &["pid"]).map(drop)
}

fn mounts_may_be_absent(lab: &Lab) -> Verdict {
    let mut bundle = lab.bundle()?;
    bundle.remove("/mounts");
    let report = lab.probe(&mut bundle, &["pid", "list=/proc"])?;
    same("/proc", &report["list=/proc"], &json!([]))
}
