//! The features structure.

use serde_json::{Value, json};

use crate::case::Level::{Must, Should};
use crate::case::{Case, Verdict, case, check, same};
use crate::lab::{Lab, parse};

pub(crate) const CASES: &[Case] = &[
    case(
        "features::versions",
        "features.md#specification-version",
        Must,
        "ociVersionMin and ociVersionMax are there, and both are accepted in a configuration",
        versions,
    ),
    case(
        "features::hooks",
        "features.md#hooks",
        Must,
        "the six hooks are named, and each one named is accepted",
        hooks,
    ),
    case(
        "features::mount_options",
        "features.md#mount-options",
        Should,
        "every option that the text demands is named, and none that belongs to a filesystem",
        mount_options,
    ),
    case(
        "features::namespaces",
        "features-linux.md#namespaces",
        Should,
        "the namespaces are named, and each one named is accepted",
        namespaces,
    ),
    case(
        "features::capabilities",
        "features-linux.md#capabilities",
        Should,
        "the capabilities up to CAP_CHECKPOINT_RESTORE are named",
        capabilities,
    ),
    case(
        "features::cgroup",
        "features-linux.md#cgroup",
        Should,
        "cgroup v1 and v2 are said to be supported",
        cgroup,
    ),
    case(
        "features::seccomp",
        "features-linux.md#seccomp",
        Should,
        "actions, operators and architectures are named, and each action named is accepted",
        seccomp,
    ),
    case(
        "features::annotations_are_strings",
        "features.md#annotations",
        Should,
        "annotations are strings",
        annotations,
    ),
];

fn features(lab: &Lab) -> Verdict<Value> {
    let mut command = lab.runtime.command();
    command.arg("features");
    let done = lab.finish(command)?;
    check(done.code == 0, || done.told())?;
    parse(&done)
}

fn names(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(|name| name.as_str().map(str::to_owned)).collect()
}

fn lacking(have: &[String], want: &[&str]) -> Verdict {
    let missing: Vec<_> = want.iter().filter(|name| !have.iter().any(|other| other == *name)).collect();
    check(missing.is_empty(), || format!("not named: {missing:?}"))
}

fn versions(lab: &Lab) -> Verdict {
    let features = features(lab)?;
    for key in ["ociVersionMin", "ociVersionMax"] {
        check(features[key].is_string(), || format!("{key} is {}", features[key]))?;
        let mut bundle = lab.bundle_named(key)?;
        bundle.set("/ociVersion", features[key].clone());
        lab.probe(&mut bundle, &[])?;
    }
    Ok(())
}

fn hooks(lab: &Lab) -> Verdict {
    let named = names(&features(lab)?["hooks"]);
    lacking(
        &named,
        &["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"],
    )
}

fn mount_options(lab: &Lab) -> Verdict {
    let named = names(&features(lab)?["mountOptions"]);
    lacking(
        &named,
        &[
            "async",
            "atime",
            "bind",
            "defaults",
            "dev",
            "diratime",
            "dirsync",
            "exec",
            "iversion",
            "lazytime",
            "loud",
            "noatime",
            "nodev",
            "nodiratime",
            "noexec",
            "noiversion",
            "nolazytime",
            "norelatime",
            "nostrictatime",
            "nosuid",
            "private",
            "rbind",
            "relatime",
            "remount",
            "ro",
            "rprivate",
            "rshared",
            "rslave",
            "runbindable",
            "rw",
            "shared",
            "silent",
            "slave",
            "strictatime",
            "suid",
            "sync",
            "unbindable",
        ],
    )?;
    let foreign: Vec<_> =
        named.iter().filter(|name| ["size", "mode", "uid", "gid"].contains(&name.as_str())).collect();
    check(foreign.is_empty(), || format!("filesystem-specific: {foreign:?}"))
}

fn namespaces(lab: &Lab) -> Verdict {
    let named = names(&features(lab)?["linux"]["namespaces"]);
    lacking(&named, &["cgroup", "ipc", "mount", "network", "pid", "user", "uts"])?;
    for kind in named.iter().filter(|kind| *kind != "user") {
        let mut bundle = lab.next_bundle()?;
        bundle.namespace(kind, None);
        lab.probe(&mut bundle, &[])?;
    }
    Ok(())
}

fn capabilities(lab: &Lab) -> Verdict {
    let named = names(&features(lab)?["linux"]["capabilities"]);
    lacking(
        &named,
        &["CAP_CHOWN", "CAP_SYS_ADMIN", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE"],
    )?;
    same("number of names", named.len() >= 41, true)
}

fn cgroup(lab: &Lab) -> Verdict {
    let cgroup = &features(lab)?["linux"]["cgroup"];
    same("v1", &cgroup["v1"], &json!(true))?;
    same("v2", &cgroup["v2"], &json!(true))
}

fn seccomp(lab: &Lab) -> Verdict {
    let seccomp = &features(lab)?["linux"]["seccomp"];
    same("enabled", &seccomp["enabled"], &json!(true))?;
    lacking(
        &names(&seccomp["operators"]),
        &[
            "SCMP_CMP_EQ",
            "SCMP_CMP_GE",
            "SCMP_CMP_GT",
            "SCMP_CMP_LE",
            "SCMP_CMP_LT",
            "SCMP_CMP_MASKED_EQ",
            "SCMP_CMP_NE",
        ],
    )?;
    lacking(
        &names(&seccomp["archs"]),
        &["SCMP_ARCH_X86", "SCMP_ARCH_X86_64", "SCMP_ARCH_X32", "SCMP_ARCH_ARM", "SCMP_ARCH_AARCH64"],
    )?;
    let actions = names(&seccomp["actions"]);
    lacking(
        &actions,
        &[
            "SCMP_ACT_ALLOW",
            "SCMP_ACT_ERRNO",
            "SCMP_ACT_KILL",
            "SCMP_ACT_LOG",
            "SCMP_ACT_TRACE",
            "SCMP_ACT_TRAP",
        ],
    )?;
    // NOTIFY needs a listener, which has its own test.
    for action in actions.iter().filter(|action| *action != "SCMP_ACT_NOTIFY") {
        let mut bundle = lab.next_bundle()?;
        bundle.set(
            "/linux/seccomp",
            json!({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["swapon"], "action": action}]}),
        );
        lab.probe(&mut bundle, &[])?;
    }
    Ok(())
}

fn annotations(lab: &Lab) -> Verdict {
    let features = features(lab)?;
    let odd: Vec<_> = features["annotations"]
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, value)| !value.is_string())
        .collect();
    check(odd.is_empty(), || format!("{odd:?}"))
}
