//! Which crate may use which: `sys ← {runtime, image, network} ← engine ← build ← {api, cli}`.

use std::collections::{BTreeMap, BTreeSet};

/// The crates of `crates/` from the bottom up; a crate may only use crates of a lower layer.
const LAYERS: [&[&str]; 6] = [
    &["barque-sys"],
    &["barque-runtime", "barque-image", "barque-network"],
    &["barque-engine"],
    &["barque-build"],
    &["barque-api"],
    &["barque-cli", "barque"],
];

/// Crates that must stay free of an async runtime, whatever they depend on.
pub const SYNCHRONOUS: [&str; 3] = ["barque-sys", "barque-runtime", "barque-network"];

/// The layer of a crate, counted from the bottom.
#[must_use]
pub fn layer(package: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&package))
}

/// Complains when `package` may not use one of `uses`. Crates that are not ours are of no concern here.
#[must_use]
pub fn wrong_direction(package: &str, uses: &[&str]) -> Vec<String> {
    let Some(own) = layer(package) else {
        return vec![format!("{package}: not in the table of layers in tests/house/src/layers.rs")];
    };
    uses.iter()
        .filter_map(|used| Some((used, layer(used)?)))
        .filter(|(_, below)| *below >= own)
        .map(|(used, _)| format!("{package} (layer {own}) uses {used}, which is not below it"))
        .collect()
}

/// The packages of a `Cargo.lock`, each with the names of what it depends on.
#[must_use]
pub fn locked_packages(lock: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut packages: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for block in lock.split("[[package]]").skip(1) {
        let Some(name) = block.lines().find_map(|line| line.strip_prefix("name = ")) else { continue };
        let uses = block
            .lines()
            .filter_map(|line| line.strip_prefix(" \""))
            .filter_map(|line| line.split(['"', ' ']).next());
        packages.entry(name.trim_matches('"').to_owned()).or_default().extend(uses.map(str::to_owned));
    }
    packages
}

/// Whether `from` reaches `to` in a dependency graph.
#[must_use]
pub fn reaches(packages: &BTreeMap<String, BTreeSet<String>>, from: &str, to: &str) -> bool {
    let mut seen = BTreeSet::new();
    let mut pending = vec![from];
    while let Some(name) = pending.pop() {
        if name == to {
            return true;
        }
        if seen.insert(name) {
            pending.extend(packages.get(name).into_iter().flatten().map(String::as_str));
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complains_about_upward_and_sideways_dependencies() {
        for (package, uses, complaints) in [
            ("barque-sys", &["libc", "rustix"][..], 0),
            ("barque-runtime", &["barque-sys", "serde"], 0),
            ("barque-runtime", &["barque-image"], 1),
            ("barque-network", &["barque-runtime", "barque-engine"], 2),
            ("barque", &["barque-engine", "barque-api"], 0),
            ("barque-surprise", &[], 1),
        ] {
            assert_eq!(wrong_direction(package, uses).len(), complaints, "{package} {uses:?}");
        }
    }

    #[test]
    fn follows_the_lock_file() {
        let lock = "version = 4\n\n[[package]]\nname = \"a\"\nversion = \"1\"\ndependencies = [\n \"b\",\n \"c 2.0.0\",\n]\n\n\
                    [[package]]\nname = \"b\"\nversion = \"1\"\n\n[[package]]\nname = \"c\"\ndependencies = [\n \"tokio\",\n]\n";
        let packages = locked_packages(lock);
        assert!(reaches(&packages, "a", "tokio"));
        assert!(!reaches(&packages, "b", "tokio"));
    }
}
