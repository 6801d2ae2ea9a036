//! What this runtime can do, in the form of the specification's `features.md`.

use serde::Serialize;
use serde_json::{Value, json};

use crate::plan;
use crate::seccomp;

/// The features, to be printed as JSON.
pub fn features() -> impl Serialize {
    let architectures: Vec<_> = seccomp::Arch::all().map(seccomp::Arch::name).collect();
    json!({
        "ociVersionMin": "1.0.0",
        "ociVersionMax": crate::SPEC_VERSION,
        "hooks": ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"],
        "mountOptions": plan::mount_option_names(),
        "linux": {
            "namespaces": plan::NAMESPACE_KINDS.map(plan::namespace_name),
            "capabilities": barque_sys::capability::NAMES.to_vec(),
            "cgroup": { "v1": true, "v2": true, "systemd": true, "systemdUser": false, "rdma": true },
            "seccomp": {
                "enabled": true,
                "actions": seccomp::known_actions().collect::<Vec<_>>(),
                "operators": seccomp::known_operators().collect::<Vec<_>>(),
                "archs": architectures,
                "knownFlags": seccomp::known_flags().collect::<Vec<_>>(),
                "supportedFlags": seccomp::supported_flags().collect::<Vec<_>>(),
            },
            "apparmor": { "enabled": true },
            "selinux": { "enabled": true },
            "intelRdt": { "enabled": true, "schemata": true, "monitoring": true },
            "memoryPolicy": memory_policy(),
            "mountExtensions": { "idmap": { "enabled": true } },
            "netDevices": { "enabled": true },
        },
        "annotations": {},
        "potentiallyUnsafeConfigAnnotations": [],
    })
}

fn memory_policy() -> Value {
    json!({ "modes": plan::MEMORY_MODES.map(|(name, _)| name), "flags": plan::MEMORY_FLAGS.map(|(name, _)| name) })
}
