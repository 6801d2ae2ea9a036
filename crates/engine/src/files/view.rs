//! A container's root filesystem as the container has it, running or not.

use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use barque_image::snapshot;
use barque_runtime::container as runtime;
use barque_runtime::plan::mount::{RootSource, Upper};
use barque_runtime::spec::{IdMapping, Spec};
use barque_sys::channel::Channel;
use barque_sys::mount::{Attributes, FileSystem, MountAttrFlags, Propagation};
use barque_sys::namespace::{self, Namespaces};
use barque_sys::path::Root;
use barque_sys::{file, mount};

use super::aside;
use super::layer::{has_own_users, privileged};
use super::owners::Owners;
use crate::definition::Root as Origin;
use crate::start::from_image as told;
use crate::{Container, Error, ErrorKind, Lock, Now, Result, start};

/// A container whose files somebody wants, held still where it does not run: nobody starts it meanwhile.
#[derive(Debug)]
pub(super) struct Subject {
    pub(super) container: Container,
    pub(super) config: String,
    pub(super) now: Now,
    _still: Option<Lock>,
}

/// A container's root.
#[derive(Debug)]
pub(super) struct View {
    pub(super) root: Root,
    pub(super) owners: Owners,
    /// Whether what is written must be kept ([`Subject::keep`]).
    in_memory: bool,
}

/// What of a container is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// Its root filesystem with all that is mounted in it.
    All,
    /// Its root filesystem alone: what is mounted there is an empty place.
    Alone,
}

/// Whether this process has a mount namespace of its own. A second one would take the mounts of the first away.
#[derive(Debug, Default)]
pub(super) struct OwnMounts(bool);

impl OwnMounts {
    fn make(&mut self) -> Result<()> {
        if std::mem::replace(&mut self.0, true) {
            return Ok(());
        }
        namespace::unshare(Namespaces::MOUNT)?;
        let everything = file::open(Path::new("/"), file::DIRECTORY)?;
        let private = Attributes { propagation: Some(Propagation::Private), ..Attributes::default() };
        Ok(mount::set_attributes(&everything, true, &private)?)
    }
}

#[cfg(test)]
impl View {
    pub(super) fn new(root: Root) -> Self {
        Self { root, owners: Owners::default(), in_memory: false }
    }
}

impl Subject {
    pub(super) fn of(container: &Container) -> Result<Self> {
        let now = container.now()?;
        let (container, now, still) = if now.status.is_up() {
            (container.clone(), now, None)
        } else {
            let (container, lock) = container.lock()?;
            let now = container.now()?;
            let still = (!now.status.is_up()).then_some(lock);
            (container, now, still)
        };
        let config = container.config()?;
        Ok(Self { container, config, now, _still: still })
    }

    /// Keeps what was written to a root in memory.
    pub(super) fn keep(&self, view: &View) -> Result<()> {
        if view.in_memory { super::kept::save(&self.container) } else { Ok(()) }
    }

    /// Opens its root: in a process of its own, see [`aside`].
    pub(super) fn open(&self, extent: Extent, namespace: &mut OwnMounts) -> Result<View> {
        let spec = self.container.spec(&self.config)?;
        let inside = enter_user_namespace(&spec, self.now.pid)?;
        let owners = if inside { Owners::default() } else { Owners::of(&spec) };
        let mut in_memory = false;
        let root = match (self.now.pid, extent) {
            (Some(pid), Extent::All) => running(&self.container, pid)?,
            (Some(pid), Extent::Alone) => {
                let pidfd = barque_sys::process::open_raw(pid)?;
                let root = running(&self.container, pid)?;
                Root::new(tree_of(&pidfd, &root, false)?)
            }
            (None, extent) => {
                let (root, memory) = stopped(&self.container, &spec, inside, extent, namespace)?;
                in_memory = memory;
                root
            }
        };
        Ok(View { root, owners, in_memory })
    }
}

