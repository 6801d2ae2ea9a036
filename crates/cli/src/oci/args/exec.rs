//! `exec`.

use super::{first_id, options};
use crate::flags::{Command, Flag, Grammar, Parsed};
use crate::value::integer;
use crate::{Error, Result};

/// `exec`.
pub(super) static EXEC: Command = Command {
    path: "barque oci exec",
    usage: "[OPTIONS] ID COMMAND [ARG...]\n       barque oci exec [OPTIONS] --process FILE ID",
    about: "Run another process in a container",
    sections: &[options(&[
        Flag::value("console-socket", "PATH", "UNIX socket that gets the terminal's other end"),
        Flag::value("cwd", "DIR", "Working directory"),
        Flag::list("env", "NAME=VALUE", "Set an environment variable").short('e'),
        Flag::switch("tty", "Give it a terminal").short('t'),
        Flag::value("user", "UID[:GID]", "Run as this user").short('u'),
        Flag::list("additional-gids", "GID", "Add a supplementary group").short('g'),
        Flag::value("process", "FILE", "The process, as in config.json").short('p'),
        Flag::switch("detach", "Do not wait for it").short('d'),
        Flag::value("pid-file", "FILE", "Write the process id to this file"),
        Flag::value("process-label", "LABEL", "SELinux label"),
        Flag::value("apparmor", "PROFILE", "AppArmor profile"),
        Flag::switch("no-new-privs", "Set no_new_privs"),
        Flag::list("cap", "CAPABILITY", "Add a capability").short('c'),
        Flag::value("preserve-fds", "N", "Pass N descriptors on, from number 3"),
        Flag::list("cgroup", "[CONTROLLERS:]PATH", "Run in this cgroup below the container's"),
        Flag::switch("ignore-paused", "Go on although the container is paused"),
        Flag::switch("no-subreaper", ""),
    ])],
    grammar: Grammar::GoStopAtFirst,
    notes: "",
};

/// `exec`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exec {
    /// The container's id.
    pub id: String,
    /// The command; empty when [`Exec::process`] has it.
    pub args: Vec<String>,
    /// A file with the whole process.
    pub process: Option<String>,
    /// Gets the terminal's other end.
    pub console_socket: Option<String>,
    /// Working directory.
    pub cwd: Option<String>,
    /// Variables beyond those of the container's process.
    pub env: Vec<String>,
    /// With a terminal.
    pub tty: bool,
    /// User and group.
    pub user: Option<(u32, Option<u32>)>,
    /// Supplementary groups.
    pub additional_gids: Vec<u32>,
    /// Do not wait.
    pub detach: bool,
    /// Gets the process id.
    pub pid_file: Option<String>,
    /// SELinux label.
    pub process_label: Option<String>,
    /// AppArmor profile.
    pub apparmor: Option<String>,
    /// Set no_new_privs.
    pub no_new_privs: bool,
    /// Capabilities to add, as typed.
    pub capabilities: Vec<String>,
    /// Number of descriptors from 3 on that are passed on.
    pub preserve_fds: u32,
    /// Cgroups below the container's: controllers (none for all) and path.
    pub cgroups: Vec<(Option<String>, String)>,
    /// Go on although the container is paused.
    pub ignore_paused: bool,
}

impl Exec {
    pub(super) fn read(flags: &Parsed) -> Result<Self> {
        let text = |long| flags.value(long).filter(|text| !text.is_empty()).map(str::to_owned);
        let list = |long| flags.all(long).map(str::to_owned).collect();
        let exec = Self {
            id: first_id(flags)?,
            args: flags.positional().get(1..).unwrap_or_default().to_vec(),
            process: text("process"),
            console_socket: text("console-socket"),
            cwd: text("cwd"),
            env: list("env"),
            tty: flags.switch("tty"),
            user: flags.read("user", user)?,
            additional_gids: flags.read_all("additional-gids", integer)?,
            detach: flags.switch("detach"),
            pid_file: text("pid-file"),
            process_label: text("process-label"),
            apparmor: text("apparmor"),
            no_new_privs: flags.switch("no-new-privs"),
            capabilities: list("cap"),
            preserve_fds: flags.read("preserve-fds", integer)?.unwrap_or(0),
            cgroups: flags.all("cgroup").map(cgroup).collect(),
            ignore_paused: flags.switch("ignore-paused"),
        };
        if exec.args.is_empty() && exec.process.is_none() {
            return Err(
                Error::invalid("process args cannot be empty").hint("name a command, or give --process FILE")
            );
        }
        Ok(exec)
    }
}

/// `UID[:GID]`.
fn user(text: &str) -> std::result::Result<(u32, Option<u32>), String> {
    match text.split_once(':') {
        None => Ok((integer(text)?, None)),
        Some((uid, gid)) => Ok((integer(uid)?, Some(integer(gid)?))),
    }
}

/// `[CONTROLLERS:]PATH`.
fn cgroup(text: &str) -> (Option<String>, String) {
    match text.split_once(':') {
        None => (None, text.to_owned()),
        Some((controllers, path)) => (Some(controllers.to_owned()), path.to_owned()),
    }
}
