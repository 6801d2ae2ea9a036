//! The digest of what a COPY takes: names, kinds, modes and contents. Not times, and not owners, which the copy does not
//! keep: a file that is touched, or a context at another place, is the same.

use std::ffi::OsStr;
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use barque_image::digest::{Algorithm, Hasher};
use barque_sys::Call as _;
use rustix::fs::{FileType, Mode, OFlags, Stat};

use super::tree::{Tree, enter, names, stat, stat_of};
use crate::{Error, Result};

/// The digest of what some patterns select.
pub(crate) fn sources(tree: &Tree<'_>, patterns: &[String]) -> Result<String> {
    let mut digest = Digest::new(tree);
    let mut count = 0_usize;
    for pattern in patterns {
        let paths = tree.select(pattern)?;
        count += paths.len();
        digest.number(paths.len() as u64);
        for path in paths {
            digest.source(&path)?;
        }
    }
    if count == 0 {
        return Err(Error::new(crate::ErrorKind::NotFound, "no source files were specified")
            .hint(format!("nothing matches {}", patterns.join(" "))));
    }
    Ok(digest.done())
}

/// The digest of one path with all that is in it.
pub(crate) fn whole(tree: &Tree<'_>, path: &str) -> Result<String> {
    sources(tree, &[path.to_owned()])
}

struct Digest<'a> {
    tree: &'a Tree<'a>,
    hasher: Hasher,
    buffer: Vec<u8>,
}

/// Bytes read at once.
const READ: usize = 128 << 10;

impl<'a> Digest<'a> {
    fn new(tree: &'a Tree<'a>) -> Self {
        Self { tree, hasher: Hasher::new(Algorithm::Sha256), buffer: vec![0; READ] }
    }

    fn done(self) -> String {
        self.hasher.finish().hex().to_owned()
    }

    fn number(&mut self, number: u64) {
        self.hasher.update(&number.to_le_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.hasher.update(bytes);
    }

    /// A path that is named: a link at its end is followed, as the copy does.
    fn source(&mut self, path: &Path) -> Result<()> {
        let facts = stat_of(self.tree.root, path)?;
        self.bytes(path.file_name().unwrap_or_default().as_bytes());
        if FileType::from_raw_mode(facts.st_mode) == FileType::Directory {
            self.number(u64::from(facts.st_mode));
            return self.directory(&self.tree.open_directory(path)?, path);
        }
        if FileType::from_raw_mode(facts.st_mode) == FileType::Symlink {
            let parent = self.tree.open_directory(path.parent().unwrap_or(Path::new("")))?;
            return self.entry(&parent, path.file_name().unwrap_or_default(), &facts);
        }
        let open = || self.tree.root.open(path, OFlags::RDONLY | OFlags::NONBLOCK);
        let file = if is_file(&facts) { Some(open()?) } else { None };
        self.node(&facts, file)
    }

    fn directory(&mut self, directory: &OwnedFd, path: &Path) -> Result<()> {
        for name in names(directory)? {
            let below = path.join(&name);
            let facts = stat(directory, &name)?;
            let is_directory = FileType::from_raw_mode(facts.st_mode) == FileType::Directory;
            if !(self.tree.keeps(&below) || is_directory && self.tree.keeps_some_below(&below)?) {
                continue;
            }
            self.bytes(name.as_bytes());
            if is_directory {
                self.number(u64::from(facts.st_mode));
                self.directory(&enter(directory, &name)?, &below)?;
            } else {
                self.entry(directory, &name, &facts)?;
            }
        }
        // No name is that long: here it ends.
        self.number(u64::MAX);
        Ok(())
    }

    fn entry(&mut self, directory: &OwnedFd, name: &OsStr, facts: &Stat) -> Result<()> {
        if FileType::from_raw_mode(facts.st_mode) == FileType::Symlink {
            let target = rustix::fs::readlinkat(directory, name, Vec::new())
                .call(|| format!("readlinkat({name:?})"))?;
            self.number(u64::from(facts.st_mode));
            self.bytes(target.as_bytes());
            return Ok(());
        }
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = is_file(facts).then(|| rustix::fs::openat(directory, name, flags, Mode::empty()));
        let file = file.transpose().call(|| format!("openat({name:?}, {flags:?})"))?;
        self.node(facts, file)
    }

    /// A file with its content, or a device with its number.
    fn node(&mut self, facts: &Stat, file: Option<OwnedFd>) -> Result<()> {
        self.number(u64::from(facts.st_mode));
        let Some(file) = file else {
            self.number(facts.st_rdev);
            return Ok(());
        };
        let mut file = std::fs::File::from(file);
        let mut length = 0;
        loop {
            match file.read(&mut self.buffer) {
                Ok(0) => break,
                Ok(count) => {
                    self.hasher.update(&self.buffer[..count]);
                    length += count as u64;
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::from_io(&error, "read(file of the context)")),
            }
        }
        // After the content: what was read is what counts.
        self.number(length);
        Ok(())
    }
}

fn is_file(facts: &Stat) -> bool {
    FileType::from_raw_mode(facts.st_mode) == FileType::RegularFile
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use barque_sys::path::Root;

    use super::*;
    use crate::ignore::Ignore;

    fn of(root: &Path, pattern: &str, ignore: &str) -> String {
        let (root, ignore) = (Root::open_host(root).unwrap(), Ignore::parse(ignore));
        sources(&Tree::new(&root, &ignore, &[]), &[pattern.to_owned()]).unwrap()
    }

    #[test]
    fn what_counts_and_what_does_not() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for root in [one.path(), other.path()] {
            fs::create_dir(root.join("d")).unwrap();
            fs::write(root.join("d/a"), "text").unwrap();
            fs::write(root.join("d/b"), "other").unwrap();
            std::os::unix::fs::symlink("a", root.join("d/link")).unwrap();
        }
        let (one, other) = (one.path(), other.path());
        let same = of(one, "d", "");
        assert_eq!(same, of(other, "d", ""), "the same at another place and time");
        fs::write(other.join("d/a"), "texT").unwrap();
        assert_ne!(same, of(other, "d", ""), "contents");
        assert_eq!(of(one, "d", "d/a"), of(other, "d", "d/a"), "what is left out");
        fs::write(other.join("d/a"), "text").unwrap();
        fs::set_permissions(other.join("d/a"), fs::Permissions::from_mode(0o755)).unwrap();
        assert_ne!(same, of(other, "d", ""), "the mode");
        fs::set_permissions(other.join("d/a"), fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(same, of(other, "d", ""));
        fs::rename(other.join("d/b"), other.join("d/c")).unwrap();
        assert_ne!(same, of(other, "d", ""), "a name");
    }
}
