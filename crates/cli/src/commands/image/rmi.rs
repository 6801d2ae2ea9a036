//! `barque rmi`, and the emptying of the trash behind it.

use barque_engine::events;
use barque_image::Reference;
use barque_image::store::Store;
use barque_sys::clone::{Clone, Forked};
use barque_sys::process;

use super::{Images, each, told};
use crate::commands::Places;
use crate::flags::Parsed;
use crate::{Result, console};

/// Removes images.
pub(super) fn rmi(flags: &Parsed, places: &Places) -> Result<i32> {
    let images = Images::open(places)?;
    let force = flags.switch("force");
    let code = each(flags.positional(), |typed| {
        let removed = match images.store.remove(typed, &images.short_names, force) {
            Err(error) if force && error.kind() == crate::ErrorKind::NotFound => return Ok(()),
            result => result.map_err(told)?,
        };
        for name in &removed.untagged {
            console::out(&format!("Untagged: {}\n", familiar(name)));
            events::of(places, "image", "untag", name, &[("name", &familiar(name))]);
        }
        for digest in &removed.deleted {
            console::out(&format!("Deleted: {digest}\n"));
            events::of(places, "image", "delete", &digest.to_string(), &[]);
        }
        Ok(())
    });
    empty_trash_later(&images.store)?;
    Ok(code)
}

/// A full name as people write it.
pub(super) fn familiar(full: &str) -> String {
    full.parse::<Reference>().map_or_else(|_| full.to_owned(), |reference| reference.familiar())
}

/// Removes what was only renamed away, in a process of its own: the caller has its answer already.
pub(in crate::commands) fn empty_trash_later(store: &Store) -> Result<()> {
    if let Forked::Child = Clone::default().fork()? {
        process::start_session();
        process::detach_stdio();
        // What is left, the next one removes.
        drop(store.empty_trash());
        process::exit_now(0)
    }
    Ok(())
}
