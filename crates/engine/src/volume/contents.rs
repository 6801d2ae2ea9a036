//! What is in volumes, copied and carried elsewhere.

use std::io::{Read, Write};

use barque_image::layer::{self, Form, Rights, WriteOptions};
use barque_sys::{Call as _, copy, file};

use super::held::Lock;
use super::record::DATA;
use super::remove::exists;
use super::{Held, Volumes, check_name};
use crate::{Error, ErrorKind, Result};

impl Volumes {
    /// Makes a volume with the content of another one. Blocks are shared where the file system can.
    pub fn clone_as(&self, source: &str, name: &str) -> Result<Held> {
        check_name(name)?;
        let source = self.hold(source)?;
        if source.volume.mounted()?.is_some() {
            return Err(mounted_elsewhere(&source.volume.name, "clone"));
        }
        self.refuse_existing(name)?;
        let mut labels = source.volume.labels.clone();
        labels.remove(super::ANONYMOUS);
        let new = self.prepare(labels, source.volume.options.clone(), None)?;
        let open = |path: &std::path::Path| file::open(path, file::READ_DIRECTORY);
        copy::tree(open(&source.volume.data())?, open(&new.data())?)?;
        new.publish(name)?.ok_or_else(|| exists(name))
    }

    /// Writes a volume's content as a tar archive.
    pub fn export<W: Write>(&self, name: &str, sink: W) -> Result<W> {
        let held = self.hold(name)?;
        if held.volume.mounted()?.is_some() {
            return Err(mounted_elsewhere(name, "export"));
        }
        let options = WriteOptions { form: Form::Plain, latest: None };
        layer::write_tree(&held.volume.data(), sink, &options).map_err(|error| told(&error))
    }

    /// Fills a volume from a tar archive, plain or compressed with gzip or zstd. It is made where there is none; one that is
    /// there must be empty, and used by nobody. Nothing is changed unless the whole archive could be read.
    pub fn import(&self, name: &str, source: impl Read + Send) -> Result<()> {
        check_name(name)?;
        let old = match self.lock(name, Lock::Alone) {
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            lock => Some(lock?),
        };
        let (mut labels, mut options) = Default::default();
        if old.is_some() {
            let volume = self.find(name)?;
            if volume.mounted()?.is_some() {
                return Err(mounted_elsewhere(name, "import into"));
            }
            self.refuse_used(name, "import into")?;
            if !copy::is_empty(file::open(&volume.data(), file::READ_DIRECTORY)?)? {
                return Err(Error::new(ErrorKind::Conflict, format!("volume {name} is not empty"))
                    .hint("import into a new one: any name that `barque volume ls` does not show"));
            }
            (labels, options) = (volume.labels, volume.options);
        }
        let new = self.prepare(labels, options, None)?;
        let unpacking = layer::Options { form: Form::Plain, rights: rights(), ..layer::Options::default() };
        layer::unpack(source, &new.data(), &unpacking).map_err(|error| told(&error))?;
        let Some(old) = old else {
            return new.publish(name)?.map(drop).ok_or_else(|| exists(name));
        };
        let (from, to) = (new.data(), self.directory().join(name).join(DATA));
        // The empty one is replaced; a rename over a directory does that.
        let result = std::fs::rename(&from, &to).call(|| format!("rename({from:?}, {to:?})"));
        file::unlock(&old)?;
        Ok(result?)
    }

    fn refuse_existing(&self, name: &str) -> Result<()> {
        match self.find(name) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
            Ok(_) => Err(exists(name)),
        }
    }
}

/// Without privileges all files belong to the caller, which is root in its containers.
fn rights() -> Rights {
    match barque_sys::process::effective_ids() {
        (0, _) if barque_sys::process::in_first_user_namespace() => Rights::All,
        (0, _) => Rights::Mapped,
        _ => Rights::Own,
    }
}

fn mounted_elsewhere(name: &str, verb: &str) -> Error {
    Error::unsupported(format!("{verb} {name}: its content is what its options mount in containers"))
        .hint("only a container sees it: use `barque run --rm -v` with a copy command")
}

fn told(error: &barque_image::Error) -> Error {
    let told = Error::new(error.kind(), error.to_string());
    match error.kind() {
        ErrorKind::InvalidArgument => {
            told.hint("it must be a tar archive, plain or compressed with gzip or zstd")
        }
        ErrorKind::Unavailable => told.hint("there is no room left below --root"),
        _ => told,
    }
}
