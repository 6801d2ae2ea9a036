//! What the probe has found, without what differs from one container to the next.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

/// Sections of lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    sections: BTreeMap<String, Vec<String>>,
}

impl Findings {
    /// Reads the probe's output.
    pub(crate) fn parse(text: &str) -> Self {
        let mut sections: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut lines = &mut Vec::new();
        for line in text.lines() {
            match line.strip_prefix("== ") {
                Some(name) => lines = sections.entry(name.to_owned()).or_default(),
                None => lines.push(line.to_owned()),
            }
        }
        if let Some(lines) = sections.get_mut("mountinfo") {
            *lines = mounts(lines);
        }
        if let Some(lines) = sections.get_mut("namespaces") {
            *lines = lines.iter().map(|line| namespace(line)).collect();
        }
        Self { sections }
    }

    /// The lines of a section.
    pub fn section(&self, name: &str) -> &[String] {
        self.sections.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether a section has a line that contains `text`.
    pub fn tells(&self, section: &str, text: &str) -> bool {
        self.section(section).iter().any(|line| line.contains(text))
    }
}

/// Panics, with what differs, unless both have found the same.
pub fn compare(script: &Findings, barque: &Findings) {
    let mut text = String::new();
    let names = script.sections.keys().chain(barque.sections.keys());
    for name in names.collect::<std::collections::BTreeSet<_>>() {
        let (left, right) = (script.section(name), barque.section(name));
        for line in left.iter().filter(|line| !right.contains(line)) {
            let _ = writeln!(text, "{name}: only the script's container: {line}");
        }
        for line in right.iter().filter(|line| !left.contains(line)) {
            let _ = writeln!(text, "{name}: only barque's container: {line}");
        }
        if text.is_empty() && left != right {
            let _ = writeln!(text, "{name}: the order differs: {left:?} and {right:?}");
        }
    }
    assert!(text.is_empty(), "the containers differ\n{text}");
}

/// Mounts by mount point, without ids. A parent is named by its mount point; the number of a file system without a
/// device is dropped, and so is that of a group of peers.
fn mounts(lines: &[String]) -> Vec<String> {
    let fields: Vec<Vec<&str>> = lines.iter().map(|line| line.split(' ').collect()).collect();
    let point_of = |id: &str| {
        let mount = fields.iter().find(|fields| fields.first() == Some(&id));
        mount.and_then(|fields| fields.get(4)).map_or("outside", |point| point)
    };
    let mut mounts: Vec<String> = fields
        .iter()
        .filter(|fields| fields.len() > 6)
        .map(|fields| {
            let device = if fields[2].starts_with("0:") { "none" } else { fields[2] };
            let rest = fields[5..].iter().map(|field| match field.split_once(':') {
                Some((kind @ ("shared" | "master" | "propagate_from"), _)) => kind,
                _ => field,
            });
            let rest = rest.collect::<Vec<_>>().join(" ");
            format!("{} in {}: {} of {device}, {rest}", fields[4], point_of(fields[1]), fields[3])
        })
        .collect();
    // Stable: of two mounts on one point, the later stays the later.
    mounts.sort_by(|one, two| one.split(' ').next().cmp(&two.split(' ').next()));
    mounts
}

/// A namespace is the host's, or one of its own, whose number says nothing.
fn namespace(line: &str) -> String {
    let (name, link) = line.split_once(' ').unwrap_or((line, ""));
    let host = std::fs::read_link(Path::new("/proc/self/ns").join(name));
    let is_hosts = host.is_ok_and(|host| host.to_string_lossy() == link);
    format!("{name}: {}", if is_hosts { "the host's" } else { "its own" })
}
