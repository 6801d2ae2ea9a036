//! The requirements, one file for each area.

mod bundles;
mod cgroups;
mod devices;
mod features;
mod hooks;
mod kill;
mod lifecycle;
mod mount_options;
mod mounts;
mod namespaces;
mod paths;
mod privileges;
mod process;
mod resources;
mod seccomp;
mod state;
mod terminal;
mod users;
mod verbs;

use crate::case::Case;

/// Every test, in the order of the areas.
pub(crate) fn all() -> Vec<Case> {
    [
        state::CASES,
        lifecycle::CASES,
        kill::CASES,
        bundles::CASES,
        mounts::CASES,
        mount_options::CASES,
        process::CASES,
        privileges::CASES,
        namespaces::CASES,
        users::CASES,
        devices::CASES,
        paths::CASES,
        cgroups::CASES,
        resources::CASES,
        seccomp::CASES,
        hooks::CASES,
        terminal::CASES,
        verbs::CASES,
        features::CASES,
    ]
    .concat()
}

#[cfg(test)]
mod names {
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_belong_to_an_area() {
        let cases = super::all();
        let names: BTreeSet<&str> = cases.iter().map(|case| case.name).collect();
        assert_eq!(names.len(), cases.len(), "two tests share a name");
        assert!(names.iter().all(|name| name.contains("::")));
        assert!(cases.iter().all(|case| case.anchor.contains('#') && !case.requirement.is_empty()));
    }
}
