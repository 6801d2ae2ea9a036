//! `barque completion`: what a shell proposes for the word at the cursor.
//!
//! The scripts for the shells only pass the line on, to `barque __complete`: what commands and flags there are is in the
//! tables, and the names of containers, images, networks and volumes are those of the moment.

mod names;
mod place;
mod scripts;

use std::fmt::Write as _;

use super::Places;
use crate::flags::{Command, Parsed};
use crate::{Error, Result, console};

use place::Place;

/// A proposal: a word and what it stands for.
type Proposal = (String, String);

/// Prints the script for a shell.
pub(super) fn completion(flags: &Parsed, _: &Places) -> Result<i32> {
    let shell = flags.positional().first().map_or("", String::as_str);
    let script = scripts::of(shell).ok_or_else(|| {
        Error::invalid(format!("there is no completion for {shell:?}"))
            .hint("there is one for bash, zsh and fish")
    })?;
    console::out(script);
    Ok(0)
}

/// Prints what the last of these words, which may be empty, can become: lines of a word, a tab and an explanation; and
/// `:files` where it can be the name of a file.
pub fn complete(words: &[String], places: &Places) -> i32 {
    let Some((last, before)) = words.split_last() else { return 0 };
    let place = place::of(before, last);
    let mut text = String::new();
    for (word, about) in proposals(&place, places) {
        let proposed = format!("{}{word}", place.prefix());
        if proposed.starts_with(last.as_str()) {
            let _ = writeln!(text, "{proposed}\t{about}");
        }
    }
    if place.may_be_file() {
        text.push_str(":files\n");
    }
    console::out(&text);
    0
}

fn proposals(place: &Place, places: &Places) -> Vec<Proposal> {
    match place {
        Place::Command => place::commands(),
        Place::Verb(group) => {
            let verbs = group.verbs.iter();
            verbs.filter_map(|verb| Some((verb.names.first()?.to_string(), about(verb.command)))).collect()
        }
        Place::Flag(command) => {
            let known = command.flags().filter(|flag| flag.later.is_none() && !flag.help.is_empty());
            known.map(|flag| (format!("--{}", flag.long), flag.help.to_owned())).collect()
        }
        Place::Value { flag, .. } => names::of_flag(flag, places),
        Place::Argument(kinds) => kinds.iter().flat_map(|kind| names::of_kind(*kind, places)).collect(),
        Place::Anything => Vec::new(),
    }
}

/// The first line of what a command does.
fn about(command: &Command) -> String {
    command.about.lines().next().unwrap_or("").trim_end_matches(['.', ':']).to_owned()
}
