//! `--security-opt`, and what is hidden from the container.

use super::{Caller, Host, PathKind, SeccompChoice};
use crate::flags::Parsed;
use crate::value::boolean;
use crate::{Error, Result};

/// What the container must not see: information about the host, or ways to reach it.
const MASKED: [&str; 13] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
    "/sys/fs/selinux",
];
/// What it may read only: settings of the whole machine.
const READ_ONLY: [&str; 5] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// The decisions of `--security-opt` and `--privileged`.
#[derive(Debug, PartialEq)]
pub(super) struct Security {
    pub seccomp: SeccompChoice,
    pub no_new_privileges: bool,
    pub apparmor: Option<String>,
    /// SELinux labels of the process and of its files.
    pub labels: Option<(String, String)>,
    pub masked: Vec<String>,
    pub read_only: Vec<String>,
}

/// Reads the flags.
pub(super) fn security(
    flags: &Parsed,
    caller: &Caller,
    host: &dyn Host,
    warnings: &mut Vec<String>,
) -> Result<Security> {
    let privileged = flags.switch("privileged");
    let owned = |list: &[&str]| list.iter().map(|path| (*path).to_owned()).collect();
    let mut security = Security {
        seccomp: if privileged { SeccompChoice::Unconfined } else { SeccompChoice::Default },
        no_new_privileges: false,
        apparmor: None,
        labels: None,
        masked: if privileged { Vec::new() } else { owned(&MASKED) },
        read_only: if privileged { Vec::new() } else { owned(&READ_ONLY) },
    };
    let mut labels = Vec::new();
    for text in flags.all("security-opt") {
        // Docker's old form has a colon; its new one may have one in the value.
        let (key, value) = match text.split_once('=').or_else(|| text.split_once(':')) {
            Some((key, value)) => (key, value),
            None => (text, ""),
        };
        match (key, value) {
            ("label", value) => labels.push(value),
            _ => security.set(flags, caller, text, (key, value))?,
        }
    }
    security.labels = label(&labels, host, warnings)?;
    Ok(security)
}

impl Security {
    fn set(&mut self, flags: &Parsed, caller: &Caller, text: &str, (key, value): (&str, &str)) -> Result<()> {
        match (key, value) {
            ("no-new-privileges", "") => self.no_new_privileges = true,
            ("no-new-privileges", value) => {
                self.no_new_privileges =
                    boolean(value).map_err(|why| flags.invalid("security-opt", text, why))?;
            }
            ("seccomp", "unconfined") => self.seccomp = SeccompChoice::Unconfined,
            ("seccomp", "builtin") => self.seccomp = SeccompChoice::Default,
            ("seccomp", file) if !file.is_empty() => {
                self.seccomp = SeccompChoice::File(super::root::absolute(file, &caller.cwd));
            }
            ("apparmor", "unconfined") => self.apparmor = None,
            ("apparmor", profile) if !profile.is_empty() => self.apparmor = Some(profile.to_owned()),
            ("systempaths", "unconfined") => {
                self.masked.clear();
                self.read_only.clear();
            }
            ("mask", paths) if !paths.is_empty() => self.mask(paths)?,
            ("unmask", paths) if !paths.is_empty() => self.unmask(paths),
            _ => {
                return Err(Error::invalid(format!("invalid --security-opt: {text:?}")).hint(
                    "one of seccomp=FILE|unconfined, no-new-privileges[=true|false], apparmor=PROFILE|unconfined, \
                     label=disable|user:U|role:R|type:T|level:L, systempaths=unconfined, mask=PATH[:PATH…], \
                     unmask=ALL|PATH[:PATH…]",
                ));
            }
        }
        Ok(())
    }

    fn mask(&mut self, paths: &str) -> Result<()> {
        for path in paths.split(':') {
            if !path.starts_with('/') {
                return Err(Error::invalid(format!(
                    "--security-opt mask={paths}: {path:?} is not an absolute path"
                )));
            }
            if !self.masked.iter().any(|old| old == path) {
                self.masked.push(path.to_owned());
            }
        }
        Ok(())
    }

    /// Shows paths again; a `*` at the end stands for anything.
    fn unmask(&mut self, paths: &str) {
        for pattern in paths.split([':', ',']) {
            let shown = |path: &String| match pattern.strip_suffix('*') {
                _ if pattern.eq_ignore_ascii_case("all") => true,
                Some(prefix) => path.starts_with(prefix),
                None => path == pattern,
            };
            self.masked.retain(|path| !shown(path));
            self.read_only.retain(|path| !shown(path));
        }
    }
}

/// The SELinux labels, when SELinux is there and parts of them are given.
fn label(options: &[&str], host: &dyn Host, warnings: &mut Vec<String>) -> Result<Option<(String, String)>> {
    let (mut user, mut role, mut kind, mut level, mut disabled) =
        ("system_u", "system_r", "container_t", "s0", false);
    for option in options {
        match option.split_once(':') {
            None if *option == "disable" => disabled = true,
            Some(("user", value)) => user = value,
            Some(("role", value)) => role = value,
            Some(("type", value)) => kind = value,
            Some(("level", value)) => level = value,
            _ => {
                return Err(Error::invalid(format!("bad label option {option:?}"))
                    .hint("one of disable, user:U, role:R, type:T, level:L"));
            }
        }
    }
    if options.is_empty() || disabled {
        return Ok(None);
    }
    if !selinux(host) {
        warnings.push("SELinux is not in use on this machine: --security-opt label=… is ignored".to_owned());
        return Ok(None);
    }
    Ok(Some((format!("{user}:{role}:{kind}:{level}"), format!("{user}:object_r:container_file_t:{level}"))))
}

/// Whether SELinux is in use on this machine.
pub(super) fn selinux(host: &dyn Host) -> bool {
    host.path_kind("/sys/fs/selinux/enforce") != PathKind::Missing
}
