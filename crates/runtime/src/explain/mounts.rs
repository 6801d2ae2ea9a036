//! Mounts in the container's root.

use super::functions::Function;
use super::writer::Writer;
use crate::plan::mount::{Attributes, Mount, MountIds, Source};
use crate::plan::script::quote;
use crate::plan::{Op, Plan, spell_attributes};

/// `MOUNT_ATTR_RDONLY`.
const RDONLY: u32 = 0x01;

/// Makes one mount.
pub(super) fn mount(writer: &mut Writer, plan: &Plan, mount: &Mount) {
    writer.because("Mounts, in order; mount points that are missing are made.");
    match &mount.source {
        Source::New { kind, source, parameters } => {
            new(writer, mount, kind, source.as_deref().unwrap_or(kind), parameters);
        }
        Source::Bind { path, recursive, subdirectory } => {
            bind(writer, mount, &path.to_string_lossy(), *recursive, subdirectory.as_deref());
        }
        Source::Prepared { slot, .. } => {
            // Here it needs no preparation: the host's files are in sight, and we are root of the user namespace.
            match prepared(plan, *slot) {
                Some(Mount {
                    source: Source::Bind { path, recursive, subdirectory }, id_mapping, ..
                }) => {
                    let mount = Mount { id_mapping: id_mapping.clone(), ..mount.clone() };
                    bind(writer, &mount, &path.to_string_lossy(), *recursive, subdirectory.as_deref());
                }
                Some(Mount { source: Source::Program, .. }) => program(writer, mount),
                _ => {}
            }
        }
        Source::Program => program(writer, mount),
        Source::Device { kind, major, minor, mode, uid, gid } => {
            let node = Op::MakeDevice {
                path: mount.target.clone(),
                kind: *kind,
                major: *major,
                minor: *minor,
                mode: *mode,
                uid: *uid,
                gid: *gid,
                bind: true,
            };
            super::devices::step(writer, &node);
        }
        Source::Existing { parameters } => {
            writer.call(Function::Inside, &quote(&mount.target));
            if !parameters.is_empty() {
                // A remount takes the attributes away that it does not name.
                let kept = "$(findmnt --noheadings --output VFS-OPTIONS --mountpoint \"$at\" | tail -n 1)";
                let options = spell_parameters(parameters).join(",");
                writer.command(format!("mount -o \"remount,{kept}\",{} \"$at\"", quote(&options)));
            }
            attributes(writer, mount.attributes);
        }
    }
    finish(writer, mount);
}

/// Parameters of a file system as options of `mount(8)`.
fn spell_parameters(parameters: &[(String, Option<String>)]) -> Vec<String> {
    let spell = |(key, value): &(String, Option<String>)| match value {
        // A comma ends an option, except in double quotes.
        Some(value) if value.contains(',') => format!("{key}=\"{value}\""),
        Some(value) => format!("{key}={value}"),
        None => key.clone(),
    };
    parameters.iter().map(spell).collect()
}

fn new(
    writer: &mut Writer,
    mount: &Mount,
    kind: &str,
    source: &str,
    parameters: &[(String, Option<String>)],
) {
    let function = if mount.copy_up { Function::Inside } else { Function::Dir };
    writer.call(function, &quote(&mount.target));
    // mount(2) makes the file system read-only with the mount; where only the mount is to be, it is changed after.
    let whole = parameters.iter().any(|(key, value)| key == "ro" && value.is_none());
    let (now, later) = match whole {
        true => (mount.attributes, Attributes::default()),
        false => (without(mount.attributes, RDONLY), only(mount.attributes, RDONLY)),
    };
    let mut options = spell_attributes(Attributes { clear: 0, ..now }, false);
    options.extend(spell_parameters(parameters).into_iter().filter(|option| option != "ro"));
    let options =
        if options.is_empty() { String::new() } else { format!(" -o {}", quote(&options.join(","))) };
    let command = format!("mount -t {}{options} {} \"$at\"", quote(kind), quote(source));
    if mount.copy_up {
        // The directory that is about to be hidden stays the working directory, from where it is copied.
        writer.command("if [ -d \"$at\" ]; then");
        writer.command(format!(
            "    (cd \"$at\" && {command} && cp -a . \"$at\" && chmod --reference=. \"$at\")"
        ));
        writer.command(format!("else mkdir -p \"$at\" && {command}; fi"));
    } else {
        writer.command(command);
    }
    attributes(writer, later);
}

fn without(attributes: Attributes, bits: u32) -> Attributes {
    Attributes { set: attributes.set & !bits, clear: attributes.clear }
}

fn only(attributes: Attributes, bits: u32) -> Attributes {
    Attributes { set: attributes.set & bits, clear: 0 }
}

