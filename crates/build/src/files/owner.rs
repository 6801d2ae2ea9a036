//! `--chown`: names become ids by the files of the image.

use std::path::Path;

use barque_sys::path::Root;

use crate::{Error, Result};

/// The ids that `USER[:GROUP]` means in a root filesystem. A user alone has its own group; a number that nobody has, the
/// group of the same number.
pub(crate) fn ids(root: &Root, text: &str) -> Result<(u32, u32)> {
    let (user, group) = match text.split_once(':') {
        Some((user, group)) => (user, Some(group).filter(|group| !group.is_empty())),
        None => (text, None),
    };
    let read = |path: &str| {
        barque_sys::file::read_regular(|flags| root.open(Path::new(path), flags)).unwrap_or_default()
    };
    let passwd = read("/etc/passwd");
    let entry = passwd.lines().find_map(|line| passwd_line(line, user));
    let (uid, own_group) = match (entry, user.parse::<u32>()) {
        (Some((uid, gid)), _) => (uid, gid),
        (None, Ok(number)) => (number, number),
        (None, Err(_)) if user.is_empty() => (0, 0),
        (None, Err(_)) => return Err(unknown("user", user, "/etc/passwd")),
    };
    let gid = match group {
        None => own_group,
        Some(group) => match (group.parse::<u32>(), read("/etc/group")) {
            (Ok(number), _) => number,
            (Err(_), groups) => groups
                .lines()
                .find_map(|line| group_line(line, group))
                .ok_or_else(|| unknown("group", group, "/etc/group"))?,
        },
    };
    Ok((uid, gid))
}

fn unknown(what: &str, name: &str, file: &str) -> Error {
    Error::invalid(format!(
        "unable to convert {name:?} to an id: no {what} of that name in {file} of the image"
    ))
    .hint("give the number")
}

/// Uid and gid of a line whose name, or number, is the one wanted.
fn passwd_line(line: &str, wanted: &str) -> Option<(u32, u32)> {
    let mut fields = line.split(':');
    let (name, uid, gid) = (fields.next()?, fields.nth(1)?, fields.next()?);
    (name == wanted || uid == wanted).then_some((uid.parse().ok()?, gid.parse().ok()?))
}

fn group_line(line: &str, wanted: &str) -> Option<u32> {
    let mut fields = line.split(':');
    let (name, gid) = (fields.next()?, fields.nth(1)?);
    (name == wanted).then(|| gid.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("etc")).unwrap();
        std::fs::write(directory.path().join("etc/passwd"), "root:x:0:0::/:/bin/sh\nweb:x:33:34::/:\n")
            .unwrap();
        std::fs::write(directory.path().join("etc/group"), "root:x:0:\nstaff:x:50:web\n").unwrap();
        let root = Root::open_host(directory.path()).unwrap();
        for (text, expected) in [
            ("web", (33, 34)),
            ("33", (33, 34)),
            ("web:staff", (33, 50)),
            ("7", (7, 7)),
            ("7:8", (7, 8)),
            ("web:", (33, 34)),
            (":staff", (0, 50)),
        ] {
            assert_eq!(ids(&root, text).unwrap(), expected, "{text}");
        }
        for text in ["nobody-here", "web:none"] {
            assert!(ids(&root, text).unwrap_err().to_string().contains("no "), "{text}");
        }
    }
}
