//! Layers copied one over the other, for file systems that cannot mount them so.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::path::Path;

use barque_sys::Call as _;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::stack::{is_opaque, is_whiteout};
use super::{Form, Rights, metadata, path, remove};
use crate::{Context as _, Error, Result};

/// Puts layers into a directory, from the lowest up: what a mount of them would show.
#[derive(Debug)]
pub struct Merger {
    root: OwnedFd,
    form: Form,
    rights: Rights,
    /// Where files with several names went, by their device and inode in the layers; and the inode they have there.
    copies: HashMap<(u64, u64), (Vec<u8>, u64)>,
}

impl Merger {
    /// Into a directory that is there. Layers are in a form of overlayfs, or [`Form::Plain`].
    pub fn new(target: &Path, form: Form, rights: Rights) -> Result<Self> {
        let root = barque_sys::file::open(target, barque_sys::file::READ_DIRECTORY)?;
        Ok(Self { root, form, rights, copies: HashMap::new() })
    }

    /// Puts the next layer over those before.
    pub fn merge(&mut self, layer: &Path) -> Result<()> {
        let from = barque_sys::file::open(layer, barque_sys::file::READ_DIRECTORY)?;
        let to = rustix::io::fcntl_dupfd_cloexec(&self.root, 3).call(|| "fcntl(F_DUPFD_CLOEXEC)")?;
        self.directory(&from, &to, b"")
    }

    fn directory(&mut self, from: &OwnedFd, to: &OwnedFd, here: &[u8]) -> Result<()> {
        if is_opaque(from, self.form)? {
            for name in metadata::names(to)? {
                clear(to, &name)?;
            }
        }
        for name in metadata::names(from)? {
            let stat = metadata::stat(from, &name)?;
            let path = path::join(here, &name);
            if self.form != Form::Plain && is_whiteout(&stat) {
                clear(to, &name)?;
                continue;
            }
            if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let open = |parent: &OwnedFd| {
                    rustix::fs::openat(parent, name.as_slice(), flags, Mode::empty())
                        .call(|| format!("openat({}, {flags:?})", path::shown(&path)))
                };
                make_directory(to, &name)?;
                self.directory(&open(from)?, &open(to)?, &path)?;
            } else {
                clear(to, &name)?;
                self.file(from, to, &name, &path, &stat).context(|| path::shown(&path))?;
            }
        }
        // What was put into it has changed its time.
        let attributes = metadata::attributes(from, b"")?;
        metadata::apply(to, b"", &metadata::stat(from, b"")?, &attributes, self.rights)
    }

    fn file(&mut self, from: &OwnedFd, to: &OwnedFd, name: &[u8], path: &[u8], stat: &Stat) -> Result<()> {
        let id = (stat.st_dev, stat.st_ino);
        if stat.st_nlink > 1
            && let Some((first, inode)) = self.copies.get(&id)
            && metadata::stat(&self.root, first).is_ok_and(|there| there.st_ino == *inode)
        {
            return Ok(rustix::fs::linkat(&self.root, first.as_slice(), to, name, AtFlags::empty())
                .call(|| format!("linkat({}, {})", path::shown(first), path::shown(path)))?);
        }
        let kind = FileType::from_raw_mode(stat.st_mode);
        match kind {
            FileType::RegularFile => copy(from, to, name)?,
            FileType::Symlink => {
                let target = rustix::fs::readlinkat(from, name, Vec::new()).call(|| "readlinkat")?;
                rustix::fs::symlinkat(&target, to, name).call(|| format!("symlinkat({target:?})"))?;
            }
            FileType::Socket => return Ok(()),
            _ if self.rights != Rights::All && kind != FileType::Fifo => return Ok(()),
            _ => rustix::fs::mknodat(to, name, kind, Mode::RUSR, stat.st_rdev)
                .call(|| format!("mknodat({kind:?})"))?,
        }
        metadata::apply(to, name, stat, &metadata::attributes(from, name)?, self.rights)?;
        if stat.st_nlink > 1 {
            self.copies.insert(id, (path.to_vec(), metadata::stat(to, name)?.st_ino));
        }
        Ok(())
    }
}

fn clear(directory: &OwnedFd, name: &[u8]) -> Result<()> {
    let name = std::ffi::CString::new(name).map_err(|_| Error::invalid("a name with a null byte"))?;
    remove::remove_at(directory, &name)
}

/// Makes a directory where none is. Its mode comes with the rest.
fn make_directory(parent: &OwnedFd, name: &[u8]) -> Result<()> {
    let make = || rustix::fs::mkdirat(parent, name, Mode::RWXU);
    let made = match make() {
        Err(Errno::EXIST) => {
            if FileType::from_raw_mode(metadata::stat(parent, name)?.st_mode) == FileType::Directory {
                return Ok(());
            }
            clear(parent, name)?;
            make()
        }
        result => result,
    };
    Ok(made.call(|| format!("mkdirat({})", path::shown(name)))?)
}

/// Copies a file's content; file systems that can share it do so.
fn copy(from: &OwnedFd, to: &OwnedFd, name: &[u8]) -> Result<()> {
    let read = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let write = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let source = rustix::fs::openat(from, name, read, Mode::empty()).call(|| format!("openat({read:?})"))?;
    let target =
        rustix::fs::openat(to, name, write, Mode::RUSR | Mode::WUSR).call(|| format!("openat({write:?})"))?;
    let (mut source, mut target) = (std::fs::File::from(source), std::fs::File::from(target));
    // `copy_file_range(2)`, and what it falls back to.
    std::io::copy(&mut source, &mut target).map_err(|error| Error::from_io(error, "copy_file_range"))?;
    Ok(())
}