fn bind(writer: &mut Writer, mount: &Mount, path: &str, recursive: bool, subdirectory: Option<&str>) {
    let source = match subdirectory {
        None => quote(path),
        Some(below) => inside(writer, path, below),
    };
    if mount.copy_up {
        writer.comment("An empty volume gets what the root filesystem has there, with its owner and mode.");
        writer.call(Function::Inside, &quote(&mount.target));
        writer.command(format!(
            "if [ -d \"$at\" ] && [ -z \"$(ls -A {source})\" ]; then cp -a \"$at/.\" {source}; fi"
        ));
    }
    if let Some((uid, gid)) = mount.owner {
        writer.command(format!("chown -hR {uid}:{gid} {source}"));
    }
    writer.call(Function::Like, &format!("{source} {}", quote(&mount.target)));
    let flag = if recursive { "--rbind" } else { "--bind" };
    match &mount.id_mapping {
        None => writer.command(format!("mount {flag} {source} \"$at\"")),
        Some(ids) => id_mapped(writer, &source, recursive, ids),
    }
    attributes(writer, mount.attributes);
}

/// The program that is typed, and runs this all: `barque`.
fn program(writer: &mut Writer, mount: &Mount) {
    let source = "\"$(command -v barque)\"";
    writer.call(Function::Like, &format!("{source} {}", quote(&mount.target)));
    writer.command(format!("mount --bind {source} \"$at\""));
    attributes(writer, mount.attributes);
}

/// A part of a directory, in which links may not lead outside; returns the word that stands for it.
fn inside(writer: &mut Writer, path: &str, below: &str) -> String {
    let whole = quote(path);
    writer.command(format!("source=$(realpath -e {}) || exit", quote(&format!("{path}/{below}"))));
    writer.command(format!("case $source in {whole}/*) ;; *) echo \"$source: outside\" >&2; exit 1 ;; esac"));
    "\"$source\"".to_owned()
}

/// A layer of the root filesystem, shown with the container's ids.
pub(super) fn layer(writer: &mut Writer, plan: &Plan, slot: usize, path: &std::path::Path) {
    let Some(Mount { source: Source::Bind { path: from, .. }, id_mapping: Some(ids), .. }) =
        prepared(plan, slot)
    else {
        return;
    };
    writer.because(
        "The layer below, shown with the container's ids. mount(8) can do it since util-linux 2.39, and only as root of\n\
         the first user namespace; without, what belongs to the host's root shows as nobody's.",
    );
    let (from, path) = (quote(&from.to_string_lossy()), quote(&path.to_string_lossy()));
    let option = quote(&id_map_option(ids));
    writer.command(format!("mount -o bind,{option} {from} {path} || mount --bind {from} {path}"));
}

fn prepared(plan: &Plan, slot: usize) -> Option<&Mount> {
    plan.steps.iter().find_map(|step| match &step.op {
        Op::PrepareMount { slot: other, mount } if *other == slot => Some(mount),
        _ => None,
    })
}

fn id_map_option(ids: &MountIds) -> String {
    let map = |kind: char, map: &crate::spec::IdMapping| {
        format!("{kind}:{}:{}:{}", map.container_id, map.host_id, map.size)
    };
    let uids = ids.uids.iter().map(|one| map('u', one));
    let maps: Vec<_> = uids.chain(ids.gids.iter().map(|one| map('g', one))).collect();
    format!("X-mount.idmap={}", maps.join(" "))
}

/// `mount(8)` maps ids since util-linux 2.39, and ignores the option before: so the version is asked for first.
fn id_mapped(writer: &mut Writer, source: &str, recursive: bool, ids: &MountIds) {
    writer.comment(
        "Ids as the mount shows them. mount(8) can do it since util-linux 2.39, an older one would ignore the option;\n\
         and only the root of the file system's own user namespace may do it.",
    );
    writer.command(
        "mount --version | grep -Eq ' 2\\.(39|[4-9][0-9])' || { echo 'needs util-linux 2.39' >&2; exit 1; }",
    );
    let bind = if recursive { "rbind" } else { "bind" };
    writer.command(format!("mount -o {bind},{} {source} \"$at\"", quote(&id_map_option(ids))));
}

fn attributes(writer: &mut Writer, attributes: Attributes) {
    if !attributes.is_empty() {
        writer.needs(Function::Attributes);
        writer.command(format!("attributes \"$at\" {}", spell_attributes(attributes, false).join(",")));
    }
}

fn finish(writer: &mut Writer, mount: &Mount) {
    if !mount.recursive_attributes.is_empty() {
        writer.needs(Function::AttributesBelow);
        let options = spell_attributes(mount.recursive_attributes, false);
        writer.command(format!("attributes_below \"$at\" {}", options.join(",")));
    }
    for propagation in &mount.propagation {
        writer.command(format!("mount --make-{propagation} \"$at\""));
    }
}

/// Makes a path unreadable.
pub(super) fn mask(writer: &mut Writer, path: &str) {
    writer.because("Masked: an empty read-only directory, or /dev/null, hides them where they exist.");
    writer.call(Function::Mask, &quote(path));
}

/// Makes a path with all below it read-only.
pub(super) fn readonly(writer: &mut Writer, path: &str) {
    writer.because("Read-only where they exist: bound on themselves, so that only this view changes.");
    writer.call(Function::Readonly, &quote(path));
}
