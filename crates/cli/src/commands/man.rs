//! `barque man`: manual pages, from the tables of commands (man(7), groff_man(7)).

use std::fmt::Write as _;
use std::path::Path;

use super::verb::{alone, find, group, groups};
use super::{Group, Places};
use crate::flags::{Command, EXPLAIN, Flag, Parsed, Takes};
use crate::{Error, Result, console};

/// Prints one page, or writes all.
pub(super) fn man(flags: &Parsed, _: &Places) -> Result<i32> {
    match (flags.value("output"), flags.positional().first()) {
        (Some(directory), None) => write_all(Path::new(directory))?,
        (Some(_), Some(_)) => {
            return Err(Error::invalid("--output writes the pages of all commands: name none"));
        }
        (None, None) => console::out(&top()),
        (None, Some(name)) => {
            let command = find(name).map(|verb| verb.command);
            let command = command.or_else(|| (name == "explain").then_some(&EXPLAIN));
            match (command, group(name)) {
                (Some(command), _) => console::out(&page(command)),
                (None, Some(group)) => console::out(&group_page(group)),
                (None, None) => return Err(Error::invalid(format!("unknown command: barque {name}"))),
            }
        }
    }
    Ok(0)
}

fn write_all(directory: &Path) -> Result<()> {
    let write = |path: &str, text: String| {
        let file = directory.join(format!("{}.1", path.replace(' ', "-")));
        std::fs::write(&file, text).map_err(|error| Error::invalid(format!("--output: {file:?}: {error}")))
    };
    write("barque", top())?;
    for group in groups() {
        write(&format!("barque {}", group.name), group_page(group))?;
        for verb in group.verbs {
            write(verb.command.path, page(verb.command))?;
        }
    }
    let mut others = alone().map(|verb| verb.command).chain([&EXPLAIN]);
    others.try_for_each(|command| write(command.path, page(command)))
}

fn head(path: &str, about: &str) -> String {
    let name = path.replace(' ', "-");
    let first = about.lines().next().unwrap_or("").trim_end_matches(['.', ':']);
    let version = env!("CARGO_PKG_VERSION");
    format!(
        ".TH {} 1 \"\" \"barque {version}\" \"User Commands\"\n.ad l\n.SH NAME\n{} \\- {}\n",
        name.to_uppercase(),
        text(&name),
        text(first)
    )
}

fn top() -> String {
    let mut page = head("barque", "containers: one program, no daemon");
    page.push_str(".SH SYNOPSIS\n.B barque\n[\\-\\-root DIR] [\\-\\-run\\-root DIR] COMMAND\n.SH COMMANDS\n");
    for verb in alone() {
        entry(&mut page, verb.command.path, verb.command.about);
    }
    entry(&mut page, EXPLAIN.path, EXPLAIN.about);
    for group in groups() {
        entry(&mut page, &format!("barque {}", group.name), group.about);
    }
    page
}

fn group_page(group: &Group) -> String {
    let path = format!("barque {}", group.name);
    let mut page = head(&path, group.about);
    let _ = writeln!(page, ".SH SYNOPSIS\n.B {path}\nCOMMAND\n.SH COMMANDS");
    for verb in group.verbs {
        let name = verb.names.first().copied().unwrap_or_default();
        entry(&mut page, &format!("{path} {name}"), verb.command.about);
    }
    page
}

fn entry(page: &mut String, path: &str, about: &str) {
    let first = about.lines().next().unwrap_or("");
    let _ = writeln!(page, ".TP\n.BR {} (1)\n{}", text(&path.replace(' ', "-")), text(first));
}

fn page(command: &Command) -> String {
    let mut page = head(command.path, command.about);
    page.push_str(".SH SYNOPSIS\n");
    for (number, line) in command.usage.lines().enumerate() {
        let usage = line.trim().trim_start_matches(command.path).trim();
        let _ =
            writeln!(page, "{}.B {}\n{}", if number > 0 { ".br\n" } else { "" }, command.path, text(usage));
    }
    page.push_str(".SH DESCRIPTION\n");
    paragraphs(&mut page, command.about);
    for section in command.sections {
        let flags: Vec<&Flag> =
            section.flags.iter().filter(|flag| flag.later.is_none() && !flag.help.is_empty()).collect();
        if flags.is_empty() {
            continue;
        }
        let _ = writeln!(page, ".SH {}", text(&section.title.to_uppercase()));
        for flag in flags {
            let value = match flag.takes {
                Takes::Switch => String::new(),
                Takes::Value(name) | Takes::List(name) => format!(" \\fI{}\\fR", text(name)),
            };
            let _ = writeln!(page, ".TP\n\\fB{}\\fR{value}\n{}", text(&flag.label()), text(flag.help));
        }
    }
    if !command.notes.is_empty() {
        page.push_str(".SH NOTES\n");
        paragraphs(&mut page, command.notes);
    }
    page.push_str(".SH SEE ALSO\n.BR barque (1)\n");
    page
}

/// Lines as they are: the tables have examples in them.
fn paragraphs(page: &mut String, lines: &str) {
    let _ = writeln!(page, ".nf\n{}\n.fi", lines.lines().map(text).collect::<Vec<_>>().join("\n"));
}

/// A line as troff has to be told it, not taken for a request.
fn text(line: &str) -> String {
    let mut escaped = String::with_capacity(line.len() + 16);
    for character in line.chars() {
        match character {
            '\\' => escaped.push_str("\\e"),
            '-' => escaped.push_str("\\-"),
            _ if character.is_ascii() => escaped.push(character),
            // groff(7) reads Latin-1.
            _ => drop(write!(escaped, "\\[u{:04X}]", u32::from(character))),
        }
    }
    if escaped.starts_with(['.', '\'']) { format!("\\&{escaped}") } else { escaped }
}
