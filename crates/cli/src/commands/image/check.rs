//! `barque image check`.

use barque_image::store::Examination;

use super::progress::{Show, progress};
use super::rmi::{empty_trash_later, familiar};
use super::{Images, told};
use crate::commands::Places;
use crate::flags::Parsed;
use crate::{Result, console};

/// Checks everything against its digest. The exit code is 1 when something is wrong that was not repaired.
pub(super) fn check(flags: &Parsed, places: &Places) -> Result<i32> {
    let images = Images::open(places)?;
    let repair = flags.switch("repair");
    let how = Examination { repair, deep: flags.switch("deep") };
    let show = if flags.switch("quiet") { Show::Nothing } else { Show::Errors };
    let report = images.store.check(how, &*progress(show)).map_err(told)?;
    let mut left = false;
    for finding in &report.findings {
        let needed: Vec<String> = finding.images.iter().map(|name| familiar(name)).collect();
        let by =
            if needed.is_empty() { String::new() } else { format!(" (needed by {})", needed.join(", ")) };
        let done = finding.repair.map_or_else(String::new, |done| format!(": {done}"));
        console::out(&format!("{}{by}{done}\n", finding.problem));
        left |= finding.repair.is_none();
    }
    for orphan in &report.orphans {
        console::out(&format!("orphan: {orphan}{}\n", if repair { ": removed" } else { "" }));
    }
    if !flags.switch("quiet") {
        let (wrong, orphans) = (report.findings.len(), report.orphans.len());
        console::out(&format!(
            "{} blobs and layers checked, {wrong} wrong, {orphans} orphans\n",
            report.checked
        ));
    }
    if repair {
        empty_trash_later(&images.store)?;
    }
    Ok(i32::from(left))
}
