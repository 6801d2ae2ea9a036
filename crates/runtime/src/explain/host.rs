//! What happens on the host: before the container, and after it has ended.

use std::path::Path;

use super::namespaces::Namespaces;
use crate::cgroup;
use crate::plan::script::quote;
use crate::plan::{IdMaps, Op, Plan, Script};
use crate::spec::IdMapping;

/// A path as a word.
pub(super) fn word(path: &Path) -> String {
    quote(&path.to_string_lossy())
}

/// Directories, files and the user namespace.
pub(super) fn before(script: &mut Script, plan: &Plan, namespaces: &Namespaces<'_>) {
    let mut commented = false;
    let made = plan.directories();
    for step in &plan.steps {
        let command = match &step.op {
            Op::MakeDirectory { path, mode, kept: true, .. } => {
                format!("[ -d {0} ] || mkdir -p -m {mode:o} {0} || exit", word(path))
            }
            Op::MakeDirectory { path, mode, owner, kept: false } => {
                // Not with -p: what is removed at the end must have been made here.
                let parent = path.parent().filter(|parent| !made.iter().any(|path| path == parent));
                let parent = parent.map(|parent| {
                    format!("{{ [ -d {0} ] || (umask 066 && mkdir -p {0}); }} && ", word(parent))
                });
                let owner = owner.map(|(uid, gid)| format!(" && chown {uid}:{gid} {}", word(path)));
                let make = format!("mkdir -m {mode:o} {}", word(path));
                format!("{}{make}{} || exit", parent.unwrap_or_default(), owner.unwrap_or_default())
            }
            Op::MakeSharedDirectory { path } => format!("mkdir -p {} || exit", word(path)),
            Op::CopyProgram { path } => format!("cp \"$(command -v barque)\" {} || exit", word(path)),
            Op::WriteFile { path, text } => format!("printf %s {} > {} || exit", quote(text), word(path)),
            Op::UnpackArchive { archive, directory, ids: None } => unpack("", archive, directory),
            _ => continue,
        };
        if !commented {
            script.blank();
            script.comment("Directories and files of the host that the container is given.");
            commented = true;
        }
        script.command(command);
    }
    let rdt = |step: &&crate::plan::Step| step.by == crate::plan::Actor::Creator;
    let mut rdt = plan.steps.iter().filter(rdt).filter_map(rdt_op).peekable();
    if rdt.peek().is_some() {
        script.blank();
        script.comment("The group that shares out cache and memory bandwidth.");
        rdt.for_each(|op| op.script(script));
    }
    map_ids(script, plan, namespaces);
}

fn rdt_op(step: &crate::plan::Step) -> Option<&crate::rdt::Op> {
    match &step.op {
        Op::Rdt(op) => Some(op),
        _ => None,
    }
}

fn unpack(prefix: &str, archive: &Path, directory: &Path) -> String {
    let same = if prefix.is_empty() { "" } else { " --same-owner --exclude='dev/*'" };
    format!("{prefix}tar -x --numeric-owner{same} -f {} -C {} || exit", word(archive), word(directory))
}

/// The maps of a user namespace are written from outside, and its users are made only then: so a process holds the new
/// namespace meanwhile.
fn map_ids(script: &mut Script, plan: &Plan, namespaces: &Namespaces<'_>) {
    if !namespaces.new_user() {
        return;
    }
    script.blank();
    script.comment(
        "A process that holds the new user namespace: its ids can be mapped only from outside of it.",
    );
    script.command("unshare --user sleep infinity & holder=$!");
    script.command(
        "until [ \"$(readlink \"/proc/$holder/ns/user\")\" != \"$(readlink /proc/self/ns/user)\" ]; do",
    );
    script.command("    kill -0 \"$holder\" || exit");
    script.command("done");
    for step in &plan.steps {
        let Op::MapIds(IdMaps { uids, gids, by_tools, deny_setgroups }) = &step.op else { continue };
        if *deny_setgroups {
            script.comment("An unprivileged user must give up setgroups(2) first (CVE-2014-8989).");
            script.command("printf deny > \"/proc/$holder/setgroups\" || exit");
        }
        if *by_tools {
            script.comment("Ranges that /etc/subuid and /etc/subgid grant: id inside, id outside, count.");
        } else {
            script.comment("Id inside, id outside, count.");
        }
        for (kind, mappings) in [("gid", gids), ("uid", uids)] {
            script.command(map_command(kind, mappings, *by_tools));
        }
    }
    for step in &plan.steps {
        if let Op::UnpackArchive { archive, directory, ids: Some(_) } = &step.op {
            script.comment(
                "Only inside the user namespace can files be given to its ids. Devices cannot be made there.",
            );
            script.command(unpack("nsenter --user=\"/proc/$holder/ns/user\" ", archive, directory));
        }
    }
}

