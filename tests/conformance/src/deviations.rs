//! What is known of the peers: where they depart from the text, with the reason.

use crate::runtime::Runtime;

/// `runtime version | test | reason`, one a line; `#` begins a comment. The version is a prefix (`runc 1.1`), and a
/// test named `area::*` means the whole area.
const TABLE: &str = include_str!("../deviations.txt");

fn rows(table: &'static str) -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    let lines = table.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    lines.filter_map(|line| {
        let mut fields = line.splitn(3, '|').map(str::trim);
        Some((fields.next()?, fields.next()?, fields.next()?))
    })
}

/// The reason why this runtime is known to fail this test.
pub(crate) fn of(runtime: &Runtime, test: &str) -> Option<&'static str> {
    let title = runtime.title();
    rows(TABLE).find(|(peer, name, _)| title.starts_with(peer) && *name == test).map(|row| row.2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_names_a_test_and_a_reason() {
        let names: Vec<&str> = crate::tests::all().iter().map(|case| case.name).collect();
        let lines = TABLE.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()).count();
        assert_eq!(rows(TABLE).count(), lines, "a line lacks a field");
        for (peer, test, reason) in rows(TABLE) {
            assert!(names.contains(&test), "{peer}: no test is named {test}");
            assert!(reason.len() > 10, "{peer}: {test} needs a reason");
            assert!(!peer.starts_with("barque"), "our own runtime has no declared deviations");
        }
    }
}
