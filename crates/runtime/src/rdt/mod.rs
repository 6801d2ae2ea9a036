//! Intel Resource Director Technology: a share of the cache and of the memory's bandwidth, and their measurement, by groups
//! of the file system `resctrl` (`Documentation/arch/x86/resctrl.rst`; AMD's and Arm's equals have the same interface).
//!
//! A container is in one group, by its first process's own doing, and what that forks is in it too. A group named by
//! `closID` is its owner's: it is made where it is missing, never removed. Else the container has one of its own, named by
//! its id, that goes with it.

mod execute;
mod schemata;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::plan::Script;
use crate::plan::script::quote;
use crate::spec::{IntelRdt, Str};
use crate::{Error, Result};

pub(crate) use execute::Done;

/// One operation on a `resctrl` file system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Op {
    /// Refuses to go on where the machine does not measure something.
    Require {
        /// The file that lists what it measures.
        file: PathBuf,
        /// What must be listed.
        event: String,
    },
    /// Refuses to go on where a group that somebody else should have made is not there.
    Find {
        /// The group.
        group: PathBuf,
    },
    /// Makes a group.
    Create {
        /// The group.
        group: PathBuf,
        /// The lines that its schemata must have where it is there already; without, it must not be there.
        matching: Option<String>,
    },
    /// Sets shares.
    Write {
        /// The file `schemata` of the group.
        file: PathBuf,
        /// Its new lines.
        text: String,
    },
    /// Moves the process that does it into a group.
    Join {
        /// The file `tasks` of the group.
        file: PathBuf,
    },
}

/// A container's group, as it is recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// The directory of its shares.
    pub directory: PathBuf,
    /// The file by which processes join.
    pub tasks: PathBuf,
    /// Directories that are the container's alone, the innermost first.
    pub own: Vec<PathBuf>,
}

/// A container's group and what is done about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The group.
    pub group: Group,
    /// Done by the creator before there is a process, in order.
    pub ops: Vec<Op>,
    /// Done by the container's process itself.
    pub join: Op,
}

/// Where `resctrl` is mounted, by the text of `mountinfo`.
pub fn mount_point(mountinfo: &str) -> Option<PathBuf> {
    let of_line = |line: &str| {
        let (mount, file_system) = line.split_once(" - ")?;
        let is_resctrl = file_system.split(' ').next() == Some("resctrl");
        mount.split(' ').nth(4).filter(|_| is_resctrl).map(PathBuf::from)
    };
    mountinfo.lines().find_map(of_line)
}

/// What a configuration becomes. Pure; `resctrl` is where that file system is mounted.
pub fn plan(config: &IntelRdt<'_>, id: &str, resctrl: Option<&Path>) -> Result<Plan> {
    let resctrl = resctrl.ok_or_else(|| {
        Error::unsupported("linux.intelRdt: no resctrl file system is mounted").hint(
            "where the processor has it (rdt_a in /proc/cpuinfo): mount -t resctrl resctrl /sys/fs/resctrl",
        )
    })?;
    let own = config.clos_id.as_deref().is_none_or(str::is_empty);
    let name = config.clos_id.as_deref().filter(|_| !own).unwrap_or(id);
    check_name(name)?;
    let directory = resctrl.join(name);
    let mut ops = required(config, resctrl);
    let (schemata, shares) = (directory.join("schemata"), shares(config)?);
    let matching = (!own).then(|| shares.clone().unwrap_or_default());
    let lines = lines(&config.schemata)?;
    if own || shares.is_some() || lines.is_some() {
        ops.push(Op::Create { group: directory.clone(), matching });
    } else {
        ops.push(Op::Find { group: directory.clone() });
    }
    for text in [shares, lines].into_iter().flatten() {
        ops.push(Op::Write { file: schemata.clone(), text });
    }
    let mut owned = Vec::new();
    let mut tasks = directory.join("tasks");
    if config.enable_monitoring {
        let monitor = directory.join("mon_groups").join(id);
        ops.push(Op::Create { group: monitor.clone(), matching: None });
        tasks = monitor.join("tasks");
        owned.push(monitor);
    }
    if own {
        owned.push(directory.clone());
    }
    let join = Op::Join { file: tasks.clone() };
    Ok(Plan { group: Group { directory, tasks, own: owned }, ops, join })
}

/// A name is one directory below the mount, and none of the kernel's own.
fn check_name(name: &str) -> Result<()> {
    let is_kernels = ["info", "mon_groups", "mon_data", ".", ".."].contains(&name);
    if is_kernels || name.contains('/') || name.contains('\n') {
        return Err(Error::invalid(format!("linux.intelRdt.closID: {name:?} cannot be the name of a group")));
    }
    Ok(())
}

/// The monitoring that versions of the specification before 1.3 ask for by name.
fn required(config: &IntelRdt<'_>, resctrl: &Path) -> Vec<Op> {
    let file = resctrl.join("info/L3_MON/mon_features");
    let asked = [(config.enable_cmt, "llc_occupancy"), (config.enable_mbm, "mbm_total_bytes")];
    let require = |event: &str| Op::Require { file: file.clone(), event: event.to_owned() };
    asked.into_iter().filter(|(asked, _)| *asked).map(|(_, event)| require(event)).collect()
}

/// `l3CacheSchema` and `memBwSchema` as lines: bandwidth comes from the latter alone where that is given.
pub(crate) fn shares(config: &IntelRdt<'_>) -> Result<Option<String>> {
    let bandwidth = config.mem_bw_schema.as_deref().unwrap_or_default();
    let is_kept = |line: &&str| {
        !line.trim().is_empty() && (bandwidth.is_empty() || !line.trim_start().starts_with("MB:"))
    };
    let cache = config.l3_cache_schema.as_deref().unwrap_or_default().lines().filter(is_kept);
    lines(&cache.chain(bandwidth.lines()).map(|line| Str::from(line.to_owned())).collect::<Vec<_>>())
}

fn lines(lines: &[Str<'_>]) -> Result<Option<String>> {
    let mut text = String::new();
    for line in lines.iter().flat_map(|line| line.lines()) {
        if schemata::parse(line).next().is_none() {
            return Err(Error::invalid(format!("linux.intelRdt: {line:?} is not a line of schemata"))
                .hint("a line is like L3:0=7f0;1=1f or MB:0=20;1=70"));
        }
        text.push_str(line);
        text.push('\n');
    }
    Ok(Some(text).filter(|text| !text.is_empty()))
}

impl Op {
    /// The same as lines of a script.
    pub fn script(&self, script: &mut Script) {
        let word = |path: &Path| quote(&path.to_string_lossy());
        script.command(match self {
            Self::Require { file, event } => format!("grep -qx {event} {} || exit", word(file)),
            Self::Find { group } => format!("[ -d {} ] || exit", word(group)),
            Self::Create { group, matching: None } => format!("mkdir {} || exit", word(group)),
            Self::Create { group, matching: Some(_) } => format!("mkdir -p {} || exit", word(group)),
            Self::Write { file, text } => format!("printf %s {} > {} || exit", quote(text), word(file)),
            Self::Join { file } => format!("echo 0 > {}", word(file)),
        });
    }
}
