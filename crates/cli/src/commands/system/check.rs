//! `barque system check`.

use barque_engine::{Places, upkeep};
use barque_image::progress::Silent;
use barque_image::store::{Examination, Store};

use crate::flags::Parsed;
use crate::{Result, console};

/// Looks at containers, their names and what they hold, and at images. The exit code is 1 when something is wrong that was
/// not repaired.
pub(super) fn check(flags: &Parsed, places: &Places) -> Result<i32> {
    let repair = flags.switch("repair");
    let mut left = false;
    let mut count = 0;
    let mut say = |problem: &str, done: Option<&str>| {
        console::out(&format!("{problem}{}\n", done.map_or_else(String::new, |done| format!(": {done}"))));
        left |= done.is_none();
        count += 1;
    };
    for finding in upkeep::check(places, repair)? {
        say(&finding.problem, finding.repair);
    }
    if places.root.join("images").exists() {
        let how = Examination { repair, deep: false };
        let report = Store::new(&places.root).check(how, &Silent).map_err(crate::commands::image::told)?;
        for finding in &report.findings {
            say(&finding.problem, finding.repair);
        }
        for orphan in &report.orphans {
            say(&format!("orphan: {orphan}"), repair.then_some("removed"));
        }
    }
    if count == 0 {
        console::out("Nothing is wrong.\n");
    }
    Ok(i32::from(left))
}