/// Without privileges the container's files belong to others: then this process becomes root of its user namespace.
/// Says whether it has.
pub(super) fn enter_user_namespace(spec: &Spec<'_>, pid: Option<i32>) -> Result<bool> {
    if privileged() {
        return Ok(false);
    }
    let users = match (pid, &spec.linux) {
        (Some(pid), _) => runtime::user_namespace_of(pid)?,
        (None, Some(linux)) if has_own_users(spec) => runtime::user_namespace(linux)?,
        _ => return Ok(false),
    };
    runtime::enter_user_namespace(&users)?;
    aside::follow_parent()?;
    Ok(true)
}

/// The root of one that runs.
fn running(container: &Container, pid: i32) -> Result<Root> {
    let root = Root::open_host(Path::new(&format!("/proc/{pid}/root")))?;
    // The id could have come to stand for another process, whose root may be the machine's: the container's process is
    // looked at again, by its start time, now that the root is open.
    let now = container.now()?;
    if now.pid == Some(pid) {
        return Ok(root);
    }
    Err(Error::new(ErrorKind::Conflict, format!("container {} has just ended", container.name()))
        .hint("try again"))
}

/// A copy of the root's own mount, and with `recursive` of those below. A mount is cloned from within its own namespace
/// only, where another process goes for it: there is no way back for all, and `/proc` there is the container's.
pub(super) fn tree_of(pidfd: &OwnedFd, root: &Root, recursive: bool) -> Result<OwnedFd> {
    let (ours, theirs) = Channel::pair()?;
    let clone = aside::start(|| {
        namespace::join(pidfd, Namespaces::MOUNT)?;
        let tree = mount::clone_tree_fd(root, recursive)?;
        Ok(theirs.send_with_fd(b"tree", tree.as_fd())?)
    })?;
    drop(theirs);
    let received = ours.receive();
    clone.finish::<()>()?;
    received?.1.ok_or_else(|| Error::new(ErrorKind::Internal, "the container's root mount did not come"))
}

/// Nobody knows where the layer is.
pub(super) fn in_memory(container: &Container) -> Error {
    Error::new(
        ErrorKind::Conflict,
        format!("what container {} changes is in memory that nobody but itself can reach", container.name()),
    )
    .hint("it was started with --rm, or its monitor was killed: copy what you need with `barque cp`")
}

/// The root of one that does not run, mounted in a mount namespace of this process; and whether what is written to it is
/// kept in memory.
fn stopped(
    container: &Container,
    spec: &Spec<'_>,
    inside: bool,
    extent: Extent,
    namespace: &mut OwnMounts,
) -> Result<(Root, bool)> {
    namespace.make()?;
    let directory = container.directory();
    if matches!(container.definition.root, Origin::Archive { .. })
        && !directory.join(start::UNPACKED_MARK).exists()
    {
        return Err(Error::new(
            ErrorKind::Conflict,
            format!(
                "container {} has no files yet: its archive is unpacked when it starts",
                container.name()
            ),
        ));
    }
    let place = directory.join("merged");
    file::make_directories(&place, 0o711)?;
    let mut source = start::root_source(&container.definition, &directory, spec)?;
    let in_memory = matches!(source, RootSource::Overlay { upper: Upper::Memory, .. });
    if in_memory {
        super::kept::fill(container)?;
        source = start::root_source(&container.definition, &directory, spec)?;
    }
    let tree = match source {
        RootSource::Directory { path } => snapshot::Mount::Bind { source: path, read_only: false },
        RootSource::Overlay { lower, upper, .. } => overlay(container, spec, inside, lower, &upper)?,
        RootSource::Composed { .. } => {
            return Err(Error::unsupported(
                "of an unprivileged container on @host nothing is left when it has ended",
            )
            .hint("copy while it runs"));
        }
    };
    let tree = tree.open().map_err(told)?;
    mount::attach(&tree, file::open(&place, file::DIRECTORY)?)?;
    let root = Root::new(tree);
    if extent == Extent::All {
        for volume in spec.mounts.iter() {
            volume_on(&root, volume)?;
        }
    }
    if spec.root.as_ref().is_some_and(|root| root.readonly) {
        let change = Attributes { set: MountAttrFlags::MOUNT_ATTR_RDONLY, ..Attributes::default() };
        mount::set_attributes(&root, false, &change)?;
    }
    Ok((root, in_memory))
}

