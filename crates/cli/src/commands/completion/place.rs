//! Where in a command line the cursor is. Pure.

use super::{Proposal, about};
use crate::commands::{Group, alone, find, group, groups};
use crate::flags::{Command, EXPLAIN, Flag, Takes};

/// What the word at the cursor is.
#[derive(Debug)]
pub(super) enum Place {
    /// The command.
    Command,
    /// The verb of a group.
    Verb(&'static Group),
    /// A flag.
    Flag(&'static Command),
    /// A flag's value; after `--flag=` with that before it.
    Value { flag: &'static Flag, prefix: String },
    /// An object of one of these kinds.
    Argument(Vec<Kind>),
    /// A file, or something nobody knows.
    Anything,
}

/// What an argument names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Container,
    /// With a colon: a path of it follows.
    ContainerPath,
    Image,
    Network,
    Volume,
    /// The shells that completions are for.
    Shell,
}

impl Place {
    /// What stands before the value in the same word.
    pub(super) fn prefix(&self) -> &str {
        if let Self::Value { prefix, .. } = self { prefix } else { "" }
    }

    /// Whether the name of a file may stand here.
    pub(super) fn may_be_file(&self) -> bool {
        match self {
            Self::Value { flag, .. } => matches!(
                flag.takes,
                Takes::Value("FILE" | "DIR" | "PATH") | Takes::List("FILE" | "DIR" | "PATH")
            ),
            Self::Argument(kinds) => kinds.contains(&Kind::ContainerPath),
            Self::Anything => true,
            _ => false,
        }
    }
}

/// All commands, with what they do.
pub(super) fn commands() -> Vec<Proposal> {
    let verbs = alone().filter_map(|verb| Some(((*verb.short.first()?).to_owned(), about(verb.command))));
    let others =
        [&EXPLAIN].map(|command| (command.path.trim_start_matches("barque ").to_owned(), about(command)));
    let groups = groups().map(|group| (group.name.to_owned(), group.about.trim_end_matches('.').to_owned()));
    verbs.chain(others).chain(groups).collect()
}

/// Where the word `last` is, which follows the words `before` it.
pub(super) fn of(before: &[String], last: &str) -> Place {
    let Some((name, rest)) = before.split_first() else { return Place::Command };
    if let Some(group) = group(name) {
        return match rest.split_first() {
            None => Place::Verb(group),
            Some((verb, rest)) => match group.find(verb) {
                Some(verb) => within(verb.command, rest, last),
                None => Place::Anything,
            },
        };
    }
    match (name.as_str(), find(name)) {
        ("explain", _) => within(&EXPLAIN, rest, last),
        (_, Some(verb)) => within(verb.command, rest, last),
        _ => Place::Anything,
    }
}

/// Behind a command's name.
fn within(command: &'static Command, words: &[String], last: &str) -> Place {
    let (mut arguments, mut waiting, mut flags_end) = (0, None, false);
    for word in words {
        if waiting.take().is_some() {
            continue;
        }
        match flag_of(command, word).filter(|_| !flags_end) {
            Some((flag, has_value)) if flag.takes != Takes::Switch && !has_value => waiting = Some(flag),
            Some(_) => {}
            None if word == "--" => flags_end = true,
            None => {
                arguments += 1;
                flags_end |= command.grammar.stops();
            }
        }
    }
    if let Some(flag) = waiting {
        return Place::Value { flag, prefix: String::new() };
    }
    if let Some((before, _)) = last.split_once('=').filter(|_| !flags_end && last.starts_with("--"))
        && let Some(flag) = command.long(&before[2..])
    {
        return Place::Value { flag, prefix: format!("{before}=") };
    }
    if last.starts_with('-') && !flags_end {
        return Place::Flag(command);
    }
    match kinds(command.usage, arguments) {
        kinds if kinds.is_empty() => Place::Anything,
        kinds => Place::Argument(kinds),
    }
}

/// The flag that a word is, the last letter of several, and whether its value is in the word.
fn flag_of(command: &'static Command, word: &str) -> Option<(&'static Flag, bool)> {
    if let Some(long) = word.strip_prefix("--") {
        let (name, value) = long.split_once('=').map_or((long, false), |(name, _)| (name, true));
        return Some((command.long(name)?, value));
    }
    let letters = word.strip_prefix('-').filter(|letters| !letters.is_empty())?;
    for (at, letter) in letters.char_indices() {
        let flag = command.letter(letter)?;
        let rest = &letters[at + letter.len_utf8()..];
        if flag.takes != Takes::Switch || rest.is_empty() {
            return Some((flag, !rest.is_empty()));
        }
    }
    None
}

/// What the argument of this number is, from the command's usage: `[OPTIONS] CONTAINER COMMAND [ARG...]`.
fn kinds(usage: &str, number: usize) -> Vec<Kind> {
    let usage = usage.lines().next().unwrap_or_default().split(" | ").next().unwrap_or_default();
    let words: Vec<&str> = usage.split(' ').filter(|word| *word != "[OPTIONS]").collect();
    let many = |word: &&&str| word.trim_end_matches(']').ends_with("...");
    let Some(word) = words.get(number).or_else(|| words.last().filter(many)) else { return Vec::new() };
    let one = |name: &str| match name {
        "CONTAINER" => Some(Kind::Container),
        "CONTAINER:SRC_PATH" => Some(Kind::ContainerPath),
        "IMAGE" | "IMAGE[:TAG]" => Some(Kind::Image),
        "NETWORK" => Some(Kind::Network),
        "VOLUME" => Some(Kind::Volume),
        "bash" => Some(Kind::Shell),
        _ => None,
    };
    let word = word.trim_start_matches('[').trim_end_matches(']').trim_end_matches("...");
    if word == "NAME|ID" {
        return vec![Kind::Container, Kind::Image, Kind::Network, Kind::Volume];
    }
    word.split('|').filter_map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(line: &str) -> String {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let (last, before) = words.split_last().unwrap();
        match of(before, last) {
            Place::Verb(group) => format!("verb of {}", group.name),
            Place::Flag(command) => format!("flag of {}", command.path),
            Place::Value { flag, prefix } => format!("{prefix} value of {}", flag.long),
            Place::Argument(kinds) => format!("{kinds:?}"),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn places_in_a_line() {
        for (line, expected) in [
            ("", "Command"),
            ("ru", "Command"),
            ("image ", "verb of image"),
            ("image rm ", "[Image]"),
            ("rmi a ", "[Image]"),
            ("stop -", "flag of barque stop"),
            ("stop -t ", " value of timeout"),
            ("stop -t 5 ", "[Container]"),
            ("stop -t5 a ", "[Container]"),
            ("run --network ", " value of network"),
            ("run --network=ho", "--network= value of network"),
            ("run --rm -it ", "[Image]"),
            ("run --rm -itv /a:/b ", "[Image]"),
            ("run debian ", "Anything"),
            ("run debian -", "Anything"),
            ("exec web ", "Anything"),
            ("cp ", "[ContainerPath]"),
            ("rename web ", "Anything"),
            ("debug ", "[Container, Image]"),
            ("inspect a ", "[Container, Image, Network, Volume]"),
            ("volume rm ", "[Volume]"),
            ("network inspect a ", "[Network]"),
            ("completion ", "[Shell]"),
            ("frob ", "Anything"),
        ] {
            assert_eq!(shown(line), expected, "{line}");
        }
    }
}
