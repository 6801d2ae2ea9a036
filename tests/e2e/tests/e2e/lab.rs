//! The scene of a test: directories of its own, a root filesystem of busybox, and the command under test.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// The command under test, built with this package.
const BARQUE: &str = env!("CARGO_BIN_EXE_barque-under-test");

/// How long any one command may take; then it is killed, and the test fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// Whether this test can run: as root. Prints why it does not otherwise.
pub(crate) fn require_root() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        println!("skipped: needs root to make namespaces, mounts and cgroups");
    }
    root
}

/// Directories that live as long as a test.
pub(crate) struct Lab {
    directory: tempfile::TempDir,
    cgroup_parent: String,
}

/// What a command has said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    fn new(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            code: output.status.code().unwrap_or(-1),
            out: text(&output.stdout),
            err: text(&output.stderr),
        }
    }

    /// Standard output of a command that must have succeeded, without the last newline.
    #[track_caller]
    pub(crate) fn ok(&self) -> &str {
        assert_eq!(self.code, 0, "{self:#?}");
        self.out.trim_end_matches('\n')
    }

    /// A failure with an exit code and words of its message.
    #[track_caller]
    pub(crate) fn fails(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, code, "{self:#?}");
        for word in words {
            assert!(self.err.contains(word), "{word:?} is not in {self:#?}");
        }
    }
}

