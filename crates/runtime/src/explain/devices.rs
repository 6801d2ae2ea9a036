//! Device nodes and links.

use super::functions::Function;
use super::writer::Writer;
use crate::plan::Op;
use crate::plan::script::quote;

/// Makes a node or a link of the plan.
pub(super) fn step(writer: &mut Writer, op: &Op) {
    match op {
        Op::MakeDevice { path, bind: true, .. } => {
            writer.because("A user namespace may not make device nodes: the host's are bound.");
            writer.call(Function::File, &quote(path));
            writer.command(format!("mount --bind {} \"$at\"", quote(path)));
        }
        Op::MakeDevice { .. } => node(writer, op),
        Op::MakeLink { target, path } => {
            writer.because("Links that programs expect; one that is there stays.");
            let (parent, name) = split(path);
            writer.directory(parent);
            let link = format!("\"$at\"/{}", quote(name));
            writer.command(format!("[ -L {link} ] || [ -e {link} ] || ln -s {} {link}", quote(target)));
        }
        _ => {}
    }
}

fn node(writer: &mut Writer, op: &Op) {
    let Op::MakeDevice { path, kind, major, minor, mode, uid, gid, .. } = op else { return };
    writer.because("Device nodes: mode, kind, major and minor number.");
    let (parent, name) = split(path);
    writer.directory(parent);
    let node = format!("\"$at\"/{}", quote(name));
    let numbers = if *kind == 'p' { String::new() } else { format!(" {major} {minor}") };
    writer.command(format!("[ -e {node} ] || mknod -m {mode:o} {node} {kind}{numbers}"));
    if (*uid, *gid) != (0, 0) {
        // A change of owner may take mode bits away.
        writer.command(format!("chown {uid}:{gid} {node} && chmod {mode:o} {node}"));
    }
}

fn split(path: &str) -> (&str, &str) {
    match path.rsplit_once('/') {
        Some(("", name)) => ("/", name),
        Some(parts) => parts,
        None => ("/", path),
    }
}
