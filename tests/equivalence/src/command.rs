//! `barque run` with flags, and `barque explain` with the same.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::bundle::{self, EXIT_CODE, PROBE};
use crate::{Findings, barque};

/// Where a command runs: with a place of its own for Barque's files, and a root filesystem.
#[derive(Debug)]
pub struct Lab {
    directory: TempDir,
    /// Whose commands run here, if not root's.
    user: Option<u32>,
}

impl Default for Lab {
    fn default() -> Self {
        Self::new()
    }
}

impl Lab {
    /// A new one.
    pub fn new() -> Self {
        let directory = bundle::directory();
        bundle::make_root(&directory.path().join("root"));
        Self { directory, user: None }
    }

    /// One of an unprivileged user, whose all of it is.
    pub fn of_user(id: u32) -> Self {
        let lab = Self { user: Some(id), ..Self::new() };
        // Where the program was built, the user may have no way to.
        // Copied by another process: a fork of another test would hold the file open for writing (ETXTBSY).
        let copied = Command::new("cp").arg(barque()).arg(lab.directory.path().join("barque")).status();
        assert!(copied.is_ok_and(|status| status.success()), "cp");
        bundle::own(lab.directory.path(), id);
        lab
    }

    /// The root filesystem, as the command line names it.
    pub fn root(&self) -> String {
        format!("dir:{}", self.directory.path().join("root").display())
    }

    /// A directory of the host with two files.
    pub fn volume(&self, name: &str) -> String {
        bundle::volume(self.directory.path(), name)
    }

    /// Gives all files of the root to another owner, the root of a user namespace.
    pub fn own_root(&self, id: u32) {
        bundle::own(&self.directory.path().join("root"), id);
    }

    fn barque(&self, verb: &str, flags: &[&str], root: &str) -> Command {
        let program = self.user.map_or_else(barque, |_| self.directory.path().join("barque"));
        let mut command = self.command(&program);
        for (flag, name) in [("--root", "lib"), ("--run-root", "run")] {
            command.arg(flag).arg(self.directory.path().join(name));
        }
        command.args([verb, "--rm"]).args(flags).args([root, "/bin/sh", "-c", PROBE]);
        command
    }

    /// A program, run by the user.
    fn command(&self, program: &Path) -> Command {
        let Some(id) = self.user.map(|id| id.to_string()) else {
            let mut command = Command::new(program);
            // Scripts look for barque there.
            let path = std::env::var("PATH").unwrap_or_default();
            let directory = barque().parent().map(|path| path.display().to_string()).unwrap_or_default();
            command.env("PATH", format!("{directory}:{path}"));
            return command;
        };
        let mut command = Command::new("setpriv");
        command.args(["--reuid", &id, "--regid", &id, "--clear-groups"]).arg(program);
        command.current_dir(self.directory.path());
        command
    }

    /// What the probe finds in the container that `barque run` makes.
    pub fn run(&self, flags: &[&str], root: &str) -> Findings {
        self.findings("barque run", &mut self.barque("run", flags, root))
    }

    /// What it finds in the container that the script of `barque explain` makes.
    pub fn run_script(&self, flags: &[&str], root: &str) -> Findings {
        let explained = bundle::run(&mut self.barque("explain", flags, root));
        assert!(explained.status.success(), "{}", String::from_utf8_lossy(&explained.stderr));
        let script = self.directory.path().join("script.sh");
        std::fs::write(&script, explained.stdout).unwrap_or_else(|error| panic!("{error}"));
        self.findings("the script", self.command(Path::new("sh")).arg(&script))
    }

    fn findings(&self, what: &str, command: &mut Command) -> Findings {
        let output = bundle::run(command);
        let text = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(EXIT_CODE), "{what}: {errors}\n{text}");
        let id = id_in(&text).unwrap_or_else(|| panic!("no id in {text}"));
        self.wait_until_clean(what, id);
        Findings::parse(&text.replace(id, "ID").replace(&id[..12], "SHORT-ID"))
    }

    /// What is left to do after the exit is done when the caller has its answer already.
    fn wait_until_clean(&self, what: &str, id: &str) {
        let own: PathBuf = self.directory.path().join("lib/containers").join(id);
        let start = Instant::now();
        loop {
            let mut left = bundle::cgroups_named(&format!("barque/{id}"));
            left.extend(own.exists().then(|| own.clone()));
            if left.is_empty() {
                return;
            }
            assert!(start.elapsed() < Duration::from_secs(5), "{what} leaves behind: {left:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// The container's id, which the path of its root's writable layer has.
fn id_in(text: &str) -> Option<&str> {
    let is_id = |part: &&str| part.len() == 64 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    text.split(|c: char| !c.is_ascii_alphanumeric()).find(is_id)
}
