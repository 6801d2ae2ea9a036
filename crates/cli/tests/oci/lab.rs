//! A state directory, a bundle of busybox and a cgroup of a test's own; all of it is taken away at the end.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

const BUSYBOX: &str = "/bin/busybox";

/// Where one test's containers live.
pub(crate) struct Lab {
    directory: tempfile::TempDir,
    name: String,
}

impl Lab {
    /// Makes one; `None`, with the reason told, where containers cannot be made.
    pub(crate) fn new() -> Option<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        if !rustix::process::geteuid().is_root() || !Path::new(BUSYBOX).exists() {
            eprintln!("skipped: needs root and {BUSYBOX} (busybox-static)");
            return None;
        }
        let directory = tempfile::Builder::new().prefix("barque-oci-").tempdir_in("/var/tmp").unwrap();
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let lab = Self { directory, name: format!("barque-test-{}-{number}", std::process::id()) };
        let bin = lab.rootfs().join("bin");
        std::fs::create_dir_all(&bin).unwrap();
        copy(BUSYBOX, &bin.join("busybox"));
        for name in ["sh", "sleep", "true", "ls"] {
            std::os::unix::fs::symlink("busybox", bin.join(name)).unwrap();
        }
        copy(super::BARQUE, &lab.barque());
        lab.configure("demo", &["sleep", "100"]);
        Some(lab)
    }

    /// This test's own copy of the program: one that it may try to break.
    pub(crate) fn barque(&self) -> PathBuf {
        self.directory.path().join("barque-oci")
    }

    pub(crate) fn rootfs(&self) -> PathBuf {
        self.directory.path().join("bundle/rootfs")
    }

    pub(crate) fn states(&self) -> PathBuf {
        self.directory.path().join("states")
    }

    /// Writes the configuration of a container that runs a program.
    pub(crate) fn configure(&self, id: &str, args: &[&str]) {
        let namespaces: Vec<_> =
            ["pid", "mount", "ipc", "uts"].iter().map(|kind| serde_json::json!({ "type": kind })).collect();
        let config = serde_json::json!({
            "ociVersion": "1.0.2",
            "process": {
                "user": { "uid": 0, "gid": 0 }, "cwd": "/", "args": args, "env": ["PATH=/bin"],
                "capabilities": { "bounding": ["CAP_KILL"], "effective": ["CAP_KILL"], "permitted": ["CAP_KILL"] }
            },
            "root": { "path": self.rootfs() },
            "mounts": [{ "destination": "/proc", "type": "proc", "source": "proc" }],
            "linux": { "namespaces": namespaces, "cgroupsPath": format!("/{}/{id}", self.name) }
        });
        std::fs::write(self.config(id), config.to_string()).unwrap();
    }

    /// Changes the configuration of a container that was written.
    pub(crate) fn change(&self, id: &str, change: impl FnOnce(&mut serde_json::Value)) {
        let mut config = serde_json::from_slice(&std::fs::read(self.config(id)).unwrap()).unwrap();
        change(&mut config);
        std::fs::write(self.config(id), config.to_string()).unwrap();
    }

    fn config(&self, id: &str) -> PathBuf {
        self.directory.path().join(format!("bundle/{id}.json"))
    }

    /// A command line of the runtime, for a container whose configuration was written.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(self.barque());
        command.arg("--root").arg(self.states()).args(args);
        if let ["create" | "run", .., id] = args {
            command.args(["--bundle", &self.directory.path().join("bundle").to_string_lossy()]);
            command.args(["--config", &self.config(id).to_string_lossy()]);
        }
        command.stdin(Stdio::null());
        command
    }

    /// Runs it; the output goes to a file, which a container that goes on may hold open.
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        let file = tempfile::tempfile_in(self.directory.path()).unwrap();
        let (out, err) = (file.try_clone().unwrap(), file.try_clone().unwrap());
        let status = self.command(args).stdout(out).stderr(err).status().unwrap();
        let mut text = Vec::new();
        std::io::Seek::rewind(&mut &file).unwrap();
        std::io::Read::read_to_end(&mut &file, &mut text).unwrap();
        Output { status, stdout: text, stderr: Vec::new() }
    }

    /// Runs it, and it must succeed.
    pub(crate) fn ok(&self, args: &[&str]) -> String {
        let output = self.run(args);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{args:?}: {text}");
        text
    }

    /// The id of a container's first process.
    pub(crate) fn pid(&self, id: &str) -> i32 {
        let state: serde_json::Value = serde_json::from_str(&self.ok(&["state", id])).unwrap();
        i32::try_from(state["pid"].as_i64().unwrap()).unwrap()
    }

    /// What is left of this test's containers on the host.
    pub(crate) fn leftovers(&self) -> Vec<String> {
        let mut found = Vec::new();
        let below =
            |path: &Path| std::fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
        found.extend(below(&self.states()).map(|path| path.display().to_string()));
        for cgroup in self.cgroups() {
            found.extend(below(&cgroup).filter(|path| path.is_dir()).map(|path| path.display().to_string()));
        }
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        let own = self.directory.path().to_string_lossy().into_owned();
        found.extend(mounts.lines().filter(|line| line.contains(&own)).map(str::to_owned));
        for process in below(Path::new("/proc")) {
            let command = std::fs::read_to_string(process.join("cmdline")).unwrap_or_default();
            if command.contains(&own) {
                found.push(format!("{}: {command}", process.display()));
            }
        }
        found
    }

    /// This test's parent cgroup in every hierarchy.
    fn cgroups(&self) -> Vec<PathBuf> {
        let tree = Path::new("/sys/fs/cgroup");
        let hierarchies = std::fs::read_dir(tree).into_iter().flatten().flatten().map(|entry| entry.path());
        hierarchies
            .chain([tree.to_owned()])
            .map(|path| path.join(&self.name))
            .filter(|path| path.exists())
            .collect()
    }
}

/// Copies a program. Not in this process: a child that another test forks meanwhile would hold the copy open for writing,
/// and nobody could execute it (`ETXTBSY`).
fn copy(from: &str, to: &Path) {
    assert!(Command::new("cp").arg(from).arg(to).status().unwrap().success());
}

impl Drop for Lab {
    fn drop(&mut self) {
        for entry in std::fs::read_dir(self.states()).into_iter().flatten().flatten() {
            let id = entry.file_name().to_string_lossy().into_owned();
            drop(self.command(&["delete", "--force", &id]).output());
        }
        for cgroup in self.cgroups() {
            drop(std::fs::remove_dir(cgroup));
        }
    }
}
