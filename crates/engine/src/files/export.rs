//! `export`: a container's root filesystem as one archive.

use std::ffi::OsStr;
use std::io::{BufWriter, Write as _};
use std::os::fd::OwnedFd;
use std::path::Path;

use barque_image::layer::write_part;
use barque_sys::Call as _;

use super::aside;
use super::resolve::open_directory;
use super::view::{Extent, OwnMounts, Subject};
use crate::start::from_image as told;
use crate::{Container, Result};

/// Writes the container's root filesystem as a tar archive; what is mounted in it is an empty place there.
pub fn export(container: &Container, sink: &OwnedFd) -> Result<()> {
    let subject = Subject::of(container)?;
    aside::run(|| write(&subject, sink))
}

pub(super) fn write(subject: &Subject, sink: &OwnedFd) -> Result<()> {
    let view = subject.open(Extent::Alone, &mut OwnMounts::default())?;
    let root = open_directory_of(&view.root)?;
    let owners = |uid: u32, gid: u32| view.owners.inside((uid, gid));
    let sink = rustix::io::fcntl_dupfd_cloexec(sink, 0).call(|| "fcntl(F_DUPFD_CLOEXEC)")?;
    let sink = BufWriter::with_capacity(1 << 18, std::fs::File::from(sink));
    let mut sink = write_part(&root, OsStr::new(""), Path::new(""), sink, &owners).map_err(told)?;
    Ok(sink.flush().call(|| "write(archive)")?)
}

fn open_directory_of(root: &barque_sys::path::Root) -> Result<OwnedFd> {
    let handle = root.handle(Path::new("/"))?;
    open_directory(&handle, OsStr::new("."))
}
