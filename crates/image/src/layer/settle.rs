//! What layers need from the layers below them, for one chain.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use barque_sys::Call as _;
use rustix::fs::{AtFlags, Mode};
use rustix::io::Errno;

use super::directories::open_below;
use super::metadata::{self, Attributes};
use super::stack::{Merged, Place, Stack};
use super::{Options, Pending, path};
use crate::{Context as _, Error, ErrorKind, Result};

/// A layer of a chain.
#[derive(Debug, Clone, Copy)]
pub struct Settle<'a> {
    /// Its directory.
    pub root: &'a Path,
    /// What unpacking it has left open.
    pub pending: &'a Pending,
}

/// Makes the directory that is to be mounted above a chain of layers, given from the bottom up: directories whose mode and
/// owner are those of a lower layer, and hard links to files of lower layers. Links are made to the files themselves, so
/// it takes no space; it must be on the same file system as the layers. Returns false, and makes nothing, where the chain
/// is right as it is.
pub fn settle(chain: &[Settle<'_>], target: &Path, options: &Options) -> Result<bool> {
    let roots: Vec<&Path> = chain.iter().rev().map(|layer| layer.root).collect();
    let stack = Stack::open(&roots, options.form)?;
    let implied: Vec<HashSet<&[u8]>> = chain
        .iter()
        .rev()
        .map(|layer| layer.pending.parents.iter().map(|path| path.as_os_str().as_bytes()).collect())
        .collect();
    let view = View { stack, implied };
    let mut directories = BTreeSet::new();
    for path in view.implied.iter().flatten() {
        if view.differs(path)? {
            directories.insert(path.to_vec());
        }
    }
    let links = links(&view, chain)?;
    if directories.is_empty() && links.is_empty() {
        return Ok(false);
    }
    for (path, _) in &links {
        directories.insert(path::split(path).0.to_vec());
    }
    for path in directories.clone() {
        let mut path = path.as_slice();
        while !path.is_empty() {
            path = path::split(path).0;
            directories.insert(path.to_vec());
        }
    }
    make(&view, target, &directories, &links, options)?;
    Ok(true)
}

/// A file of a lower layer.
type Source = (std::rc::Rc<OwnedFd>, Vec<u8>);

struct View<'a> {
    stack: Stack,
    /// For each layer, from the top, the directories that it says nothing about.
    implied: Vec<HashSet<&'a [u8]>>,
}

impl View<'_> {
    /// Of the layers that have a directory, the one whose word counts.
    fn source<'m>(&self, merged: &'m Merged, path: &[u8]) -> Option<&'m OwnedFd> {
        let speaks = |(number, _): &&(usize, _)| !self.implied[*number].contains(path);
        merged.parts.iter().find(speaks).or(merged.parts.first()).map(|(_, fd)| &**fd)
    }

    /// Whether the directory that would be seen has another mode or owner than it should.
    fn differs(&self, path: &[u8]) -> Result<bool> {
        let Some(merged) = self.stack.directory(path)? else { return Ok(false) };
        let (Some((_, top)), Some(source)) = (merged.parts.first(), self.source(&merged, path)) else {
            return Ok(false);
        };
        Ok(!metadata::same_node(&metadata::stat(top, b"")?, &metadata::stat(source, b"")?)
            || metadata::attributes(top, b"")? != metadata::attributes(source, b"")?)
    }
}

/// The links to be made, each with the file it names.
fn links(view: &View<'_>, chain: &[Settle<'_>]) -> Result<Vec<(Vec<u8>, Source)>> {
    let mut links = Vec::new();
    for (number, layer) in chain.iter().rev().enumerate() {
        let mut made: HashMap<&[u8], Source> = HashMap::new();
        for link in &layer.pending.links {
            let (path, target) = (link.path.as_os_str().as_bytes(), link.target.as_os_str().as_bytes());
            let source = match made.get(target) {
                // A link to a link of the same layer.
                Some(source) => source.clone(),
                None => lower_file(&view.stack.from(number + 1), target)
                    .context(|| format!("hard link {}", path::shown(path)))?,
            };
            made.insert(path, source.clone());
            if is_visible(view, number, path)? {
                links.push((path.to_vec(), source));
            }
        }
    }
    Ok(links)
}

fn lower_file(below: &Stack, target: &[u8]) -> Result<Source> {
    match below.find(target)? {
        Some(Place::Other { parent, name, .. }) => Ok((parent, name)),
        _ => Err(Error::new(
            ErrorKind::InvalidArgument,
            format!("{} is in no lower layer", path::shown(target)),
        )),
    }
}

/// Whether a name of a layer would be seen: its directory is not covered, and no layer above has something there.
fn is_visible(view: &View<'_>, number: usize, link: &[u8]) -> Result<bool> {
    let (directory, name) = path::split(link);
    let Some(merged) = view.stack.directory(directory)? else { return Ok(false) };
    for (part, fd) in &merged.parts {
        if *part == number {
            return Ok(true);
        }
        match rustix::fs::statat(&**fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => {}
            result => return Ok(result.call(|| format!("fstatat({})", path::shown(link))).map(|_| false)?),
        }
    }
    Ok(false)
}

fn make(
    view: &View<'_>,
    target: &Path,
    directories: &BTreeSet<Vec<u8>>,
    links: &[(Vec<u8>, Source)],
    options: &Options,
) -> Result<()> {
    barque_sys::file::make_directories(target, 0o755)?;
    let root = barque_sys::file::open(target, barque_sys::file::READ_DIRECTORY)?;
    // Parents sort before what is in them.
    for path in directories.iter().filter(|path| !path.is_empty()) {
        rustix::fs::mkdirat(&root, path.as_slice(), Mode::RWXU)
            .call(|| format!("mkdirat({})", path::shown(path)))?;
    }
    for (path, (from, file)) in links {
        let (directory, name) = path::split(path);
        let directory = open_below(&root, directory)?;
        rustix::fs::linkat(&**from, file.as_slice(), &directory, name, AtFlags::empty())
            .call(|| format!("linkat({}, {})", path::shown(file), path::shown(path)))?;
    }
    for path in directories.iter().rev() {
        let Some(merged) = view.stack.directory(path)? else { continue };
        let Some(source) = view.source(&merged, path) else { continue };
        let attributes: Attributes = metadata::attributes(source, b"")?;
        let directory = open_below(&root, path)?;
        metadata::apply(&directory, b"", &metadata::stat(source, b"")?, &attributes, options.rights)
            .context(|| path::shown(path))?;
    }
    Ok(())
}