fn overlay(
    container: &Container,
    spec: &Spec<'_>,
    inside: bool,
    lower: Vec<PathBuf>,
    upper: &Upper,
) -> Result<snapshot::Mount> {
    let layer = match upper {
        Upper::Directory { path, .. } => path.clone(),
        Upper::Memory => return Err(in_memory(container)),
    };
    let (upper, work) = (layer.join("upper"), layer.join("work"));
    for path in [&layer, &upper, &work] {
        if !path.exists() {
            let owner = if inside { None } else { Some(Owners::of(spec).on_disk((0, 0))) };
            file::make_directory(path, 0o755, owner)?;
        }
    }
    let lowers = if !inside && has_own_users(spec) { mapped(container, spec, &lower)? } else { lower };
    Ok(snapshot::Mount::Overlay { lowers, upper: Some((upper, work)), user_attributes: has_own_users(spec) })
}

/// Layers as root's own user namespace shows them, mounted in memory beside one another.
fn mapped(container: &Container, spec: &Spec<'_>, layers: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let Some(linux) = &spec.linux else { return Ok(layers.to_vec()) };
    let users = runtime::user_namespace(linux)?;
    let place = container.directory().join("merged");
    let memory = FileSystem::open("tmpfs")?.mount(MountAttrFlags::empty())?;
    mount::attach(&memory, file::open(&place, file::DIRECTORY)?)?;
    let one = |(index, layer): (usize, &PathBuf)| -> Result<PathBuf> {
        let tree = mount::clone_tree(layer, false)?;
        if !is_shifted(layer, &linux.uid_mappings) {
            let change = Attributes { id_mapping: Some(users.as_fd()), ..Attributes::default() };
            mount::set_attributes(&tree, false, &change)?;
        }
        let path = place.join(index.to_string());
        file::make_directory(&path, 0o711, None)?;
        mount::attach(&tree, file::open(&path, file::DIRECTORY)?)?;
        Ok(path)
    };
    layers.iter().enumerate().map(one).collect()
}

/// Whether somebody has given the files to the container's ids already.
fn is_shifted(layer: &Path, uids: &[IdMapping]) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let owner = std::fs::metadata(layer).map(|metadata| metadata.uid()).unwrap_or(0);
    uids.iter().any(|range| owner.checked_sub(range.host_id).is_some_and(|at| at < range.size))
}

/// Mounts a file or a directory of the host, as the container has it when it runs; what is not there is left out.
fn volume_on(root: &Root, volume: &barque_runtime::spec::Mount<'_>) -> Result<()> {
    let has = |names: &[&str]| volume.options.iter().any(|option| names.contains(&option.as_str()));
    let Some(source) =
        volume.source.as_ref().filter(|_| has(&["bind", "rbind"]) || volume.kind.as_deref() == Some("bind"))
    else {
        return Ok(());
    };
    let source = Path::new(source.as_str());
    let Ok(metadata) = std::fs::metadata(source) else { return Ok(()) };
    let destination = Path::new(volume.destination.as_str());
    let target =
        if metadata.is_dir() { root.make_directory(destination)? } else { root.make_file(destination)? };
    let tree = mount::clone_tree(source, has(&["rbind"]))?;
    if has(&["ro"]) {
        let change = Attributes { set: MountAttrFlags::MOUNT_ATTR_RDONLY, ..Attributes::default() };
        mount::set_attributes(&tree, false, &change)?;
    }
    Ok(mount::attach(&tree, &target)?)
}
