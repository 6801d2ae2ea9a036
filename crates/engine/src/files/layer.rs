//! What a container writes: where it lies, and above what.

use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::PathBuf;

use barque_image::layer::{Form, MountPoints, Stack};
use barque_runtime::plan::mount::{RootSource, Upper};
use barque_runtime::spec::Spec;

use super::owners::Owners;
use crate::start::from_image as told;
use crate::{Container, Error, Result, start};

/// The writable layer of a container, in overlayfs' form.
#[derive(Debug)]
pub(super) struct Layer {
    /// Its directory.
    pub(super) upper: PathBuf,
    /// The layers below.
    pub(super) lowers: Stack,
    pub(super) form: Form,
    pub(super) mount_points: MountPoints,
    pub(super) owners: Owners,
    /// Keeps the paths above valid.
    _kept: Vec<OwnedFd>,
}

impl Layer {
    /// Opens the layer. None when the container has written nothing yet.
    pub(super) fn open(
        container: &Container,
        spec: &Spec<'_>,
        pid: Option<i32>,
        inside: bool,
    ) -> Result<Option<Self>> {
        let directory = container.directory();
        let (lower, upper) = match start::root_source(&container.definition, &directory, spec)? {
            RootSource::Overlay { lower, upper, .. } => (lower, upper),
            RootSource::Directory { path } => {
                return Err(Error::unsupported(format!(
                    "container {} writes to {path:?} itself: nothing says what it has changed",
                    container.name()
                ))
                .hint("`barque export` writes all of its files"));
            }
            RootSource::Composed { .. } => {
                return Err(Error::unsupported(
                    "what an unprivileged container on @host writes lies in memory alone",
                )
                .hint("copy what you need with `barque cp` while it runs, or run it as root"));
            }
        };
        let mut kept = Vec::new();
        let upper = match upper {
            Upper::Directory { path, .. } => path.join("upper"),
            Upper::Memory => {
                super::kept::upper(container, pid)?.ok_or_else(|| super::view::in_memory(container))?
            }
        };
        if !upper.is_dir() {
            return Ok(None);
        }
        let lower = lower.into_iter().map(|path| {
            // Of this machine's root what is mounted below belongs to no layer.
            if path.as_os_str() != "/" {
                return Ok(path);
            }
            let mount = barque_sys::mount::clone_tree(&path, false)?;
            let path = PathBuf::from(format!("/proc/self/fd/{}", mount.as_raw_fd()));
            kept.push(mount);
            Ok(path)
        });
        let lower = lower.collect::<Result<Vec<_>>>()?;
        let form = if has_own_users(spec) { Form::UserOverlay } else { Form::Overlay };
        let owners = if inside { Owners::default() } else { Owners::of(spec) };
        let shown = owners.clone();
        Ok(Some(Self {
            upper,
            lowers: Stack::open(&lower, form).map_err(told)?,
            form,
            mount_points: mount_points(container, spec).with_owners(move |uid, gid| shown.inside((uid, gid))),
            owners,
            _kept: kept,
        }))
    }
}

/// Where something is mounted in a container.
fn mount_points(container: &Container, spec: &Spec<'_>) -> MountPoints {
    let mounts = spec.mounts.iter().map(|mount| PathBuf::from(mount.destination.as_str()));
    let files = container.definition.files.iter().map(|file| PathBuf::from(&file.path));
    // Mounted over what the configuration's own mounts may not have.
    let always = ["/dev", "/proc", "/sys"].map(PathBuf::from);
    MountPoints::new(mounts.chain(files).chain(always))
}

/// Whether a container has a user namespace of its own: overlayfs' notes are others then.
pub(super) fn has_own_users(spec: &Spec<'_>) -> bool {
    spec.linux.as_ref().is_some_and(|linux| !linux.uid_mappings.is_empty())
}

/// Whether we can mount without a user namespace of our own.
pub(super) fn privileged() -> bool {
    use rustix::thread::{CapabilitySet, capabilities};
    capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::SYS_ADMIN))
}
