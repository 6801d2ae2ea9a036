//! What kind of host this is, and the parsers that the probe shares with the suite.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// Which cgroup hierarchy holds the controllers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CgroupMode {
    /// Controllers on v1 hierarchies (legacy, or hybrid with an empty v2).
    V1,
    /// Everything on the unified hierarchy.
    V2,
}

/// Asks `/proc/filesystems`' owner: v2 is unified when it is mounted at the conventional place.
pub(crate) fn cgroup_mode() -> CgroupMode {
    if Path::new("/sys/fs/cgroup/cgroup.controllers").exists() { CgroupMode::V2 } else { CgroupMode::V1 }
}

/// The mount points of every cgroup hierarchy: (controller list or `unified`, mount point).
pub(crate) fn hierarchies() -> Vec<(String, PathBuf)> {
    let text = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let mut found = Vec::new();
    for mount in mountinfo(&text) {
        let point = PathBuf::from(mount["point"].as_str().unwrap_or_default());
        match mount["type"].as_str() {
            Some("cgroup") => {
                let controllers = mount["super"].as_str().unwrap_or_default().replace("rw,", "");
                found.push((controllers, point));
            }
            Some("cgroup2") => found.push(("unified".to_owned(), point)),
            _ => {}
        }
    }
    found
}

/// Where a v1 controller is mounted.
pub(crate) fn controller(name: &str) -> Option<PathBuf> {
    hierarchies()
        .into_iter()
        .find(|(controllers, _)| controllers.split(',').any(|controller| controller == name))
        .map(|(_, point)| point)
}

/// Parses mountinfo: one object a line, with `id parent device root point options optional type source super`.
pub(crate) fn mountinfo(text: &str) -> Vec<Value> {
    text.lines().filter_map(mountinfo_line).collect()
}

fn mountinfo_line(line: &str) -> Option<Value> {
    let (left, right) = line.split_once(" - ")?;
    let left: Vec<&str> = left.split(' ').collect();
    let right: Vec<&str> = right.split(' ').collect();
    Some(json!({
        "id": left.first()?, "parent": left.get(1)?, "device": left.get(2)?,
        "root": unescape(left.get(3)?), "point": unescape(left.get(4)?),
        "options": left.get(5)?, "optional": left.get(6..).unwrap_or_default(),
        "type": right.first()?, "source": unescape(right.get(1)?), "super": right.get(2).unwrap_or(&""),
    }))
}

fn unescape(field: &str) -> String {
    field.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")
}

/// The last mount at `point`, which is the one seen.
pub(crate) fn mount_at<'a>(mounts: &'a Value, point: &str) -> Option<&'a Value> {
    mounts.as_array()?.iter().rev().find(|mount| mount["point"] == point)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mountinfo_fields() {
        let text =
            "36 35 98:0 /mnt1 /mnt\\0402 rw,noatime master:1 shared:3 - ext3 /dev/root rw,errors=continue\n";
        let mounts = Value::Array(mountinfo(text));
        let mount = mount_at(&mounts, "/mnt 2").expect("found");
        assert_eq!(mount["options"], "rw,noatime");
        assert_eq!(mount["optional"], json!(["master:1", "shared:3"]));
        assert_eq!(mount["type"], "ext3");
        assert_eq!(mount["super"], "rw,errors=continue");
        assert!(mount_at(&mounts, "/mnt").is_none());
    }
}
