//! The container's mounts: what every container has, its own files, and those the flags ask for.

mod bind;
mod csv;
mod defaults;
mod from;
mod idmap;
mod named;
mod options;
mod overlay;
mod tmpfs;
mod typed;
mod volume;

use barque_engine::definition::{MountPoint, ScratchDirectory};
use barque_engine::volume::Wanted;
use barque_runtime::spec::{IdMapping, Mount};

use super::namespaces::Namespaces;
use super::{Caller, Host, RootSource};
use crate::flags::Parsed;
use crate::{Error, ErrorKind, Result};
use named::Named;
use typed::Asked;

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
    /// What of it users have asked for.
    pub points: Vec<MountPoint>,
    /// Volumes that are found, or made.
    pub volumes: Vec<Wanted>,
    /// Directories for one run each.
    pub scratch: Vec<ScratchDirectory>,
    pub create: Vec<String>,
    pub warnings: Vec<String>,
}

/// The mounts that users ask for, as they are collected.
#[derive(Debug)]
struct Builder<'a> {
    flags: &'a Parsed,
    scene: &'a Scene<'a>,
    mounts: Mounts,
}

impl Builder<'_> {
    fn add(&mut self, mount: Mount<'static>, point: Option<MountPoint>) -> Result<()> {
        if self.mounts.list.iter().any(|other| other.destination == mount.destination) {
            return Err(Error::invalid(format!("Duplicate mount point: {}", mount.destination))
                .hint("give each destination once"));
        }
        self.mounts.list.push(mount);
        self.mounts.points.extend(point);
        Ok(())
    }

    /// The user of the container's process.
    fn user(&self) -> Result<(u32, u32)> {
        super::request::user_of(self.flags, self.scene)
    }

    /// Who the container's root is on the host, where a privileged caller makes it somebody else.
    fn root_outside(&self) -> Option<(u32, u32)> {
        let user = &self.scene.namespaces.user;
        let id = |maps: &[IdMapping]| maps.iter().find(|map| map.container_id == 0).map(|map| map.host_id);
        self.scene.caller.privileged.then_some(())?;
        id(&user.uids).zip(id(&user.gids))
    }
}

/// All mounts, in the order in which they are made.
pub(super) fn mounts(flags: &Parsed, scene: &Scene<'_>) -> Result<Mounts> {
    let mut wanted = wanted(flags, scene)?;
    // A mount point below another one must come after it; otherwise the order is the user's.
    wanted.list.sort_by_key(|mount| mount.destination.matches('/').count());
    wanted.points.sort_by(|a, b| a.destination.cmp(&b.destination));
    let mut all = defaults::defaults(flags, scene)?;
    let mut files: Vec<_> = scene.files.iter().map(|(path, source)| bind::file(path, source)).collect();
    let is_replaced =
        |mount: &Mount<'_>| wanted.list.iter().any(|other| replaces(&other.destination, &mount.destination));
    all.retain(|mount| !is_replaced(mount));
    files.retain(|mount| !is_replaced(mount));
    // What is mounted on a directory above the container's own files must not hide them.
    let is_above =
        |mount: &Mount<'_>| files.iter().any(|file| is_below(&file.destination, &mount.destination));
    let (above, others): (Vec<_>, Vec<_>) = std::mem::take(&mut wanted.list).into_iter().partition(is_above);
    all.extend(above);
    all.append(&mut files);
    all.extend(others);
    Ok(Mounts { list: all, ..wanted })
}

/// What the flags ask for, and the image.
fn wanted(flags: &Parsed, scene: &Scene<'_>) -> Result<Mounts> {
    let driver = flags.value("volume-driver").unwrap_or_default();
    refuse_driver(driver)?;
    let mut build = Builder { flags, scene, mounts: Mounts::default() };
    for text in flags.all("volumes-from") {
        from::volumes_from(text, &mut build)?;
    }
    // What is asked for by itself counts more.
    let theirs = std::mem::take(&mut build.mounts);
    build.mounts.warnings.clone_from(&theirs.warnings);
    for text in flags.all("volume") {
        volume::volume(text, &mut build)
            .map_err(|error| error.context(format!("invalid volume specification: '{text}'")))?;
    }
    for text in flags.all("mount") {
        match typed::mount(text, scene).map_err(|why| flags.invalid("mount", text, &why).hint(typed::CURE))? {
            Asked::Mount(mount, point) => build.add(mount, Some(point))?,
            Asked::Volume(volume) => volume.add(&mut build)?,
            Asked::Image { name, destination } => overlay::image(&name, destination, &mut build)?,
        }
    }
    for text in flags.all("tmpfs") {
        let mount = tmpfs::tmpfs(text).map_err(|why| flags.invalid("tmpfs", text, why))?;
        build.add(mount, None)?;
    }
    merge(theirs, &mut build.mounts);
    let volumes = scene.host.image().map(|image| &image.volumes);
    for path in volumes.into_iter().flatten().filter_map(|(path, _)| destination(path).ok()) {
        if !build.mounts.list.iter().any(|mount| mount.destination == path.as_str()) {
            Named { destination: path, ..Named::default() }.add(&mut build)?;
        }
    }
    Ok(build.mounts)
}

/// Adds mounts of other containers where nothing else is mounted.
fn merge(mut theirs: Mounts, mounts: &mut Mounts) {
    let is_free = |path: &str| !mounts.list.iter().any(|mount| mount.destination == path);
    theirs.list.retain(|mount| is_free(&mount.destination));
    theirs.points.retain(|point| is_free(&point.destination));
    let names: Vec<_> = theirs.points.iter().map(|point| &point.name).collect();
    theirs.volumes.retain(|wanted| names.contains(&&wanted.name));
    mounts.list.append(&mut theirs.list);
    mounts.points.append(&mut theirs.points);
    mounts.volumes.append(&mut theirs.volumes);
}

/// There are no plugins.
fn refuse_driver(driver: &str) -> Result<()> {
    if matches!(driver, "" | "local") {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::NotFound,
        format!("error looking up volume plugin {driver}: plugin \"{driver}\" not found"),
    )
    .hint("the driver is local; its options type, device and o mount what is elsewhere"))
}

fn is_below(path: &str, above: &str) -> bool {
    path.strip_prefix(above).is_some_and(|rest| rest.starts_with('/'))
}

/// Whether a mount of the user's makes one of ours superfluous: the same place, or all of `/dev` or `/sys`.
fn replaces(wanted: &str, ours: &str) -> bool {
    let below = |top: &str| wanted == top && is_below(ours, top);
    wanted == ours || below("/dev") || below("/sys")
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
