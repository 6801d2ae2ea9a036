//! `kill` and `delete`.

use super::args::{Delete, Kill};
use super::{Session, is_missing};
use crate::{Error, Result};

pub(super) fn kill(session: &Session, args: &Kill) -> Result<()> {
    for id in session.matching(&args.id, args.regex)? {
        let container = session.open(&id)?;
        if args.all { container.kill_all(args.signal)? } else { container.kill(args.signal)? }
    }
    Ok(())
}

pub(super) fn delete(session: &Session, args: &Delete) -> Result<()> {
    for id in session.matching(&args.id, args.regex)? {
        match session.open(&id).and_then(|container| container.delete(args.force)) {
            Err(error) if args.force && is_missing(&error) => {}
            result => result?.iter().for_each(|warning| session.warn(warning)),
        }
    }
    Ok(())
}

impl Session {
    /// The id, or the ids that match it as a pattern (crun's `--regex`): the whole of an id, with `.`, `*`, `+`, `?`,
    /// `[…]`, `(…|…)`, `^` and `$`.
    fn matching(&self, id: &str, is_pattern: bool) -> Result<Vec<String>> {
        if !is_pattern {
            return Ok(vec![id.to_owned()]);
        }
        let pattern =
            regex_lite::Regex::new(id).map_err(|error| Error::invalid(format!("--regex {id:?}: {error}")))?;
        Ok(self.store.ids()?.into_iter().filter(|id| pattern.is_match(id)).collect())
    }
}
