//! `RUN --mount`: what a command sees beside its root filesystem.

use std::fs::File;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use barque_image::digest::Digest;
use barque_image::snapshot;
use barque_image::store::Scratch;
use barque_runtime::spec::{Mount as SpecMount, Spec, Str};
use barque_sys::mount::{Attributes, Propagation};
use barque_sys::namespace::{self, Namespaces};
use barque_sys::path::Root;
use barque_sys::{file, mount};

use super::Builder;
use super::copy::view_of;
use crate::cache;
use crate::dockerfile::Sharing;
use crate::graph::{Mount, MountSource, Origin, Run};
use crate::{Error, ErrorKind, Result};

/// The mounts of one command, made ready.
#[derive(Debug, Default)]
pub(super) struct Ready {
    mounts: Vec<One>,
    /// Variables with secrets.
    pub(super) env: Vec<String>,
    /// Cache directories in use.
    _locks: Vec<OwnedFd>,
    /// Where the secrets lie: in memory, and removed with this.
    secrets: Option<PathBuf>,
}

#[derive(Debug)]
struct One {
    target: String,
    read_only: bool,
    source: Source,
}

#[derive(Debug)]
enum Source {
    /// A path of this machine.
    Path(PathBuf),
    /// A path in a view that is mounted where the container is made.
    View {
        view: snapshot::Mount,
        place: PathBuf,
        path: String,
    },
    Memory(Option<String>),
}

impl Drop for Ready {
    fn drop(&mut self) {
        if let Some(secrets) = &self.secrets {
            // In memory of this machine's own (`/run`): where this fails, the next boot has none of it.
            drop(std::fs::remove_dir_all(secrets));
        }
    }
}

impl Builder<'_> {
    pub(super) fn mounts(&mut self, run: &Run, id: &str, scratch: &Scratch) -> Result<Ready> {
        let mut ready = Ready::default();
        for (number, mount) in run.mounts.iter().enumerate() {
            let source = match &mount.source {
                MountSource::Context { path } => {
                    let context = self.context.ok_or_else(|| Error::invalid("there is no context"))?;
                    let lower = vec![context.directory()?];
                    Some(view(&lower, mount, scratch, number, path)?)
                }
                MountSource::Files { origin, path } => {
                    let lowers = self.lowers_of(origin)?;
                    Some(view(&lowers, mount, scratch, number, path)?)
                }
                MountSource::Cache { id, sharing, origin, mode } => {
                    let (path, lock) =
                        self.cache_mount(id, *sharing, origin.as_ref(), *mode, scratch, number)?;
                    ready._locks.extend(lock);
                    Some(Source::Path(path))
                }
                MountSource::Memory { size } => Some(Source::Memory(size.clone())),
                MountSource::Secret { id: name, required, env, file, mode } => {
                    let Some(value) = self.wanted.secrets.get(name) else {
                        if *required {
                            return Err(Error::new(ErrorKind::NotFound, format!("secret {name}: not found"))
                                .hint(format!("give it: --secret id={name},src=FILE")));
                        }
                        continue;
                    };
                    if let Some(variable) = env {
                        ready.env.push(format!("{variable}={}", String::from_utf8_lossy(value)));
                    }
                    if *file { Some(self.secret(&mut ready, id, number, value, *mode)?) } else { None }
                }
            };
            ready.mounts.extend(source.map(|source| One {
                target: mount.target.clone(),
                read_only: mount.read_only,
                source,
            }));
        }
        if let Some((name, text)) = &run.script {
            let path = scratch.directory().join("script");
            std::fs::write(&path, text)
                .map_err(|error| Error::from_io(&error, format!("write({path:?})")))?;
            let file = file::open(&path, rustix::fs::OFlags::RDONLY)?;
            rustix::fs::fchmod(&file, rustix::fs::Mode::from_raw_mode(0o755))
                .map_err(|errno| Error::from(barque_sys::Error::new("fchmod(script)", errno)))?;
            let target = format!("{}/{name}", crate::graph::SCRIPTS);
            ready.mounts.push(One { target, read_only: true, source: Source::Path(path) });
        }
        Ok(ready)
    }

    fn lowers_of(&mut self, origin: &Origin) -> Result<Vec<PathBuf>> {
        self.origin(origin)?.lowers(self.store)
    }

    /// A secret as a file in memory.
    fn secret(
        &self,
        ready: &mut Ready,
        id: &str,
        number: usize,
        value: &[u8],
        (mode, uid, gid): (u32, u32, u32),
    ) -> Result<Source> {
        let directory = super::container::secrets_of(self.places, id);
        file::make_directories(&directory, 0o700)?;
        ready.secrets = Some(directory.clone());
        let path = directory.join(number.to_string());
        let opened = file::open(&directory, file::READ_DIRECTORY)?;
        file::replace_mode(&opened, &number.to_string(), value, mode)?;
        file::change_owner(&opened, &number.to_string(), uid, gid)?;
        Ok(Source::Path(path))
    }

    /// The directory of a cache, and what keeps others out of it, or from removing it.
    fn cache_mount(
        &mut self,
        id: &str,
        sharing: Sharing,
        origin: Option<&(Origin, String)>,
        (mode, uid, gid): (u32, u32, u32),
        scratch: &Scratch,
        number: usize,
    ) -> Result<(PathBuf, Option<OwnedFd>)> {
        let directory = cache::mounts_root(self.store.root()).join(Digest::of(id.as_bytes()).hex());
        let lock = loop {
            file::make_directories(&directory, 0o700)?;
            let lock = file::open(&directory, file::READ_DIRECTORY)?;
            match sharing {
                Sharing::Locked => file::lock(&lock)?,
                Sharing::Shared => file::lock_shared(&lock)?,
                Sharing::Private => {
                    if !file::try_lock(&lock)? {
                        // One of its own, thrown away after the step.
                        let own = scratch.directory().join(format!("cache-{number}"));
                        file::make_directory(&own, mode, Some((uid, gid)))?;
                        return Ok((own, None));
                    }
                }
            }
            // Whoever has removed it meanwhile has left us the lock of nothing.
            if directory.exists() {
                break lock;
            }
        };
        let data = directory.join("data");
        if !data.exists() {
            file::make_directory(&data, mode, Some((uid, gid)))?;
            if let Some((origin, path)) = origin {
                let lowers = self.lowers_of(origin)?;
                let view = Root::new(view_of(&lowers).open()?);
                let from = view.open(Path::new(path), file::READ_DIRECTORY)?;
                barque_sys::copy::tree(&from, file::open(&data, file::READ_DIRECTORY)?)?;
            }
        }
        // Its time says when it was last of use.
        let note = directory.join("id");
        std::fs::write(&note, id).map_err(|error| Error::from_io(&error, format!("write({note:?})")))?;
        let data = std::path::absolute(data).map_err(|error| Error::from_io(&error, "getcwd()"))?;
        Ok((data, Some(lock)))
    }
}

