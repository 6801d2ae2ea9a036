//! Taking images away.

use super::lookup::not_found;
use super::names::{self, Named};
use super::{Store, User};
use crate::reference::ShortNames;
use crate::{Digest, Error, ErrorKind, Result};

/// What was taken away.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Removed {
    /// Names that are no more, in full.
    pub untagged: Vec<String>,
    /// The image's id if it is gone, then the diff ids of its layers that are gone, the uppermost first.
    pub deleted: Vec<Digest>,
    /// Whether its layers are taken away by another command, which is adding something just now.
    pub postponed: bool,
}

impl Store {
    /// Takes away a name, and with the last one the image; or an image with all its names. Docker's rules of what needs
    /// `force`. Files are only renamed away: [`Store::empty_trash`] removes them.
    pub fn remove(&self, typed: &str, names: &ShortNames, force: bool) -> Result<Removed> {
        let users = self.users()?;
        let (untagged, gone) = names::edit(&self.layout, |entries| {
            let target = self.find_entry(entries, typed, names)?.ok_or_else(|| not_found(typed))?;
            let id = self.id_of(&target);
            let same = |entry: &Named| {
                entry.manifest.digest == target.manifest.digest || (id.is_some() && self.id_of(entry) == id)
            };
            let tags = entries.iter().filter(|entry| entry.is_tagged() && same(entry)).count();
            let by_name = is_name_of(typed, &target, names);
            let only_name = by_name && target.is_tagged() && tags > 1;
            if !only_name {
                let used = |user: &&User| {
                    entries.iter().any(|e| same(e) && e.manifest.digest == user.manifest.digest)
                };
                refuse_used(typed, users.iter().find(used), by_name, force)?;
                refuse_shared(typed, entries.iter().filter(|entry| same(entry)), by_name, force)?;
            }
            let leaves = |entry: &Named| if only_name { entry.name == target.name } else { same(entry) };
            let leaving: Vec<Named> = entries.extract_if(.., |entry| leaves(entry)).collect();
            let image = (!only_name).then(|| self.image(&target.manifest).ok()).flatten();
            Ok((untagged(&leaving, only_name), image))
        })?;
        let collected = self.collect()?;
        let mut deleted = Vec::new();
        if let Some(image) = gone {
            deleted.push(image.id().clone());
            let is_gone = |diff_id: &&Digest| collected.layers.contains(&super::layers::layer_name(diff_id));
            deleted.extend(image.diff_ids().iter().rev().filter(is_gone).cloned());
        }
        Ok(Removed { untagged, deleted, postponed: collected.postponed })
    }
}

/// Whether somebody has typed the name of an entry, and not the id of its image.
fn is_name_of(typed: &str, entry: &Named, names: &ShortNames) -> bool {
    let Some(own) = entry.name.as_deref() else { return false };
    let candidates = names.candidates(typed).unwrap_or_default();
    candidates.iter().any(|candidate| names::repository(&candidate.to_string()) == names::repository(own))
}

fn refuse_used(typed: &str, user: Option<&User>, by_name: bool, force: bool) -> Result<()> {
    let conflict = |text: String| Err(Error::new(ErrorKind::Conflict, text));
    match user {
        Some(User { key, running: true, .. }) => conflict(format!(
            "conflict: unable to delete {typed} (cannot be forced) - image is being used by running container {key}"
        )),
        Some(User { key, .. }) if !force && by_name => conflict(format!(
            "conflict: unable to remove repository reference {typed:?} (must force) - container {key} is using its referenced image"
        )),
        Some(User { key, .. }) if !force => conflict(format!(
            "conflict: unable to delete {typed} (must be forced) - image is being used by stopped container {key}"
        )),
        _ => Ok(()),
    }
}

/// By its id, an image with names in several repositories is not taken away without force.
fn refuse_shared<'a>(
    typed: &str,
    entries: impl Iterator<Item = &'a Named>,
    by_name: bool,
    force: bool,
) -> Result<()> {
    let mut repositories: Vec<&str> =
        entries.filter_map(|entry| entry.name.as_deref()).map(names::repository).collect();
    repositories.sort_unstable();
    repositories.dedup();
    if by_name || force || repositories.len() < 2 {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Conflict,
        format!(
            "conflict: unable to delete {typed} (must be forced) - image is referenced in multiple repositories"
        ),
    ))
}

/// Names that are no more: with the image go the names by digest, too.
fn untagged(leaving: &[Named], only_name: bool) -> Vec<String> {
    let mut gone: Vec<String> = leaving.iter().filter_map(|entry| entry.name.clone()).collect();
    if !only_name {
        gone.extend(leaving.iter().filter_map(Named::repository_digest));
    }
    let mut seen = std::collections::HashSet::new();
    gone.retain(|name| seen.insert(name.clone()));
    gone
}
