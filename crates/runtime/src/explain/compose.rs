//! A root filesystem put together from parts.

use std::path::Path;

use super::host::word;
use super::root::escape;
use super::writer::Writer;
use crate::plan::mount::Part;
use crate::plan::script::quote;

/// Builds the root below a tmpfs on `$root`, and mounts it over that.
pub(super) fn root(writer: &mut Writer, parts: &[Part]) {
    writer.because(
        "The root filesystem, in memory: below a directory with mounts (which a user namespace must not look under)\n\
         overlayfs makes no copy-on-write view, so its entries get one each.",
    );
    writer.command("mount -t tmpfs -o mode=0755 none \"$root\"");
    writer.command("mkdir \"$root/root\" && mkdir -m 700 \"$root/layers\"");
    for (number, part) in parts.iter().enumerate() {
        add(writer, part, number);
    }
    writer.command("mount --rbind \"$root/root\" \"$root\"");
}

fn add(writer: &mut Writer, part: &Part, number: usize) {
    let inside = |path: &Path| format!("\"$root/root\"{}", word(path));
    match part {
        Part::Directory { path, mode } => writer.command(format!("mkdir -m {mode:o} {}", inside(path))),
        Part::Link { path, target } => {
            writer.command(format!("ln -s {} {}", quote(target), inside(path)));
        }
        Part::Overlay { path, mode, lower } => {
            let layer = format!("\"$root/layers/{number}\"");
            writer.command(format!("mkdir {layer} {layer}/work"));
            writer.command(format!("mkdir -m {mode:o} {layer}/upper {}", inside(path)));
            let options = format!(
                "lowerdir={},upperdir={layer}/upper,workdir={layer}/work,userxattr,volatile",
                quote(&escape(lower))
            );
            writer.command(format!("mount -t overlay -o {options} overlay {}", inside(path)));
        }
        Part::File { path, source } => {
            let path = inside(path);
            writer.command(format!(": > {path} && mount --bind {} {path}", word(source)));
            writer.needs(super::functions::Function::Attributes);
            writer.command(format!("attributes {path} ro"));
        }
    }
}