fn map_command(kind: &str, mappings: &[IdMapping], by_tools: bool) -> String {
    let lines = mappings.iter().map(|map| format!("{} {} {}", map.container_id, map.host_id, map.size));
    if by_tools {
        return format!("new{kind}map \"$holder\" {} || exit", lines.collect::<Vec<_>>().join(" "));
    }
    // One printf of all lines: the kernel takes a map in a single write(2).
    let text = lines.collect::<Vec<_>>().join(r"\n");
    format!("printf '{text}\\n' > \"/proc/$holder/{kind}_map\" || exit")
}

/// Makes, limits and joins the cgroups.
pub(super) fn cgroups(script: &mut Script, plan: &Plan) {
    let mut comment = "";
    let mut joins = Vec::new();
    for step in &plan.steps {
        match &step.op {
            Op::Clone { cgroup: Some(directory), .. } => {
                joins.push(cgroup::Op::Join { file: directory.join("cgroup.procs") });
            }
            Op::Cgroup(op @ cgroup::Op::Join { .. }) => joins.push(op.clone()),
            Op::Cgroup(op) => {
                explain(script, &mut comment, op);
                op.script(script);
            }
            _ => {}
        }
    }
    let rdt = plan.of(crate::plan::Actor::Init).find_map(|op| match op {
        Op::Rdt(op) => Some(op),
        _ => None,
    });
    if !joins.is_empty() || rdt.is_some() {
        script.blank();
        script.comment(
            "This subshell moves itself in (0 is the process that writes), so all it starts is inside.",
        );
    }
    for join in joins {
        join.script(script);
    }
    if let Some(join) = rdt {
        join.script(script);
    }
}

/// Says what a cgroup operation is for, once for operations of the same purpose in a row.
fn explain(script: &mut Script, last: &mut &'static str, op: &cgroup::Op) {
    let comment = match op {
        cgroup::Op::Create { .. } => "The container's cgroup in each hierarchy.",
        cgroup::Op::StartScope { .. } | cgroup::Op::SetProperties { .. } => {
            "systemd makes the cgroup, as a scope, and knows of its limits."
        }
        cgroup::Op::Enable { .. } => "Controllers are handed down from parent to child.",
        cgroup::Op::Inherit { .. } => "A cpuset without processors or memory nodes takes no process.",
        cgroup::Op::DeviceList { .. } | cgroup::Op::DeviceFilter { .. } => {
            "Which devices it may use: the last rule that matches counts."
        }
        _ => "Its limits.",
    };
    if *last != comment {
        script.blank();
        script.comment(comment);
        *last = comment;
    }
}

/// Takes back what was made, in reverse.
pub(super) fn after(script: &mut Script, plan: &Plan, namespaces: &Namespaces<'_>) {
    let cgroups: Vec<_> = plan
        .steps
        .iter()
        .filter_map(|step| match &step.op {
            Op::Cgroup(cgroup::Op::Create { dir }) => Some(word(dir)),
            _ => None,
        })
        .collect();
    // A group that a closID names stays.
    let groups: Vec<_> = plan
        .steps
        .iter()
        .rev()
        .filter_map(|step| match &step.op {
            Op::Rdt(crate::rdt::Op::Create { group, matching: None }) => Some(word(group)),
            _ => None,
        })
        .collect();
    let directories: Vec<_> = plan.directories().iter().rev().map(|path| word(path)).collect();
    if namespaces.new_user() || !cgroups.is_empty() || !groups.is_empty() || !directories.is_empty() {
        script.blank();
        script.comment(
            "The container has ended; namespaces and mounts went with it. Take back the rest, in reverse.",
        );
    }
    let by_tools = plan.steps.iter().any(|step| matches!(&step.op, Op::MapIds(maps) if maps.by_tools));
    if by_tools && !directories.is_empty() {
        script.comment("Files of subordinate ids can be removed only inside the user namespace.");
        let remove = format!("rm -rf --one-file-system {}", directories.join(" "));
        script.command(format!("nsenter --user=\"/proc/$holder/ns/user\" {remove}"));
    }
    let connections = plan.steps.iter().filter_map(|step| match &step.op {
        Op::ConnectNetwork(connection) => Some(connection),
        _ => None,
    });
    for line in connections.flat_map(|connection| &connection.after) {
        script.command(line);
    }
    if namespaces.new_user() {
        script.command("kill \"$holder\"");
    }
    if !cgroups.is_empty() {
        // With those that the container may have made below, the innermost first.
        script.command(format!("find {} -depth -type d -delete", cgroups.join(" \\\n    ")));
    }
    if !groups.is_empty() {
        script.command(format!("rmdir {}", groups.join(" ")));
    }
    if !directories.is_empty() {
        script.command(format!("rm -rf --one-file-system {}", directories.join(" ")));
    }
    script.blank();
}
