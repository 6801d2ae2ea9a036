//! Names: of the scope, of its slice, and of the slice's cgroup.

use crate::{Error, Result};

/// Slice and scope of a container, from `slice:prefix:name`.
pub(super) fn names(cgroups_path: Option<&str>, id: &str, is_user: bool) -> Result<(String, String)> {
    let asked = cgroups_path.filter(|path| !path.is_empty());
    let (slice, prefix, name) = match asked {
        None => ("", "barque", id),
        Some(path) => {
            let parts: Vec<&str> = path.split(':').collect();
            let [slice, prefix, name] = parts[..] else { return Err(bad(path, "has not three parts")) };
            (slice, prefix, name)
        }
    };
    let shown = asked.unwrap_or(id);
    let slice = match slice {
        "" if is_user => "user.slice",
        "" => "system.slice",
        slice => slice,
    };
    path_of(slice).ok_or_else(|| bad(shown, "names no slice"))?;
    if name.is_empty() || name.ends_with(".slice") {
        return Err(bad(shown, "names no scope"));
    }
    let separator = if prefix.is_empty() { "" } else { "-" };
    let unit = format!("{}{separator}{}.scope", escape(prefix), escape(name));
    // systemd's limit for a unit's name.
    if unit.len() > 255 {
        Err(bad(shown, "makes a unit name of more than 255 bytes"))
    } else {
        Ok((slice.to_owned(), unit))
    }
}

fn bad(path: &str, why: &str) -> Error {
    Error::invalid(format!("linux.cgroupsPath {path:?} {why}"))
        .hint("with the systemd driver it is slice:prefix:name, like \"system.slice:barque:web\"")
}

/// The cgroup of a slice: each dash of its name is a slice above it. `None` for what is no slice's name.
pub(super) fn path_of(slice: &str) -> Option<String> {
    let name = slice.strip_suffix(".slice")?;
    if name == "-" {
        return Some(String::new());
    }
    let valid = |part: &str| !part.is_empty() && part.bytes().all(is_plain);
    if !name.split('-').all(valid) {
        return None;
    }
    let dashes = name.match_indices('-').map(|(at, _)| &name[..at]);
    Some(dashes.chain([name]).map(|above| format!("/{above}.slice")).collect())
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b":_.\\".contains(&byte)
}

/// As `systemd-escape` does, but dashes stay: they are common in ids, and mean nothing in a scope's name.
fn escape(text: &str) -> String {
    let one = |byte: u8| match byte {
        b'-' => "-".to_owned(),
        byte if is_plain(byte) && byte != b'\\' => char::from(byte).to_string(),
        byte => format!("\\x{byte:02x}"),
    };
    text.bytes().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_named() {
        for (path, user, expected) in [
            (None, false, ("system.slice", "barque-id.scope")),
            (Some(""), true, ("user.slice", "barque-id.scope")),
            (Some("machine.slice:libpod:12ab"), false, ("machine.slice", "libpod-12ab.scope")),
            (Some("a-b.slice::web"), false, ("a-b.slice", "web.scope")),
            (Some("::we+b"), false, ("system.slice", "we\\x2bb.scope")),
            (Some("-.slice:p:x-y"), true, ("-.slice", "p-x-y.scope")),
        ] {
            let (slice, unit) = names(path, "id", user).unwrap();
            assert_eq!((slice.as_str(), unit.as_str()), expected, "{path:?}");
        }
    }

    #[test]
    fn what_is_no_scope() {
        for (path, why) in [
            ("/a/b", "has not three parts"),
            ("a:b", "has not three parts"),
            ("a:b:c:d", "has not three parts"),
            ("x:b:c", "names no slice"),
            ("a--b.slice:b:c", "names no slice"),
            ("../x.slice:b:c", "names no slice"),
            ("system.slice:b:", "names no scope"),
            ("system.slice:b:c.slice", "names no scope"),
        ] {
            let error = names(Some(path), "id", false).unwrap_err();
            assert!(error.to_string().ends_with(why), "{error}");
        }
        assert!(names(None, &"x".repeat(250), false).is_err());
    }

    #[test]
    fn slices_are_nested() {
        for (slice, path) in [
            ("system.slice", Some("/system.slice")),
            ("a-b-c.slice", Some("/a.slice/a-b.slice/a-b-c.slice")),
            ("-.slice", Some("")),
            ("-a.slice", None),
            (".slice", None),
            ("a/b.slice", None),
        ] {
            assert_eq!(path_of(slice).as_deref(), path, "{slice}");
        }
    }
}