impl Lab {
    /// A new scene.
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let directory = tempfile::Builder::new().prefix("barque-e2e-").tempdir().unwrap();
        // Unprivileged users of some tests must get through.
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let lab = Self { directory, cgroup_parent: format!("/barque-e2e-{}-{number}", std::process::id()) };
        lab.make_rootfs(&lab.rootfs());
        lab
    }

    /// A path below the scene's directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The path as text.
    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// The root filesystem.
    pub(crate) fn rootfs(&self) -> PathBuf {
        self.path("rootfs")
    }

    /// Writes a file below the scene's directory; returns its path.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        self.text(name)
    }

    /// The parent of its containers' cgroups.
    pub(crate) fn cgroup_parent(&self) -> &str {
        &self.cgroup_parent
    }

    /// busybox with all its names, two users, and the directories that every root has.
    pub(crate) fn make_rootfs(&self, root: &Path) {
        for directory in ["bin", "etc", "proc", "sys", "dev", "tmp", "root", "home/ann"] {
            fs::create_dir_all(root.join(directory)).unwrap();
        }
        fs::copy("/bin/busybox", root.join("bin/busybox")).expect("install busybox-static");
        let names = Command::new("/bin/busybox").arg("--list").output().unwrap();
        for name in String::from_utf8_lossy(&names.stdout).lines().filter(|name| *name != "busybox") {
            symlink("busybox", root.join("bin").join(name)).unwrap();
        }
        fs::write(root.join("etc/passwd"), "root:x:0:0::/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\n")
            .unwrap();
        fs::write(root.join("etc/group"), "root:x:0:\nann:x:1000:\nstaff:x:50:ann\naudio:x:29:\n").unwrap();
    }

    /// `barque` with its directories.
    pub(crate) fn barque(&self) -> Command {
        let mut command = Command::new(BARQUE);
        command.arg("--root").arg(self.path("root")).arg("--run-root").arg(self.path("run"));
        command
    }

    /// The command under test, where another user can execute it.
    pub(crate) fn copy_of_barque(&self) -> PathBuf {
        let copy = self.path("barque");
        if !copy.exists() {
            // Not by this process: another test's fork would hold the file open for writing (ETXTBSY).
            assert!(Command::new("cp").arg(BARQUE).arg(&copy).status().unwrap().success());
        }
        copy
    }

    /// `barque run --rm FLAGS ROOT COMMAND`, with the scene's cgroup parent.
    pub(crate) fn run_command(&self, flags: &[&str], root: &str, command: &[&str]) -> Command {
        let mut run = self.barque();
        run.args(["run", "--rm", "--cgroup-parent", &self.cgroup_parent]).args(flags).arg(root).args(command);
        run.stdin(Stdio::null());
        run
    }

    /// Runs a command on the busybox root.
    pub(crate) fn run(&self, flags: &[&str], command: &[&str]) -> Said {
        self.run_on(flags, &format!("dir:{}", self.rootfs().display()), command)
    }

    /// Runs a shell script on the busybox root.
    pub(crate) fn sh(&self, flags: &[&str], script: &str) -> Said {
        self.run(flags, &["sh", "-c", script])
    }

    /// Runs a command on a root.
    pub(crate) fn run_on(&self, flags: &[&str], root: &str, command: &[&str]) -> Said {
        said(&mut self.run_command(flags, root, command))
    }

    /// Runs a command on the busybox root with something on its standard input.
    pub(crate) fn run_with_input(&self, flags: &[&str], input: &str, command: &[&str]) -> Said {
        let path = self.file("input", input);
        let mut run = self.run_command(flags, &format!("dir:{}", self.rootfs().display()), command);
        said(run.stdin(fs::File::open(path).unwrap()))
    }

    /// What is left of the scene's containers on the host, once the cleaning up has had time to end.
    pub(crate) fn leftovers(&self) -> Vec<String> {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let left = self.left_now();
            if left.is_empty() || Instant::now() > deadline {
                return left;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn left_now(&self) -> Vec<String> {
        let mut left = Vec::new();
        for directory in
            ["root/containers", "root/names", "root/images/uses", "run/containers", "run/monitors"]
        {
            left.extend(entries(&self.path(directory)).iter().map(|path| path.display().to_string()));
        }
        left.extend(self.cgroups().iter().map(|path| path.display().to_string()));
        let place = self.directory.path().to_str().unwrap();
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        left.extend(
            mounts
                .lines()
                .filter(|line| line.contains(place) && line.contains(" - overlay "))
                .map(str::to_owned),
        );
        left
    }

    /// Every cgroup directory of a container of this scene.
    pub(crate) fn cgroups(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for parent in self.cgroup_parents() {
            found.extend(entries(&parent).into_iter().filter(|path| path.is_dir()));
        }
        found
    }

    fn cgroup_parents(&self) -> Vec<PathBuf> {
        let base = Path::new("/sys/fs/cgroup");
        let name = self.cgroup_parent.trim_start_matches('/');
        let mut hierarchies = entries(base);
        hierarchies.push(base.to_owned());
        hierarchies.into_iter().map(|hierarchy| hierarchy.join(name)).filter(|path| path.is_dir()).collect()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let left = self.leftovers();
        for cgroup in self.cgroups() {
            for line in fs::read_to_string(cgroup.join("cgroup.procs")).unwrap_or_default().lines() {
                let pid = line.parse().ok().and_then(rustix::process::Pid::from_raw);
                let _ = pid.map(|pid| rustix::process::kill_process(pid, rustix::process::Signal::KILL));
            }
        }
        wait_until(|| {
            for cgroup in self.cgroups().into_iter().chain(self.cgroup_parents()) {
                drop(fs::remove_dir(cgroup));
            }
            self.cgroup_parents().is_empty()
        });
        if !std::thread::panicking() {
            assert!(left.is_empty(), "left over: {left:#?}");
        }
    }
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    entries.filter_map(|entry| Some(entry.ok()?.path())).collect()
}

/// Runs a command to its end, with what it says caught; kills it when it takes too long.
#[track_caller]
pub(crate) fn said(command: &mut Command) -> Said {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    finish_of(child, command)
}

/// Waits for a command with caught output.
#[track_caller]
pub(crate) fn finish(child: Child) -> Said {
    finish_of(child, &"the command")
}

#[track_caller]
fn finish_of(child: Child, what: &dyn std::fmt::Debug) -> Said {
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || sender.send(child.wait_with_output()));
    match receiver.recv_timeout(PATIENCE) {
        Ok(output) => Said::new(&output.unwrap()),
        Err(_) => {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            panic!("{what:?} did not end within {PATIENCE:?}");
        }
    }
}

/// Asks again and again until the answer is yes, for ten seconds.
pub(crate) fn wait_until(mut question: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        if question() {
            return true;
        }
        if Instant::now() > deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A file outside of every container that nothing may change.
pub(crate) struct Canary {
    path: PathBuf,
}

impl Canary {
    pub(crate) const TEXT: &str = "untouched";

    /// A canary in a directory of the scene, alone there.
    pub(crate) fn new(lab: &Lab, directory: &str) -> Self {
        let path = PathBuf::from(lab.file(&format!("{directory}/canary"), Self::TEXT));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        Self { path }
    }

    /// Its directory.
    pub(crate) fn directory(&self) -> &Path {
        self.path.parent().unwrap()
    }

    /// Fails when the canary or its directory was touched.
    #[track_caller]
    pub(crate) fn check(&self) {
        assert_eq!(fs::read_to_string(&self.path).unwrap(), Self::TEXT);
        assert_eq!(fs::metadata(&self.path).unwrap().mode() & 0o7777, 0o640);
        assert_eq!(
            entries(self.directory()),
            std::slice::from_ref(&self.path),
            "something was made beside the canary"
        );
    }
}
