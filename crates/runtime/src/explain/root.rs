//! The root filesystem: attached, made read-only, switched to.

use std::path::Path;

use super::functions::Function;
use super::host::word;
use super::writer::Writer;
use crate::plan::mount::{RootSource, Upper};
use crate::plan::{Op, Plan};

/// How the shell reaches the host's tools once the container's root is `/`: relative to the old root's `/usr`.
pub(super) const LOADER: &str = "loader='./lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 --inhibit-cache --library-path ./lib/x86_64-linux-gnu'";

/// One step about the root.
pub(super) fn step(writer: &mut Writer, plan: &Plan, op: &Op) {
    match op {
        Op::SetPropagation { propagation, after_pivot } => set_propagation(writer, propagation, *after_pivot),
        Op::AttachRoot(source) => attach(writer, plan, source),
        Op::ReadonlyRoot => {
            writer.because("The root filesystem is read-only; mounts in it stay what they are.");
            writer.needs(Function::Attributes);
            writer.command("attributes \"$root\" ro");
        }
        Op::HideHostViews => hide_host_views(writer),
        Op::PivotRoot { by_move } => pivot(writer, *by_move),
        _ => {}
    }
}

fn set_propagation(writer: &mut Writer, propagation: &str, after_pivot: bool) {
    if after_pivot {
        writer.because("Whether mounts made from here on travel to other mount namespaces.");
        writer.command(format!("$loader ./bin/mount --make-{propagation} /"));
        return;
    }
    // The container's mounts are to travel to the host then; all but the root's parent stay what they are.
    if propagation != "rshared" {
        writer.because("What is mounted here must not travel to the host.");
        writer.command(format!("mount --make-{propagation} /"));
    }
}

fn attach(writer: &mut Writer, plan: &Plan, source: &RootSource) {
    match source {
        RootSource::Directory { path } => {
            writer.because("The root filesystem must be a mount of its own: it is bound on itself.");
            root_variable(writer, plan, path);
            writer.command("mount --rbind \"$root\" \"$root\"");
        }
        RootSource::Overlay { lower, upper, mount_point } => {
            // Where a user namespace may not write trusted.* attributes, overlayfs keeps its notes in user.* ones.
            let in_user_namespace = plan.steps.iter().any(|step| step.op == Op::BecomeRoot);
            let notes = if in_user_namespace { ",userxattr" } else { "" };
            writer.because(
                "The root filesystem: read-only layers, and one above them that takes what is written.",
            );
            root_variable(writer, plan, mount_point);
            overlay(writer, lower, upper, mount_point, notes);
        }
        RootSource::Composed { parts, mount_point } => {
            root_variable(writer, plan, mount_point);
            super::compose::root(writer, parts);
        }
    }
}

fn root_variable(writer: &mut Writer, plan: &Plan, path: &Path) {
    writer.command(format!("root={}", word(path)));
    let cut = |op: &Op| matches!(op, Op::SetPropagation { propagation, after_pivot: false } if propagation != "rshared");
    if plan.steps.iter().any(|step| cut(&step.op)) {
        return;
    }
    // pivot_root(2) refuses a root that is shared, or whose parent mount is.
    writer.command("mount --make-slave \"$(findmnt --noheadings --output TARGET --target \"$root\")\"");
}

fn overlay(
    writer: &mut Writer,
    lower: &[std::path::PathBuf],
    upper: &Upper,
    mount_point: &Path,
    notes: &str,
) {
    let (directory, volatile) = match upper {
        Upper::Directory { path, volatile } => (path.as_path(), *volatile),
        Upper::Memory => {
            writer.command("mount -t tmpfs -o mode=0755 none \"$root\"");
            (mount_point, true)
        }
    };
    let (upper, work) = (directory.join("upper"), directory.join("work"));
    writer.command(format!("mkdir -p {} {}", word(&upper), word(&work)));
    let lower = lower.iter().map(|path| escape(path)).collect::<Vec<_>>().join(":");
    let volatile = if volatile { ",volatile" } else { "" };
    let options =
        format!("lowerdir={lower},upperdir={},workdir={}{notes}{volatile}", upper.display(), work.display());
    writer.command(format!("mount -t overlay -o {} overlay \"$root\"", crate::plan::script::quote(&options)));
}

/// A lower directory as the mount option is written.
pub(super) fn escape(path: &Path) -> String {
    path.to_string_lossy().replace('\\', r"\\").replace(':', r"\:")
}

fn hide_host_views(writer: &mut Writer) {
    writer.because(
        "The host's root will stay below the container's: its /proc and /sys, of which nothing is masked, must not.",
    );
    writer.command("findmnt --list --noheadings --types proc,sysfs --output FSROOT,TARGET | tac |");
    writer.command("while read -r within place; do");
    writer.command("    [ \"$within\" = / ] || continue");
    writer.command("    case $place in \"$root\"/*) continue ;; esac");
    writer.command("    mount --make-private \"$place\" && umount --lazy \"$place\"");
    writer.command("done");
}

fn pivot(writer: &mut Writer, by_move: bool) {
    if by_move {
        writer.because(
            "The container's root becomes /. From here on its tools are not the host's: the shell stays in the\n\
             host's /usr, and runs what it finds there with the host's own loader.",
        );
        writer.command("cd /usr");
        writer.command("mount --move \"$root\" /");
        writer.command(LOADER);
        return;
    }
    writer.because(
        "The container's root becomes /, and the host's, now on top of it, is let go. The shell stays in the\n\
         host's /usr all the while: what it finds there still runs, with the host's own loader. (That heeds an\n\
         /etc/ld.so.preload of the container's: so this is not for a root filesystem that you do not trust.)",
    );
    writer.command("cd /usr");
    writer.command("pivot_root \"$root\" \"$root\"");
    writer.command(LOADER);
    writer.command("$loader ./bin/umount --lazy /");
}