/// Some files at a path in a tree; what is written to them is thrown away.
fn view(lowers: &[PathBuf], mount: &Mount, scratch: &Scratch, number: usize, path: &str) -> Result<Source> {
    let place = scratch.directory().join(format!("view-{number}"));
    file::make_directory(&place, 0o700, None)?;
    let view = if mount.read_only {
        view_of(lowers)
    } else {
        let written = scratch.directory().join(format!("written-{number}"));
        let (upper, work) = (written.join("upper"), written.join("work"));
        file::make_directories(&upper, 0o755)?;
        file::make_directories(&work, 0o700)?;
        snapshot::Mount::Overlay {
            lowers: lowers.to_vec(),
            upper: Some((upper, work)),
            user_attributes: false,
        }
    };
    Ok(Source::View { view, place, path: path.to_owned() })
}

impl Ready {
    /// Mounts the views, in a mount namespace of this process, and adds all to a configuration. In the process that makes
    /// the container: what it has mounted goes with it.
    pub(super) fn apply(&self, spec: &mut Spec<'static>) -> barque_engine::Result<()> {
        let mut own_mounts = false;
        for one in &self.mounts {
            let mut options = vec![if one.read_only { "ro" } else { "rw" }.to_owned()];
            let (kind, source) = match &one.source {
                Source::Memory(size) => {
                    options.extend(["nosuid".to_owned(), "nodev".to_owned()]);
                    options.extend(size.iter().map(|size| format!("size={size}")));
                    ("tmpfs", "tmpfs".to_owned())
                }
                Source::Path(path) => {
                    options.push("bind".to_owned());
                    ("bind", path.to_string_lossy().into_owned())
                }
                Source::View { view, place, path } => {
                    if !std::mem::replace(&mut own_mounts, true) {
                        private_mounts()?;
                    }
                    view.attach(place).map_err(barque_engine::start::from_image)?;
                    options.push("bind".to_owned());
                    ("bind", inside(place, path)?.to_string_lossy().into_owned())
                }
            };
            spec.mounts.push(SpecMount {
                destination: Str::from(one.target.clone()),
                kind: Some(kind.into()),
                source: Some(Str::from(source)),
                options: options.into_iter().map(Str::from).collect(),
                ..SpecMount::default()
            });
        }
        Ok(())
    }

    /// Where something is mounted.
    pub(super) fn targets(&self) -> impl Iterator<Item = PathBuf> + '_ {
        self.mounts.iter().map(|one| PathBuf::from(&one.target))
    }
}

fn private_mounts() -> barque_engine::Result<()> {
    namespace::unshare(Namespaces::MOUNT)?;
    let everything = file::open(Path::new("/"), file::DIRECTORY)?;
    let private = Attributes { propagation: Some(Propagation::Private), ..Attributes::default() };
    Ok(mount::set_attributes(&everything, true, &private)?)
}

/// The path that something in a directory really has, links followed inside of it.
fn inside(directory: &Path, path: &str) -> barque_engine::Result<PathBuf> {
    let root = Root::open_host(directory)?;
    let handle = File::from(root.handle(Path::new(path))?);
    let link = format!("/proc/self/fd/{}", handle.as_raw_fd());
    Ok(barque_sys::Call::call(std::fs::read_link(&link), || format!("readlink({link:?})"))?)
}
