//! A bundle whose program is the probe.

use std::os::unix::fs::{PermissionsExt as _, lchown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{Findings, barque};

/// A static busybox: the whole of the containers' userland.
pub(crate) const BUSYBOX: &str = "/bin/busybox";

/// What the probe exits with.
pub const EXIT_CODE: i32 = 37;

pub(crate) const PROBE: &str = include_str!("probe.sh");

/// A bundle in a directory of its own, and the id of its container.
#[derive(Debug)]
pub struct Bundle {
    directory: TempDir,
    id: String,
    /// `config.json`.
    pub config: Value,
}

impl Bundle {
    /// The bundle that `oci spec` describes, with the probe as its program.
    pub fn new(name: &str) -> Self {
        let directory = self::directory();
        make_root(&directory.path().join("rootfs"));
        let made = run(Command::new(barque()).args(["oci", "spec", "-b"]).arg(directory.path()));
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let text = read(&directory.path().join("config.json"));
        let mut config: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}"));
        config["process"]["terminal"] = json!(false);
        config["process"]["args"] = json!(["/bin/sh", "-c", PROBE]);
        Self { directory, id: format!("barque-equivalence-{}-{name}", std::process::id()), config }
    }

    /// The bundle's directory.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The container's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// A directory of the host with two files, to be bound into the container.
    pub fn volume(&self, name: &str) -> String {
        volume(self.path(), name)
    }

    /// Adds a mount.
    pub fn mount(&mut self, mount: Value) {
        self.config["mounts"].as_array_mut().unwrap_or_else(|| panic!("mounts is no list")).push(mount);
    }

    /// Gives all files of the root to another owner, the root of a user namespace.
    pub fn own_root(&self, id: u32) {
        own(&self.path().join("rootfs"), id);
    }

    /// Writes the configuration; what is below must see it.
    fn write(&self) {
        let text = self.config.to_string();
        std::fs::write(self.path().join("config.json"), text).unwrap_or_else(|error| panic!("{error}"));
    }

    /// What the probe finds in the container that `barque oci run` makes.
    pub fn run(&self) -> Findings {
        self.write();
        let output = run(Command::new(barque())
            .args(["oci", "--root"])
            .arg(self.path().join("state"))
            .args(["run", "--bundle"])
            .arg(self.path())
            .arg(&self.id));
        self.findings("barque oci run", &output)
    }

    /// What it finds in the container that the script of `barque explain` makes.
    pub fn run_script(&self) -> Findings {
        let script = self.path().join("script.sh");
        std::fs::write(&script, self.script()).unwrap_or_else(|error| panic!("{error}"));
        let output = run(Command::new("sh").arg(&script));
        self.findings("the script", &output)
    }

    /// What `barque explain` prints.
    pub fn script(&self) -> String {
        self.write();
        let output = run(Command::new(barque()).args(["explain", "--bundle"]).arg(self.path()).arg(&self.id));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn findings(&self, what: &str, output: &Output) -> Findings {
        let errors = String::from_utf8_lossy(&output.stderr);
        let text = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(EXIT_CODE), "{what}: {errors}\n{text}");
        let left = cgroups_named(&self.id);
        assert!(left.is_empty(), "{what} leaves cgroups behind: {left:?}\n{errors}");
        Findings::parse(&text)
    }
}

impl Drop for Bundle {
    fn drop(&mut self) {
        for directory in cgroups_named(&self.id) {
            drop(std::fs::remove_dir(directory));
        }
    }
}

/// A directory into which ids of a user namespace can walk.
pub(crate) fn directory() -> TempDir {
    let directory = TempDir::with_prefix("barque-equivalence-").unwrap_or_else(|error| panic!("{error}"));
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(directory.path(), mode).unwrap_or_else(|error| panic!("{error}"));
    directory
}

/// A directory with two files.
pub(crate) fn volume(parent: &Path, name: &str) -> String {
    let path = parent.join(name);
    make_directory(&path);
    for file in ["one", "two"] {
        std::fs::write(path.join(file), name).unwrap_or_else(|error| panic!("{error}"));
    }
    path.to_string_lossy().into_owned()
}

pub(crate) fn run(command: &mut Command) -> Output {
    command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{path:?}: {error}"))
}

fn make_directory(path: &Path) {
    std::fs::create_dir_all(path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
}

/// A root filesystem: busybox, two users, and a link that would lead to the host if it were followed there.
pub(crate) fn make_root(root: &Path) {
    for directory in ["bin", "etc", "proc", "sys", "dev", "tmp", "data", "srv"] {
        make_directory(&root.join(directory));
    }
    let busybox = root.join("bin/busybox");
    std::fs::copy(BUSYBOX, &busybox).unwrap_or_else(|error| panic!("{error}"));
    for applet in ["sh", "cat", "echo", "env", "grep", "hostname", "ip", "ls", "readlink", "sort", "stat"] {
        symlink("busybox", root.join("bin").join(applet)).unwrap_or_else(|error| panic!("{error}"));
    }
    let users = "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n";
    std::fs::write(root.join("etc/passwd"), users).unwrap_or_else(|error| panic!("{error}"));
    for file in ["data/from-the-root", "srv/copied"] {
        std::fs::write(root.join(file), "x").unwrap_or_else(|error| panic!("{error}"));
    }
    symlink("/data", root.join("link")).unwrap_or_else(|error| panic!("{error}"));
}

pub(crate) fn own(path: &Path, id: u32) {
    lchown(path, Some(id), Some(id)).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    let is_directory = std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir());
    let entries = if is_directory { std::fs::read_dir(path).ok() } else { None };
    for entry in entries.into_iter().flatten().flatten() {
        own(&entry.path(), id);
    }
}

/// The cgroups of that name, in every hierarchy.
pub(crate) fn cgroups_named(name: &str) -> Vec<PathBuf> {
    let top = Path::new("/sys/fs/cgroup");
    let hierarchies = std::fs::read_dir(top).into_iter().flatten().flatten().map(|entry| entry.path());
    let candidates = hierarchies.chain([top.to_owned()]).map(|hierarchy| hierarchy.join(name));
    candidates.filter(|path| path.exists()).collect()
}
