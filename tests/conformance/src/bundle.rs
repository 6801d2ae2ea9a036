//! A bundle with a configuration that a test changes by JSON pointer.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// A bundle: a directory, a small root filesystem, and a configuration that is written when it is used.
#[derive(Debug)]
pub(crate) struct Bundle {
    /// The bundle directory.
    pub(crate) dir: PathBuf,
    /// What will be `config.json`.
    pub(crate) config: Value,
}

impl Bundle {
    /// Makes the directory and root filesystem; the probe is a hard link, so a bundle costs no copy.
    pub(crate) fn new(dir: &Path, seed: &Path, cgroup: &str) -> io::Result<Self> {
        let root = dir.join("rootfs");
        for name in ["proc", "sys", "dev", "tmp", "etc", "bin", "data"] {
            fs::create_dir_all(root.join(name))?;
        }
        fs::hard_link(seed.join("probe"), root.join("probe"))?;
        fs::hard_link(seed.join("probe"), root.join("bin/probe"))?;
        if seed.join("busybox").exists() {
            fs::hard_link(seed.join("busybox"), root.join("bin/busybox"))?;
        }
        fs::write(root.join("etc/issue"), "the root filesystem\n")?;
        Ok(Self { dir: dir.to_owned(), config: usual(cgroup) })
    }

    /// A path inside the root filesystem, as the host sees it.
    pub(crate) fn root(&self, path: &str) -> PathBuf {
        self.dir.join("rootfs").join(path.trim_start_matches('/'))
    }

    /// Sets a value, making the objects on the way (`/process/user/umask`).
    pub(crate) fn set(&mut self, pointer: &str, value: Value) -> &mut Self {
        let mut place = &mut self.config;
        for key in pointer.trim_start_matches('/').split('/') {
            place = match place {
                Value::Array(items) => match key.parse::<usize>() {
                    Ok(index) if index < items.len() => &mut items[index],
                    _ => return self,
                },
                other => &mut other[key],
            };
        }
        *place = value;
        self
    }

    /// Removes a property.
    pub(crate) fn remove(&mut self, pointer: &str) -> &mut Self {
        let (parent, key) = pointer.rsplit_once('/').unwrap_or(("", pointer));
        if let Some(Value::Object(map)) = self.config.pointer_mut(parent) {
            map.remove(key);
        }
        self
    }

    /// Appends to an array, making it when there is none.
    pub(crate) fn push(&mut self, pointer: &str, value: Value) -> &mut Self {
        if self.config.pointer(pointer).is_none() {
            self.set(pointer, json!([]));
        }
        if let Some(Value::Array(items)) = self.config.pointer_mut(pointer) {
            items.push(value);
        }
        self
    }

    /// Adds a mount.
    pub(crate) fn mount(
        &mut self,
        destination: &str,
        kind: &str,
        source: &str,
        options: &[&str],
    ) -> &mut Self {
        self.push(
            "/mounts",
            json!({"destination": destination, "type": kind, "source": source, "options": options}),
        )
    }

    /// The program: the probe with these facts.
    pub(crate) fn probe(&mut self, facts: &[&str]) -> &mut Self {
        let args: Vec<&str> = std::iter::once("/probe").chain(facts.iter().copied()).collect();
        self.set("/process/args", json!(args))
    }

    /// Leaves a namespace type out.
    pub(crate) fn without_namespace(&mut self, kind: &str) -> &mut Self {
        if let Some(Value::Array(items)) = self.config.pointer_mut("/linux/namespaces") {
            items.retain(|item| item["type"] != kind);
        }
        self
    }

    /// A new namespace of this type, or the one at `path`.
    pub(crate) fn namespace(&mut self, kind: &str, path: Option<&str>) -> &mut Self {
        self.without_namespace(kind);
        let entry = path.map_or_else(|| json!({"type": kind}), |path| json!({"type": kind, "path": path}));
        self.push("/linux/namespaces", entry)
    }

    /// A new user namespace with these (container, host, size) ranges for both kinds of ids, and a root filesystem
    /// that belongs to its root.
    pub(crate) fn user_namespace(&mut self, ranges: &[(u32, u32, u32)]) -> io::Result<&mut Self> {
        let entry = |(container, host, size): &(u32, u32, u32)| json!({"containerID": container, "hostID": host, "size": size});
        let mappings: Vec<Value> = ranges.iter().map(entry).collect();
        self.namespace("user", None)
            .set("/linux/uidMappings", json!(mappings))
            .set("/linux/gidMappings", json!(mappings));
        let owner = ranges.iter().find(|range| range.0 == 0).map(|range| range.1);
        for name in ["", "tmp", "data", "etc", "bin", "dev", "proc", "sys"] {
            std::os::unix::fs::chown(self.root(name), owner, owner)?;
        }
        Ok(self)
    }

    /// Writes `config.json`; the bundle's path.
    pub(crate) fn write(&self) -> io::Result<String> {
        fs::write(self.dir.join("config.json"), serde_json::to_vec_pretty(&self.config)?)?;
        Ok(self.dir.to_string_lossy().into_owned())
    }
}

fn usual(cgroup: &str) -> Value {
    let capabilities = json!(["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]);
    json!({
        "ociVersion": "1.0.2",
        "process": {
            "terminal": false,
            "user": {"uid": 0, "gid": 0},
            "args": ["/probe"],
            "env": ["PATH=/usr/bin:/bin", "TERM=xterm"],
            "cwd": "/",
            "capabilities": {
                "bounding": capabilities, "effective": capabilities,
                "permitted": capabilities
            },
            "noNewPrivileges": true,
        },
        "root": {"path": "rootfs"},
        "hostname": "conformance",
        "mounts": usual_mounts(),
        "linux": {
            "cgroupsPath": cgroup,
            "resources": {"devices": [{"allow": false, "access": "rwm"}]},
            "namespaces": [
                {"type": "pid"}, {"type": "network"}, {"type": "ipc"}, {"type": "uts"}, {"type": "mount"}
            ],
        },
    })
}

fn usual_mounts() -> Value {
    json!([
        {"destination": "/proc", "type": "proc", "source": "proc"},
        {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
         "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
        {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
         "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]},
        {"destination": "/dev/shm", "type": "tmpfs", "source": "shm",
         "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]},
        {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]},
    ])
}
