//! `barque why`: why a container ended, from what its monitor has written down, the log, and what is known of its health.

mod facts;
mod words;

use barque_engine::log::{Reader, Selection};
use barque_engine::{Container, Containers, Places, Time};

pub(super) use self::facts::facts;
use crate::flags::Parsed;
use crate::{Result, console, json};

/// How many lines of the log are shown.
const LINES: u64 = 10;

/// Says why a container ended.
pub(super) fn why(flags: &Parsed, places: &Places) -> Result<i32> {
    let Some(name) = flags.positional().first() else { return Ok(1) };
    let container = Containers::new(places.clone()).find(name)?;
    let now = container.now()?;
    let paragraph = words::paragraph(&container.definition, &now, Time::now());
    let lines = last_lines(&container);
    match flags.value("format").unwrap_or_default() {
        "" => {
            let mut text = format!("{paragraph}\n");
            match &lines {
                Some(lines) if !lines.is_empty() => {
                    text.push_str("\nThe last lines of its log:\n");
                    lines.iter().for_each(|line| text.push_str(&format!("  {line}\n")));
                }
                Some(_) => text.push_str("\nIts log is empty.\n"),
                None => text.push_str(&format!(
                    "\nIts log cannot be read here: its driver is {}.\n",
                    container.definition.log.driver.name()
                )),
            }
            console::out(&text);
        }
        "json" => {
            let mut all = facts(&now);
            all["Id"] = container.id().into();
            all["Name"] = container.name().into();
            all["Status"] = now.status.name().into();
            all["Health"] = now.health.as_ref().map(super::inspect::health).into();
            all["Log"] = lines.into();
            all["Text"] = paragraph.into();
            console::out(&json::indented(&all, "    "));
        }
        other => return Err(flags.invalid("format", other, "it is json, or left out")),
    }
    Ok(0)
}

/// The last lines of its log; none when they cannot be read.
fn last_lines(container: &Container) -> Option<Vec<String>> {
    let (path, format) = container.definition.log.file(&container.directory())?;
    // A log that is not there is that of a container that has printed nothing.
    let Ok(mut reader) = Reader::open(&path, format, Selection { tail: Some(LINES), ..Selection::default() })
    else {
        return Some(Vec::new());
    };
    let mut lines = Vec::new();
    while let Ok(Some(entry)) = reader.next() {
        lines.push(String::from_utf8_lossy(entry.text).trim_end_matches('\r').to_owned());
    }
    Some(lines)
}
