//! The last words about directories, when nothing is put into them any more.

use std::collections::{HashMap, HashSet};
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use barque_sys::Call as _;
use rustix::fs::{AtFlags, Mode, XattrFlags, statat};

use super::directories::{Directory, open_below};
use super::make::{Maker, Means, times};
use super::path;
use super::pending::{Link, Pending, path_buf};
use crate::{Context as _, Result};

/// Gives every directory its owner, mode and time, from the deepest up, as finishing one changes nothing above it.
/// Says what the layer needs from those below.
pub(super) fn finish(maker: Maker) -> Result<Pending> {
    let Maker { directories, links, means } = maker;
    let (root, known) = directories.into_parts();
    let mut sorted: Vec<(&Vec<u8>, &Directory)> = known.iter().collect();
    sorted.sort_unstable_by(|(a, _), (b, _)| b.cmp(a));
    for (path, directory) in sorted {
        one(&means, &root, path, directory).context(|| path::shown(path))?;
    }
    Ok(Pending { parents: parents(&known), links: still_missing(&root, links) })
}

fn one(means: &Means, root: &OwnedFd, path: &[u8], directory: &Directory) -> Result<()> {
    let form = means.options.form;
    let opaque = form.opaque_attribute().filter(|_| directory.opaque || directory.replaces);
    if directory.facts.is_none() && opaque.is_none() && means.exact_modes {
        return Ok(());
    }
    let fd = open_below(root, path)?;
    if let Some(name) = opaque {
        rustix::fs::fsetxattr(&fd, name, b"y", XattrFlags::empty())
            .call(|| format!("fsetxattr({name:?})"))?;
    }
    let Some(facts) = &directory.facts else {
        return Ok(rustix::fs::fchmod(&fd, Mode::from_raw_mode(0o755)).call(|| "fchmod(0755)")?);
    };
    means.own(&fd, facts)?;
    means.attributes(&fd, facts)?;
    if directory.made != facts.mode || !means.exact_modes {
        rustix::fs::fchmod(&fd, Mode::from_raw_mode(facts.mode))
            .call(|| format!("fchmod({:#o})", facts.mode))?;
    }
    Ok(rustix::fs::futimens(&fd, &times(facts)).call(|| "futimens")?)
}

/// The directories whose mode and owner are those of lower layers: not named by the archive, and not cut off from what is
/// below by an opaque directory.
fn parents(known: &HashMap<Vec<u8>, Directory>) -> Vec<PathBuf> {
    let is_cut = |path: &[u8]| {
        let mut above = path;
        while !above.is_empty() {
            above = path::split(above).0;
            if known.get(above).is_some_and(|directory| directory.opaque || directory.replaces) {
                return true;
            }
        }
        false
    };
    let implied = |path: &[u8], directory: &Directory| {
        directory.facts.is_none() && !directory.replaces && !is_cut(path)
    };
    let mut parents: Vec<PathBuf> = known
        .iter()
        .filter(|(path, directory)| implied(path, directory))
        .map(|(path, _)| path_buf(path))
        .collect();
    parents.sort_unstable();
    parents
}

/// A later entry may have come to the name of a link.
fn still_missing(root: &OwnedFd, mut links: Vec<Link>) -> Vec<Link> {
    links.retain(|link| statat(root, &link.path, AtFlags::SYMLINK_NOFOLLOW).is_err());
    // Of several for one name the last one counts.
    let mut seen = HashSet::new();
    links.reverse();
    links.retain(|link| seen.insert(link.path.clone()));
    links.reverse();
    links
}
