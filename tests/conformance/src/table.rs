//! The result on the terminal: a table, the failures' messages, and the closing line.

use std::fmt::Write;

use crate::run::{Cell, Results};

fn word(cell: &Cell) -> &'static str {
    match cell {
        Cell::Pass => "pass",
        Cell::Stale(_) => "pass*",
        Cell::Fail(_) => "FAIL",
        Cell::Deviation(..) => "known",
        Cell::Skip(_) => "skip",
        Cell::NotApplicable(_) => "n/a",
    }
}

/// Everything a run prints.
pub(crate) fn render(results: &Results) -> String {
    let mut text = String::new();
    grid(results, &mut text);
    notes(results, &mut text);
    summary(results, &mut text);
    text
}

fn grid(results: &Results, text: &mut String) {
    let first = results.rows.iter().map(|(case, _)| case.name.len()).max().unwrap_or(0);
    let titles: Vec<String> = results.runtimes.iter().map(crate::runtime::Runtime::title).collect();
    write!(text, "{:first$}", "test").ok();
    for title in &titles {
        write!(text, "  {title}").ok();
    }
    text.push('\n');
    for (case, cells) in &results.rows {
        write!(text, "{:first$}", case.name).ok();
        for (cell, title) in cells.iter().zip(&titles) {
            write!(text, "  {:width$}", word(cell), width = title.len()).ok();
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
}

fn notes(results: &Results, text: &mut String) {
    for (column, runtime) in results.runtimes.iter().enumerate() {
        for (case, cells) in &results.rows {
            let (kind, detail) = match &cells[column] {
                Cell::Pass => continue,
                Cell::Fail(message) => (
                    "FAIL",
                    format!(
                        "{message}\n    requirement: {} ({}, {})",
                        case.requirement,
                        case.anchor,
                        case.level.name()
                    ),
                ),
                Cell::Deviation(reason, message) => {
                    ("known deviation", format!("{reason}\n    seen: {message}"))
                }
                Cell::Stale(reason) => ("stale deviation, it passes", (*reason).to_owned()),
                Cell::Skip(reason) => ("skip", reason.clone()),
                Cell::NotApplicable(reason) => ("n/a", reason.clone()),
            };
            writeln!(text, "\n{}: {}: {kind}: {detail}", runtime.title(), case.name).ok();
        }
    }
}

fn summary(results: &Results, text: &mut String) {
    text.push('\n');
    let mut closing = String::new();
    for (column, runtime) in results.runtimes.iter().enumerate() {
        let count =
            |pick: fn(&Cell) -> bool| results.rows.iter().filter(|(_, cells)| pick(&cells[column])).count();
        let passed = count(|cell| matches!(cell, Cell::Pass | Cell::Stale(_)));
        let failed = count(|cell| matches!(cell, Cell::Fail(_)));
        let known = count(|cell| matches!(cell, Cell::Deviation(..)));
        let skipped = count(|cell| matches!(cell, Cell::Skip(_)));
        let absent = count(|cell| matches!(cell, Cell::NotApplicable(_)));
        let title = runtime.title();
        writeln!(
            text,
            "{title}: {passed} pass, {failed} fail, {known} known deviations, {skipped} skipped, {absent} n/a"
        )
        .ok();
        // A gate's skip is a hole in the proof: it counts as a failure.
        if results.gating[column] {
            closing = format!("{passed} passed, {} failed\n", failed + skipped);
        }
    }
    text.push_str(&closing);
}
