//! The container's mounts: what every container has, its own files, and those the flags ask for.

mod bind;
mod csv;
mod defaults;
mod idmap;
mod tmpfs;
mod typed;
mod volume;

use barque_runtime::spec::Mount;

use super::namespaces::Namespaces;
use super::{Caller, Host, RootSource};
use crate::flags::Parsed;
use crate::{Error, Result};

/// What the mounts depend on besides the flags.
#[derive(Debug)]
pub(super) struct Scene<'a> {
    pub caller: &'a Caller,
    pub host: &'a dyn Host,
    pub root: &'a RootSource,
    pub namespaces: &'a Namespaces,
    /// Names and sources of the container's own files, such as `/etc/hosts`.
    pub files: &'a [(String, String)],
}

/// Mounts, and directories of the host that must be made before.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Mounts {
    pub list: Vec<Mount<'static>>,
    pub create: Vec<String>,
    pub warnings: Vec<String>,
}

/// All mounts, in the order in which they are made.
pub(super) fn mounts(flags: &Parsed, scene: &Scene<'_>) -> Result<Mounts> {
    let mut wanted = Mounts::default();
    for text in flags.all("volume") {
        volume::volume(text, scene, &mut wanted)
            .map_err(|error| error.context(format!("invalid volume specification: '{text}'")))?;
    }
    for text in flags.all("mount") {
        let mount =
            typed::mount(text, scene).map_err(|why| flags.invalid("mount", text, &why).hint(typed::CURE))?;
        wanted.list.push(mount);
    }
    for text in flags.all("tmpfs") {
        wanted.list.push(tmpfs::tmpfs(text).map_err(|why| flags.invalid("tmpfs", text, why))?);
    }
    refuse_duplicates(&wanted.list)?;
    // A mount point below another one must come after it; otherwise the order is the user's.
    wanted.list.sort_by_key(|mount| mount.destination.matches('/').count());
    let mut all = defaults::defaults(flags, scene)?;
    all.extend(scene.files.iter().map(|(path, source)| bind::file(path, source)));
    all.retain(|mount| !wanted.list.iter().any(|other| replaces(&other.destination, &mount.destination)));
    all.append(&mut wanted.list);
    Ok(Mounts { list: all, ..wanted })
}

/// Whether a mount of the user's makes one of ours superfluous: the same place, or all of `/dev` or `/sys`.
fn replaces(wanted: &str, ours: &str) -> bool {
    let below = |top: &str| wanted == top && ours.strip_prefix(top).is_some_and(|rest| rest.starts_with('/'));
    wanted == ours || below("/dev") || below("/sys")
}

fn refuse_duplicates(list: &[Mount<'_>]) -> Result<()> {
    for (index, mount) in list.iter().enumerate() {
        if list[..index].iter().any(|other| other.destination == mount.destination) {
            return Err(Error::invalid(format!("Duplicate mount point: {}", mount.destination))
                .hint("give each destination once"));
        }
    }
    Ok(())
}

/// A mount of a kernel file system.
fn kernel(destination: &str, kind: &str, source: &str, options: &[&str]) -> Mount<'static> {
    Mount {
        destination: destination.to_owned().into(),
        kind: Some(kind.to_owned().into()),
        source: Some(source.to_owned().into()),
        options: options.iter().map(|option| (*option).to_owned().into()).collect(),
        ..Mount::default()
    }
}

/// An absolute destination in the container, not `/` itself.
fn destination(path: &str) -> std::result::Result<String, String> {
    if !path.starts_with('/') {
        return Err(format!("invalid mount path: '{path}' mount path must be absolute"));
    }
    let clean = super::root::absolute(path, "/");
    if clean == "/" { Err("destination can't be '/'".to_owned()) } else { Ok(clean) }
}
