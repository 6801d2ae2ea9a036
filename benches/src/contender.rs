//! The programs that are compared.

use std::env;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::bundle::Bundle;
use crate::flags::Flags;

/// The name under which our own program is listed.
pub(crate) const OURS: &str = "barque";

/// One OCI runtime with a state directory of its own.
#[derive(Debug)]
pub(crate) struct Contender {
    /// What the tables call it.
    pub name: String,
    /// What `--version` says of it.
    pub version: String,
    program: PathBuf,
    /// Before the runtime's own arguments: `oci` for ours.
    verb: Option<&'static str>,
    state: PathBuf,
}

impl Contender {
    fn new(name: &str, program: PathBuf, work: &Path) -> Self {
        let verb = (name == OURS).then_some("oci");
        let version = version(&program);
        Self { name: name.to_owned(), version, program, verb, state: work.join(format!("state-{name}")) }
    }

    /// A container's name that no other contender uses: their cgroups share one tree.
    pub(crate) fn container(&self, purpose: &str) -> String {
        format!("bench-{purpose}-{}-{}", self.name.replace('.', "_"), std::process::id())
    }

    /// Whether this is our own program.
    pub(crate) fn is_ours(&self) -> bool {
        self.verb.is_some()
    }

    /// The runtime's command line up to its verb, with its own state directory.
    pub(crate) fn oci(&self) -> Vec<OsString> {
        let mut line = vec![self.program.clone().into_os_string()];
        line.extend(self.verb.map(OsString::from));
        line.extend([OsString::from("--root"), self.state.clone().into_os_string()]);
        line
    }

    /// `barque` itself, with storage below the state directory.
    pub(crate) fn engine(&self) -> Vec<OsString> {
        let option = |name: &str, dir: &str| [OsString::from(name), self.state.join(dir).into_os_string()];
        let mut line = vec![self.program.clone().into_os_string()];
        line.extend(option("--root", "lib"));
        line.extend(option("--run-root", "run"));
        line
    }

    /// Runs one verb to its end, collecting what it prints.
    pub(crate) fn oci_output(&self, arguments: &[&str], bundle: Option<&Path>) -> io::Result<Output> {
        let line = self.oci();
        let mut command = Command::new(&line[0]);
        command.args(&line[1..]).args(arguments).stdin(Stdio::null());
        if let Some(bundle) = bundle {
            command.current_dir(bundle);
        }
        command.output()
    }

    /// Removes a container, running or not, known or not.
    pub(crate) fn delete(&self, id: &str) {
        // The container may be gone already, and that is all that is asked.
        drop(self.oci_output(&["delete", "--force", id], None));
    }
}

/// The contenders that work on this machine, peers first, and for each other one a line that says why it does not.
pub(crate) fn present(
    flags: &Flags,
    work: &Path,
    bundle: &Bundle,
) -> io::Result<(Vec<Contender>, Vec<String>)> {
    let mut wanted: Vec<(String, Option<PathBuf>)> =
        ["crun", "runc"].map(|name| (name.to_owned(), find_program(name))).into();
    wanted.extend(flags.peers.iter().map(|(name, path)| (name.clone(), Some(path.clone()))));
    wanted.push((OURS.to_owned(), flags.barque.clone().or_else(built_beside)));

    let mut contenders = Vec::new();
    let mut absent = Vec::new();
    for (name, program) in wanted {
        let Some(program) = program else {
            absent.push(format!("{name}: not found"));
            continue;
        };
        let contender = Contender::new(&name, program, work);
        let id = contender.container("try");
        match contender.oci_output(&["run", &id], Some(&bundle.once())) {
            Ok(output) if output.status.success() => contenders.push(contender),
            Ok(output) => {
                contender.delete(&id);
                let said = String::from_utf8_lossy(&output.stderr);
                absent.push(format!("{name}: {}: {}", output.status, said.trim()));
            }
            Err(error) => absent.push(format!("{name}: {}: {error}", contender.program.display())),
        }
    }
    if contenders.is_empty() {
        return Err(io::Error::other(format!("nothing to measure: {}", absent.join("; "))));
    }
    Ok((contenders, absent))
}

fn find_program(name: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|dir| dir.join(name)).find(|path| path.is_file())
}

/// `barque` in the directory of this very program: the same profile, the same target directory.
fn built_beside() -> Option<PathBuf> {
    env::current_exe().ok()?.parent().map(|dir| dir.join(OURS)).filter(|path| path.is_file())
}

fn version(program: &Path) -> String {
    let first_line = |output: Output| {
        String::from_utf8_lossy(&output.stdout).lines().next().map(|line| line.trim().to_owned())
    };
    Command::new(program)
        .arg("--version")
        .output()
        .ok()
        .and_then(first_line)
        .unwrap_or_else(|| "unknown version".to_owned())
}
