//! A plan as the shell script a person would type.
//!
//! Run by `sh`, the script makes a container equal to the one that executing the plan makes, with the tools of a
//! Debian machine: util-linux, coreutils, iproute2. It has three parts, each in the order of the plan:
//!
//! 1. on the host ([`host`]): directories, the user namespace's id maps, the cgroups, which the script's own subshell
//!    then joins; and the command that makes and joins namespaces ([`namespaces`]);
//! 2. in the new namespaces, with the host's files still in sight: the root, mounts, devices, kernel parameters
//!    ([`inside`]);
//! 3. in the container's root ([`process`]), where the host's tools are gone: the shell stays with its working directory
//!    in the old root's `/usr`, although that is unmounted, so that relative paths still lead to the host's tools, by way of
//!    the host's own dynamic loader.
//!
//! At its end the script takes back what it made. What no tool can do is said in a comment.

mod compose;
mod devices;
mod functions;
mod host;
mod inside;
mod mounts;
mod namespaces;
mod process;
mod root;
mod seccomp;
#[cfg(test)]
mod tests;
mod writer;

use std::path::Path;

use crate::plan::{Plan, Script};
use namespaces::Namespaces;

/// What a script says beside the plan.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options<'a> {
    /// The container's id.
    pub id: &'a str,
    /// The file that the system call filter was written to, for the comment about it.
    pub seccomp_file: Option<&'a Path>,
}

/// The script of a plan.
pub fn script(plan: &Plan, options: &Options<'_>) -> Script {
    let namespaces = Namespaces::of(plan);
    let mut script = Script::new();
    script.command("#!/bin/sh");
    script.comment(&format!(
        "The container {:?}, made by the tools of a Debian machine (util-linux, coreutils, iproute2).",
        options.id
    ));
    script.comment("Run it with sh. Its exit code is the container's.");
    script.command("set -u");
    script.command("umask 022");
    host::before(&mut script, plan, &namespaces);
    script.blank();
    script.comment("An interrupt is for the container; this script goes on, to clean up.");
    script.command("trap : INT TERM");
    script.command("(");
    script.command("set -e");
    host::cgroups(&mut script, plan);
    namespaces::enter(&mut script, &namespaces, inside::script(plan, options).as_str());
    script.command(")");
    script.command("status=$?");
    host::after(&mut script, plan, &namespaces);
    script.command("exit \"$status\"");
    script
}

/// The system call filter of a plan, as the file [`Options::seccomp_file`] holds it: `struct sock_filter`s in this
/// machine's byte order.
pub fn seccomp_program(plan: &Plan) -> Option<Vec<u8>> {
    seccomp::of(plan).map(|load| load.program.to_bytes())
}
